"""Linear perpetuals."""

from jaxtyping import Array, Float, Int

from jaxmargin.instruments._base import AbstractInstruments
from jaxmargin.market import Market

__all__ = ["LinearPerpetuals"]


class LinearPerpetuals(AbstractInstruments):
    """A quantity of the underlying without expiry, settled in a quote currency.

    Funding paid within the horizon is not included.

    Attributes:
        asset: the underlying, as a row of `Market.perpetual`.
        settlement: a stablecoin or the numeraire; see `AbstractInstruments`.
        multiplier: see `AbstractInstruments`.
    """

    asset: Int[Array, " instrument"]
    settlement: Int[Array, " instrument"]
    multiplier: Float[Array, " instrument"]

    def value(self, market: Market) -> Float[Array, " instrument"]:
        """Mark price in the settlement asset; see `AbstractInstruments.value`."""
        return market.perpetual[self.asset] / market.spot[self.settlement]
