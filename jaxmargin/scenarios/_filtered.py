"""Filtered historical simulation: past surprises at today's volatility."""

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, Key

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
from jaxmargin.scenarios._volatility_models import AbstractVolatilityModel, filter_variance

__all__ = ["FilteredHistoricalSimulation", "filtered_paths"]


class FilteredHistoricalSimulation(AbstractScenarioSource):
    r"""Standardized past moves, drawn jointly by date, run forward through a volatility model.

    With conditional deviations $\sigma_t$ of a model fitted to the moves $r_t$ about their mean
    $\mu$, the residuals are $z_t = (r_t - \mu) / \sigma_t$. Each path draws one date per day of
    the horizon, the same for all factors, so that they keep their dependence, and iterates

    $$ r^*_j = z_{t_j} \sigma^*_j, \qquad \sigma^{*2}_{j+1} = f(\sigma^{*2}_j, r^{*2}_j), $$

    from $\sigma^*_1$ of the day after the history. A scenario is the sum of its days. Standard
    errors count no more independent scenarios than the history has days over the horizon.

    Attributes:
        history: past one-day moves.
        model: volatility model of every factor.
        mean: daily mean of each factor, taken out of the past and not put into scenarios; None
            for zero.
        paths: number of scenarios; None for every date once, in order, which needs a horizon of
            one day and no randomness.
        horizon_days: days a scenario spans.

    References:
        Barone-Adesi, G., Giannopoulos, K. and Vosper, L. (1999), "VaR without correlations for
        portfolios of derivative securities", Journal of Futures Markets 19, 583-602.
    """

    history: FactorHistory
    model: AbstractVolatilityModel
    mean: Float[Array, " factor"] | None = None
    paths: int | None = eqx.field(static=True, default=None)
    horizon_days: int = eqx.field(static=True, default=1)

    def __check_init__(self) -> None:
        """Raises `InvalidInputError` if the settings do not go together."""
        require(
            self.horizon_days >= 1,
            "FilteredHistoricalSimulation.horizon_days must be at least 1; got "
            f"{self.horizon_days!r}.",
        )
        require(
            self.paths is None or self.paths >= 1,
            f"FilteredHistoricalSimulation.paths must be at least 1; got {self.paths!r}.",
        )
        require(
            self.paths is not None or self.horizon_days == 1,
            f"FilteredHistoricalSimulation over {self.horizon_days} days draws dates: give the "
            "number of paths.",
        )

    def shocks(self, market: Market, key: Key[Array, ""]) -> Shocks:
        """See `AbstractScenarioSource.shocks`; `key` is not used without `paths`."""
        require_fit(self, self.history.factors, market)
        moves = _paths(self, key)
        return self.history.factors.shocks(
            moves,
            time=self.horizon_days / DAYS_PER_YEAR,
            overlap=shared_paths(moves.shape[1], self.horizon_days, self.history),
        )


@jax.jit
def _paths(
    source: FilteredHistoricalSimulation, key: Key[Array, ""]
) -> Float[Array, "factor scenario"]:
    past = source.history.moves
    if source.mean is not None:
        past = past - source.mean.astype(past.dtype)[None, :]
    variance = filter_variance(source.model, past)
    residual = past / jnp.sqrt(variance[:-1])
    start = variance[-1]
    if source.paths is None:
        return (residual * jnp.sqrt(start)[None, :]).T
    date = jax.random.randint(key, (source.horizon_days, source.paths), 0, past.shape[0])
    return filtered_paths(source.model, residual, start, date).T


def filtered_paths(
    model: AbstractVolatilityModel,
    residual: Float[Array, "day factor"],
    start: Float[Array, " factor"],
    date: Int[Array, "step path"],
) -> Float[Array, "path factor"]:
    """Sums of the moves of paths that take the residuals of `date` one after the other.

    Args:
        model: how the variance goes on within a path.
        residual: past moves over their deviations.
        start: variance of the first step.
        date: row of `residual` of each step.
    """

    def step(
        state: tuple[Float[Array, "path factor"], Float[Array, "path factor"]], day: Array
    ) -> tuple[tuple[Float[Array, "path factor"], Float[Array, "path factor"]], None]:
        variance, total = state
        move = residual[day] * jnp.sqrt(variance)
        return (model.next_variance(variance, jnp.square(move)), total + move), None

    first = jnp.broadcast_to(start, (date.shape[1], start.shape[0]))
    (_, total), _ = jax.lax.scan(step, (first, jnp.zeros_like(first)), date)
    return total
