"""Barrier options."""

import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from jaxmargin.instruments._base import AbstractOptions
from jaxmargin.instruments.formulas_barrier import barrier_price, corrected_barrier
from jaxmargin.market import Market

__all__ = ["BarrierOptions"]


class BarrierOptions(AbstractOptions):
    """European options in a quote currency that a barrier brings to life or ends; no rebate.

    Closed form with the volatility of the strike, see `barrier_price`. A scenario knows only the
    spot at its end: a barrier is touched if the shocked spot lies beyond it, and what happened on
    the way there is not looked at. An option touched before today is to be booked as what it
    became.

    Attributes:
        pillar: underlying and expiry, as a row of `Market.forward`.
        strike: strike, settlement asset per unit of the underlying.
        sign: 1 for a call, -1 for a put.
        barrier: level of the spot price, in the unit of `strike`.
        down: whether the barrier is below the spot; else it is above.
        knock_in: whether touching brings the option to life; else it ends it.
        interval: years between the moments at which the barrier is watched; 0 is always.
        settlement: a stablecoin or the numeraire; see `AbstractInstruments`.
        multiplier: see `AbstractInstruments`.
    """

    pillar: Int[Array, " instrument"]
    strike: Float[Array, " instrument"]
    sign: Float[Array, " instrument"]
    barrier: Float[Array, " instrument"]
    down: Bool[Array, " instrument"]
    knock_in: Bool[Array, " instrument"]
    interval: Float[Array, " instrument"]
    settlement: Int[Array, " instrument"]
    multiplier: Float[Array, " instrument"]

    def value(self, market: Market) -> Float[Array, " instrument"]:
        """See `AbstractInstruments.value`."""
        unit = market.spot[self.settlement]
        interval = jnp.minimum(self.interval, market.time[self.pillar])
        volatility = market.volatility(self.pillar, self.strike)
        price = barrier_price(
            self.sign,
            market.spot[market.asset[self.pillar]] / unit,
            market.forward[self.pillar] / unit,
            self.strike,
            market.total_volatility(self.pillar, self.strike),
            barrier=corrected_barrier(self.barrier, self.down, volatility, interval),
            down=self.down,
            knock_in=self.knock_in,
        )
        return price * market.discount(self.pillar)
