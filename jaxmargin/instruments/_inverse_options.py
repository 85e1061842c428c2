"""Inverse European options."""

from jaxtyping import Array, Float, Int

from jaxmargin.instruments._base import AbstractOptions
from jaxmargin.instruments.formulas import black
from jaxmargin.market import Market

__all__ = ["InverseOptions"]


class InverseOptions(AbstractOptions):
    r"""European options in the coin: strike in the numeraire, premium and payoff in the coin.

    $V = e^{-rT}\,\mathrm{Black}(F, K) / F$; at expiry $(S - K)^+ / S$ for a call.

    Attributes:
        pillar: underlying and expiry, as a row of `Market.forward`.
        strike: strike, numeraire per unit of the underlying.
        sign: 1 for a call, -1 for a put.
        settlement: the coin; see `AbstractInstruments`.
        multiplier: see `AbstractInstruments`.
    """

    pillar: Int[Array, " instrument"]
    strike: Float[Array, " instrument"]
    sign: Float[Array, " instrument"]
    settlement: Int[Array, " instrument"]
    multiplier: Float[Array, " instrument"]

    def value(self, market: Market) -> Float[Array, " instrument"]:
        """See `AbstractInstruments.value`."""
        forward = market.forward[self.pillar]
        total_volatility = market.total_volatility(self.pillar, self.strike)
        undiscounted = black(self.sign, forward, self.strike, total_volatility)
        return undiscounted / forward * market.discount(self.pillar)
