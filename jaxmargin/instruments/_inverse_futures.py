"""Inverse futures."""

from jaxtyping import Array, Float, Int

from jaxmargin.instruments._base import AbstractInstruments
from jaxmargin.market import Market

__all__ = ["InverseFutures"]


class InverseFutures(AbstractInstruments):
    """An amount of numeraire in a coin for delivery at expiry, settled in that coin.

    Attributes:
        pillar: asset and expiry, as a row of `Market.forward`.
        settlement: the coin; see `AbstractInstruments`.
        multiplier: see `AbstractInstruments`.
    """

    pillar: Int[Array, " instrument"]
    settlement: Int[Array, " instrument"]
    multiplier: Float[Array, " instrument"]

    def value(self, market: Market) -> Float[Array, " instrument"]:
        """Minus the coins that one numeraire unit buys forward; see `AbstractInstruments.value`."""
        return -1.0 / market.forward[self.pillar]
