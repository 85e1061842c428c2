"""American options."""

from jaxtyping import Array, Float, Int

from jaxmargin.instruments._base import AbstractOptions
from jaxmargin.instruments.formulas_american import american_price
from jaxmargin.market import Market

__all__ = ["AmericanOptions"]


class AmericanOptions(AbstractOptions):
    """Options in a quote currency that may be exercised at any time, on the spot price.

    See `american_price` for the method and its error; some 2,000 normal probabilities a price.
    The cost of carry is that between spot and forward.

    Attributes:
        pillar: underlying and expiry, as a row of `Market.forward`.
        strike: strike, settlement asset per unit of the underlying.
        sign: 1 for a call, -1 for a put.
        settlement: a stablecoin or the numeraire; see `AbstractInstruments`.
        multiplier: see `AbstractInstruments`.
    """

    pillar: Int[Array, " instrument"]
    strike: Float[Array, " instrument"]
    sign: Float[Array, " instrument"]
    settlement: Int[Array, " instrument"]
    multiplier: Float[Array, " instrument"]

    def value(self, market: Market) -> Float[Array, " instrument"]:
        """See `AbstractInstruments.value`."""
        unit = market.spot[self.settlement]
        return american_price(
            self.sign,
            market.spot[market.asset[self.pillar]] / unit,
            market.forward[self.pillar] / unit,
            self.strike,
            market.total_volatility(self.pillar, self.strike),
            rate_time=market.rate[self.pillar] * market.time[self.pillar],
        )
