"""Stationary bootstrap: blocks of successive past days, of random length."""

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Key

from jaxmargin.errors import require
from jaxmargin.market import Market
from jaxmargin.scenarios._factors import FactorHistory
from jaxmargin.scenarios._shocks import Shocks
from jaxmargin.scenarios._source import (
    DAYS_PER_YEAR,
    AbstractScenarioSource,
    require_fit,
    shared_paths,
)

__all__ = ["StationaryBootstrap"]


class StationaryBootstrap(AbstractScenarioSource):
    """Sums of past days drawn in blocks, all factors on the same dates.

    The first day of a path is any past day. Each further day is the one that followed in the
    past, or, with probability `1 / mean_block_days`, again any day; the last day of the history is
    followed by the first. Longer blocks keep more of the clustering of volatility; a mean block
    of one day draws days independently. Standard errors count no more independent scenarios than
    the history has days over the horizon.

    Attributes:
        history: past one-day moves.
        paths: number of scenarios.
        mean_block_days: mean length of a block, at least 1.
        horizon_days: days a scenario spans.

    References:
        Politis, D. and Romano, J. (1994), "The stationary bootstrap", Journal of the American
        Statistical Association 89, 1303-1313.
    """

    history: FactorHistory
    paths: int = eqx.field(static=True)
    mean_block_days: float = eqx.field(static=True, default=10.0)
    horizon_days: int = eqx.field(static=True, default=1)

    def __check_init__(self) -> None:
        """Raises `InvalidInputError` if a setting is out of range."""
        for name in ("paths", "mean_block_days", "horizon_days"):
            value = getattr(self, name)
            require(value >= 1, f"StationaryBootstrap.{name} must be at least 1; got {value!r}.")

    def shocks(self, market: Market, key: Key[Array, ""]) -> Shocks:
        """See `AbstractScenarioSource.shocks`."""
        require_fit(self, self.history.factors, market)
        return self.history.factors.shocks(
            _paths(self, key),
            time=self.horizon_days / DAYS_PER_YEAR,
            overlap=shared_paths(self.paths, self.horizon_days, self.history),
        )


@jax.jit
def _paths(source: StationaryBootstrap, key: Key[Array, ""]) -> Float[Array, "factor scenario"]:
    past = source.history.moves
    days, shape = past.shape[0], (source.horizon_days, source.paths)
    starts, restarts = jax.random.split(key)
    fresh = jax.random.randint(starts, shape, 0, days)
    restart = jax.random.uniform(restarts, shape) * source.mean_block_days < 1.0

    def step(
        state: tuple[Array, Float[Array, "path factor"]], drawn: tuple[Array, Array]
    ) -> tuple[tuple[Array, Float[Array, "path factor"]], None]:
        (day, total), (new, again) = state, drawn
        day = jnp.where(again, new, (day + 1) % days)
        return (day, total + past[day]), None

    first = (fresh[0], past[fresh[0]])
    (_, total), _ = jax.lax.scan(step, first, (fresh[1:], restart[1:]))
    return total.T
