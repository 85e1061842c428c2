"""Linear futures."""

from jaxtyping import Array, Float, Int

from jaxmargin.instruments._base import AbstractInstruments
from jaxmargin.market import Market

__all__ = ["LinearFutures"]


class LinearFutures(AbstractInstruments):
    """A quantity of the underlying for delivery at expiry, settled in a quote currency.

    Attributes:
        pillar: asset and expiry, as a row of `Market.forward`.
        settlement: a stablecoin or the numeraire; see `AbstractInstruments`.
        multiplier: see `AbstractInstruments`.
    """

    pillar: Int[Array, " instrument"]
    settlement: Int[Array, " instrument"]
    multiplier: Float[Array, " instrument"]

    def value(self, market: Market) -> Float[Array, " instrument"]:
        """Forward price in the settlement asset; see `AbstractInstruments.value`."""
        return market.forward[self.pillar] / market.spot[self.settlement]
