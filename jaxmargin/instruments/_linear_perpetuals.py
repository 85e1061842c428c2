"""Linear perpetuals."""

from jaxtyping import Array, Float, Int

from jaxmargin.instruments._base import AbstractInstruments
from jaxmargin.market import Market

__all__ = ["LinearPerpetuals"]


class LinearPerpetuals(AbstractInstruments):
    """A quantity of the underlying without expiry, settled in a quote currency.

    The long side pays `Market.funding` times the years that have passed on the notional at the
    mark then.

    Attributes:
        asset: the underlying, as a row of `Market.perpetual`.
        settlement: a stablecoin or the numeraire; see `AbstractInstruments`.
        multiplier: see `AbstractInstruments`.
    """

    asset: Int[Array, " instrument"]
    settlement: Int[Array, " instrument"]
    multiplier: Float[Array, " instrument"]

    def value(self, market: Market) -> Float[Array, " instrument"]:
        """Mark price in the settlement asset, less funding paid; see the abstract method."""
        price = market.perpetual[self.asset] / market.spot[self.settlement]
        return price * (1.0 - market.funding[self.asset] * market.elapsed)
