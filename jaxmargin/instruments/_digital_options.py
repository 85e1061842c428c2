"""Digital options."""

from jaxtyping import Array, Float, Int

from jaxmargin.instruments._base import AbstractOptions
from jaxmargin.instruments.formulas import digital
from jaxmargin.market import Market

__all__ = ["DigitalOptions"]


class DigitalOptions(AbstractOptions):
    r"""European options that pay one unit of the settlement asset if they end in the money.

    $V = e^{-rT} N(\theta d_2)$. The volatility is that of the strike; the slope of the smile,
    which a spread of two options would see, is left out.

    Attributes:
        pillar: underlying and expiry, as a row of `Market.forward`.
        strike: strike, settlement asset per unit of the underlying.
        sign: 1 if it pays above the strike, -1 if below.
        settlement: what is paid; see `AbstractInstruments`.
        multiplier: settlement units paid by one contract, positive; zero for padding.
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
        probability = digital(self.sign, forward, self.strike, total_volatility)
        return probability * market.discount(self.pillar)
