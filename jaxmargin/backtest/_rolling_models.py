"""Models that are backtested: the scenarios of each at the close of every day of the past."""

import abc

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, Key

from jaxmargin.errors import require
from jaxmargin.numerics import exact_matmul, standard_normals
from jaxmargin.scenarios import (
    AbstractVolatilityModel,
    Covariance,
    age_weights,
    filter_variance,
    filtered_paths,
    overlapping_sums,
    student_stretch,
)

__all__ = [
    "AbstractBacktestModel",
    "FilteredModel",
    "HistoricalModel",
    "StudentModel",
    "filtered_model",
    "student_model",
]


class AbstractBacktestModel(eqx.Module):
    """What a model says of the coming moves, at the close of every day, from what is known then.

    Attributes:
        window: days of history that the first margin needs: that of day `window - 1`.
        horizon_days: days that a scenario spans.
    """

    window: eqx.AbstractVar[int]
    horizon_days: eqx.AbstractVar[int]

    @abc.abstractmethod
    def moves(self, day: Int[Array, ""]) -> Float[Array, "scenario asset"]:
        """Log moves over the horizon as known at the close of `day`: from rows up to it alone."""

    @abc.abstractmethod
    def weight(self) -> Float[Array, " scenario"] | None:
        """Relative weight of each scenario, on all days; None if they count alike."""

    @abc.abstractmethod
    def overlap(self) -> float:
        """How many scenarios count as one independent one."""


class HistoricalModel(AbstractBacktestModel):
    """Historical simulation: what happened in the last `window` days; see `HistoricalSimulation`.

    Attributes:
        returns: log returns of one day, oldest first.
        decay: weight of a scenario relative to the next younger one, in (0, 1); None for one.
        window: days of history.
        horizon_days: days that a scenario spans; scenarios overlap.
    """

    returns: Float[Array, "day asset"]
    decay: Float[Array, ""] | None = None
    window: int = eqx.field(static=True, default=365)
    horizon_days: int = eqx.field(static=True, default=1)

    def __check_init__(self) -> None:
        """Raises `InvalidInputError` if window and horizon do not fit the history."""
        _require_window(self, self.returns)

    def moves(self, day: Int[Array, ""]) -> Float[Array, "scenario asset"]:
        """See `AbstractBacktestModel.moves`."""
        return overlapping_sums(_last(self.returns, day, self.window).T, self.horizon_days).T

    def weight(self) -> Float[Array, " scenario"] | None:
        """See `AbstractBacktestModel.weight`."""
        if self.decay is None:
            return None
        return age_weights(self.decay, self.window - self.horizon_days + 1)

    def overlap(self) -> float:
        """See `AbstractBacktestModel.overlap`."""
        return float(self.horizon_days)


class FilteredModel(AbstractBacktestModel):
    r"""Filtered historical simulation; see `FilteredHistoricalSimulation` and `filtered_model`.

    A scenario takes the residuals of `horizon_days` successive days of the window, in order and the
    same days for all assets, and runs them forward through the volatility model from tomorrow's
    variance; so nothing is drawn, and what the residuals keep of serial dependence stays.

    Attributes:
        volatility: how the variance goes on.
        residual: returns over their deviations.
        variance: of the return of the day after each day, known at the close of that day.
        window: days of residuals.
        horizon_days: days that a scenario spans.
    """

    volatility: AbstractVolatilityModel
    residual: Float[Array, "day asset"]
    variance: Float[Array, "day asset"]
    window: int = eqx.field(static=True)
    horizon_days: int = eqx.field(static=True, default=1)

    def __check_init__(self) -> None:
        """Raises `InvalidInputError` if window and horizon do not fit the history."""
        _require_window(self, self.residual)

    def moves(self, day: Int[Array, ""]) -> Float[Array, "scenario asset"]:
        """See `AbstractBacktestModel.moves`."""
        first = jnp.arange(self.window - self.horizon_days + 1)
        date = first[None, :] + jnp.arange(self.horizon_days)[:, None]
        past = _last(self.residual, day, self.window)
        return filtered_paths(self.volatility, past, self.variance[day], date)

    def weight(self) -> Float[Array, " scenario"] | None:
        """See `AbstractBacktestModel.weight`."""
        return None

    def overlap(self) -> float:
        """See `AbstractBacktestModel.overlap`."""
        return float(self.horizon_days)


