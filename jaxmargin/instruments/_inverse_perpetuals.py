"""Inverse perpetuals."""

from jaxtyping import Array, Float, Int

from jaxmargin.instruments._base import AbstractInstruments
from jaxmargin.market import Market

__all__ = ["InversePerpetuals"]


class InversePerpetuals(AbstractInstruments):
    """An amount of numeraire in a coin without expiry, settled in that coin.

    Funding paid within the horizon is not included.

    Attributes:
        asset: the underlying, as a row of `Market.perpetual`.
        settlement: the coin; see `AbstractInstruments`.
        multiplier: see `AbstractInstruments`.
    """

    asset: Int[Array, " instrument"]
    settlement: Int[Array, " instrument"]
    multiplier: Float[Array, " instrument"]

    def value(self, market: Market) -> Float[Array, " instrument"]:
        """Minus the coins that one numeraire unit buys; see `AbstractInstruments.value`."""
        return -1.0 / market.perpetual[self.asset]
