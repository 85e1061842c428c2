"""Quanto perpetuals."""

from jaxtyping import Array, Float, Int

from jaxmargin.instruments._base import AbstractInstruments
from jaxmargin.market import Market

__all__ = ["QuantoPerpetuals"]


class QuantoPerpetuals(AbstractInstruments):
    """A price in the numeraire, paid in a third asset at a fixed rate of exchange.

    A contract pays `multiplier` units of the settlement asset for each numeraire unit that the
    price moves, whatever the settlement asset is worth.

    Funding is paid on the same notional: `Market.funding` times the years that have passed.

    Attributes:
        asset: the underlying, as a row of `Market.perpetual`.
        settlement: what is paid; see `AbstractInstruments`.
        multiplier: settlement units per numeraire unit of the price, positive; zero for padding.
    """

    asset: Int[Array, " instrument"]
    settlement: Int[Array, " instrument"]
    multiplier: Float[Array, " instrument"]

    def value(self, market: Market) -> Float[Array, " instrument"]:
        """Price in the numeraire, paid in the settlement asset; see the abstract method."""
        paid = market.funding[self.asset] * market.elapsed
        return market.perpetual[self.asset] * (1.0 - paid)
