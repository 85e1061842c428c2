"""Inverse perpetuals."""

from jaxtyping import Array, Float, Int

from jaxmargin.instruments._base import AbstractInstruments
from jaxmargin.market import Market

__all__ = ["InversePerpetuals"]


class InversePerpetuals(AbstractInstruments):
    """An amount of numeraire in a coin without expiry, settled in that coin.

    The long side pays `Market.funding` times the years that have passed on the notional at the
    mark then.

    Attributes:
        asset: the underlying, as a row of `Market.perpetual`.
        settlement: the coin; see `AbstractInstruments`.
        multiplier: see `AbstractInstruments`.
    """

    asset: Int[Array, " instrument"]
    settlement: Int[Array, " instrument"]
    multiplier: Float[Array, " instrument"]

    def value(self, market: Market) -> Float[Array, " instrument"]:
        """Minus the coins one numeraire unit buys, less funding paid; see the abstract method."""
        paid = market.funding[self.asset] * market.elapsed
        return -(1.0 + paid) / market.perpetual[self.asset]