class StudentModel(AbstractBacktestModel):
    r"""Student-t Monte Carlo with the covariance of each day; see `StudentMonteCarlo`.

    All days use the same random numbers, so that margin moves with the covariance alone.

    Attributes:
        returns: log returns of one day, oldest first.
        draws: uncorrelated draws of variance one, see `student_model`.
        decay: of the exponentially weighted covariance about zero over the window, in (0, 1), see
            `ewma_covariance`; None for the sample covariance about the mean.
        window: days of history.
        horizon_days: $h$; the covariance is $h$ times that of one day.
    """

    returns: Float[Array, "day asset"]
    draws: Float[Array, "asset scenario"]
    decay: Float[Array, ""] | None = None
    window: int = eqx.field(static=True, default=365)
    horizon_days: int = eqx.field(static=True, default=1)

    def __check_init__(self) -> None:
        """Raises `InvalidInputError` if window and horizon do not fit the history."""
        _require_window(self, self.returns)

    def moves(self, day: Int[Array, ""]) -> Float[Array, "scenario asset"]:
        """See `AbstractBacktestModel.moves`."""
        past = _last(self.returns, day, self.window)
        if self.decay is None:
            past = past - jnp.mean(past, axis=0)[None, :]
            share = jnp.full(self.window, 1.0 / (self.window - 1), past.dtype)
        else:
            share = age_weights(self.decay.astype(past.dtype), self.window)
            share = share / jnp.sum(share)
        matrix = exact_matmul(past.T, past * share[:, None])
        deviation = jnp.sqrt(jnp.diagonal(matrix))
        correlation = matrix / (deviation[:, None] * deviation[None, :])
        root = Covariance(deviation, correlation).root()
        return exact_matmul(root, self.draws).T * self.horizon_days**0.5

    def weight(self) -> Float[Array, " scenario"] | None:
        """See `AbstractBacktestModel.weight`."""
        return None

    def overlap(self) -> float:
        """See `AbstractBacktestModel.overlap`."""
        return 1.0


def filtered_model(
    returns: Float[Array, "day asset"],
    volatility: AbstractVolatilityModel,
    *,
    window: int,
    horizon_days: int = 1,
) -> FilteredModel:
    """Filtered historical simulation of a history, with variances that know no later day.

    The first variance is that of the first `window` days, before the first margin.

    Args:
        returns: log returns of one day, oldest first.
        volatility: its parameters must not come from days that are tested.
        window: days of residuals, and of the first variance.
        horizon_days: days that a scenario spans.

    Raises:
        InvalidInputError: window and horizon do not fit the history.
    """
    variance = filter_variance(volatility, returns, start_days=window)
    residual = returns / jnp.sqrt(variance[:-1])
    return FilteredModel(
        volatility=volatility,
        residual=residual,
        variance=variance[1:],
        window=window,
        horizon_days=horizon_days,
    )


def student_model(
    returns: Float[Array, "day asset"],
    key: Key[Array, ""],
    *,
    scenarios: int,
    degrees: int,
    window: int,
    decay: float | None = None,
    horizon_days: int = 1,
) -> StudentModel:
    """Student-t Monte Carlo of a history, with one set of random numbers for all days.

    Args:
        returns: log returns of one day, oldest first.
        key: random key.
        scenarios: number of scenarios.
        degrees: degrees of freedom, a whole number from 3.
        window: days of history behind a covariance.
        decay: see `StudentModel`.
        horizon_days: days that a scenario spans.

    Raises:
        InvalidInputError: a setting is out of range, or does not fit the history.
    """
    require(
        degrees >= 3 and scenarios >= 1,
        "student_model needs degrees from 3, so that there is a covariance, and a scenario; got "
        f"degrees {degrees!r} and scenarios {scenarios!r}.",
    )
    first, second = jax.random.split(key)
    normal = standard_normals(first, returns.shape[1], scenarios, returns.dtype)
    stretch = student_stretch(standard_normals(second, degrees, scenarios, returns.dtype))
    draws = normal * stretch[None, :] * (1.0 - 2.0 / degrees) ** 0.5
    own = None if decay is None else jnp.asarray(decay, returns.dtype)
    return StudentModel(
        returns=returns, draws=draws, decay=own, window=window, horizon_days=horizon_days
    )


def _last(x: Float[Array, "day asset"], day: Int[Array, ""], count: int) -> Float[Array, "_ asset"]:
    """The last `count` rows up to and with `day`."""
    return jax.lax.dynamic_slice_in_dim(x, day - (count - 1), count)


def _require_window(model: AbstractBacktestModel, history: Float[Array, "day asset"]) -> None:
    name, days = type(model).__name__, history.shape[0]
    require(
        model.horizon_days >= 1,
        f"{name}.horizon_days must be at least 1; got {model.horizon_days!r}.",
    )
    require(
        max(2, model.horizon_days) <= model.window <= days,
        f"{name}.window must have at least 2 and horizon_days = {model.horizon_days} days, and no "
        f"more than the {days} of the history; got {model.window!r}.",
    )
