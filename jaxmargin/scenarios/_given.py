"""Scenarios that are given as they are: from a file, or from a stress library."""

from jaxtyping import Array, Key

from jaxmargin.errors import require
from jaxmargin.market import Market
from jaxmargin.scenarios._shocks import Shocks
from jaxmargin.scenarios._source import AbstractScenarioSource

__all__ = ["GivenScenarios"]


class GivenScenarios(AbstractScenarioSource):
    """A stated set of scenarios.

    Attributes:
        given: the scenarios, for a market of the same assets and pillars in the same order.
    """

    given: Shocks

    def shocks(self, market: Market, key: Key[Array, ""]) -> Shocks:
        """See `AbstractScenarioSource.shocks`; `key` is not used."""
        parts = (self.given.basis, self.given.volatility, self.given.rate)
        pillars = {part.shape[0] for part in parts if part is not None}
        made = (self.given.spot.shape[0], pillars.pop() if pillars else market.time.shape[0])
        wanted = (market.spot.shape[0], market.time.shape[0])
        require(
            made == wanted,
            f"GivenScenarios moves {made[0]} assets and {made[1]} pillars; the market has "
            f"{wanted[0]} and {wanted[1]}. Make them for this market.",
        )
        return self.given
