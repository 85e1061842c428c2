"""Linear European options."""

from jaxtyping import Array, Float, Int

from jaxmargin.instruments._base import AbstractOptions
from jaxmargin.instruments.formulas import black
from jaxmargin.market import Market

__all__ = ["LinearOptions"]


class LinearOptions(AbstractOptions):
    r"""European options in a quote currency: strike, premium and payoff in the settlement asset.

    $V = e^{-rT}\,\mathrm{Black}(F / U, K)$ with the settlement asset at price $U$.

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
        forward = market.forward[self.pillar] / market.spot[self.settlement]
        total_volatility = market.total_volatility(self.pillar, self.strike)
        return black(self.sign, forward, self.strike, total_volatility) * market.discount(
            self.pillar
        )
