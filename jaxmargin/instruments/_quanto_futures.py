"""Quanto futures."""

from jaxtyping import Array, Float, Int

from jaxmargin.instruments._base import AbstractInstruments
from jaxmargin.market import Market

__all__ = ["QuantoFutures"]


class QuantoFutures(AbstractInstruments):
    """A price in the numeraire, paid in a third asset at a fixed rate of exchange.

    A contract pays `multiplier` units of the settlement asset for each numeraire unit that the
    price moves, whatever the settlement asset is worth.

    Attributes:
        pillar: asset and expiry, as a row of `Market.forward`.
        settlement: what is paid; see `AbstractInstruments`.
        multiplier: settlement units per numeraire unit of the price, positive; zero for padding.
    """

    pillar: Int[Array, " instrument"]
    settlement: Int[Array, " instrument"]
    multiplier: Float[Array, " instrument"]

    def value(self, market: Market) -> Float[Array, " instrument"]:
        """Price in the numeraire, paid in the settlement asset; see the abstract method."""
        return market.forward[self.pillar]
