"""What makes scenarios."""

import abc

import equinox as eqx
from jaxtyping import Array, Key

from jaxmargin.errors import require
from jaxmargin.market import Market
from jaxmargin.scenarios._factors import FactorHistory, RiskFactors
from jaxmargin.scenarios._shocks import Shocks

__all__ = [
    "DAYS_PER_YEAR",
    "AbstractScenarioSource",
    "require_counts",
    "require_fit",
    "shared_paths",
]

DAYS_PER_YEAR = 365.0


class AbstractScenarioSource(eqx.Module):
    """A rule that makes a set of joint scenarios for a market."""

    @abc.abstractmethod
    def shocks(self, market: Market, key: Key[Array, ""]) -> Shocks:
        """The scenarios of this source for `market`.

        Args:
            market: today's market; its assets and pillars say what is shocked.
            key: random key; sources without randomness ignore it. The same key makes the same
                scenarios.

        Raises:
            InvalidInputError: the source was made for a market of another shape.
        """


def require_fit(source: AbstractScenarioSource, factors: RiskFactors, market: Market) -> None:
    """Raise `InvalidInputError` unless `factors` move a market of this shape."""
    made = (factors.spot.shape[0], factors.pillars)
    given = (market.spot.shape[0], market.time.shape[0])
    require(
        made == given,
        f"{type(source).__name__} moves {made[0]} assets and {made[1]} pillars; the market has "
        f"{given[0]} and {given[1]}. Make its factors for this market.",
    )


def require_counts(source: AbstractScenarioSource) -> None:
    """Raise `InvalidInputError` unless `scenarios` and `horizon_days` are at least 1."""
    for name in ("scenarios", "horizon_days"):
        value = getattr(source, name)
        require(value >= 1, f"{type(source).__name__}.{name} must be at least 1; got {value!r}.")


def shared_paths(paths: int, horizon_days: int, history: FactorHistory) -> float:
    """How many of the resampled `paths` count as one: the history has only so many days."""
    return max(1.0, paths * horizon_days / history.moves.shape[0])
