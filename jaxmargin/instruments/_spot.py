"""Coins and tokens held or owed."""

from jaxtyping import Array, Float, Int

from jaxmargin.instruments._base import AbstractInstruments
from jaxmargin.market import Market

__all__ = ["Spot"]


class Spot(AbstractInstruments):
    """One unit of an asset, bought or sold against its settlement asset.

    Attributes:
        asset: the asset, as a row of `Market.spot`.
        settlement: what it is quoted in; see `AbstractInstruments`.
        multiplier: see `AbstractInstruments`.
    """

    asset: Int[Array, " instrument"]
    settlement: Int[Array, " instrument"]
    multiplier: Float[Array, " instrument"]

    def value(self, market: Market) -> Float[Array, " instrument"]:
        """Spot price in the settlement asset; see `AbstractInstruments.value`."""
        return market.spot[self.asset] / market.spot[self.settlement]
