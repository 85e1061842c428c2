"""The rolling backtest: every day the margin that was known, beside the loss that followed."""

from collections.abc import Callable, Sequence

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int

from jaxmargin.backtest._rolling_books import AbstractBooks
from jaxmargin.backtest._rolling_models import AbstractBacktestModel
from jaxmargin.backtest._rolling_tails import (
    Measures,
    effective_scenarios,
    measure_day,
    measure_windows,
    tail_counts,
)
from jaxmargin.errors import require
from jaxmargin.margin.procyclicality import (
    AbstractProcyclicalityTool,
    CalculatedMargins,
    apply_tools_over_days,
    start_procyclicality,
)
from jaxmargin.risk import AbstractRiskMeasure

__all__ = ["RollingBacktest", "backtest_pnl", "run_backtest", "with_tools"]

_DAYS = 256  # margined by one call: progress is told after each


class RollingBacktest(eqx.Module):
    """Margins of days in the past and what came after them, for every portfolio.

    Attributes:
        margin: known at the close of the day, loss positive, in the unit of the books.
        loss: over the horizon from that close, loss positive.
        tail_count: effective number of independent scenarios in the tail of each measure.
        day: row of the history at whose close the margin was known.
        horizon_days: days over which the loss was made.
    """

    margin: Float[np.ndarray, "day portfolio measure"]
    loss: Float[np.ndarray, "day portfolio"]
    tail_count: Float[np.ndarray, " measure"]
    day: Int[np.ndarray, " day"]
    horizon_days: int = eqx.field(static=True)

    def exceeded(self) -> Bool[np.ndarray, "day portfolio measure"]:
        """Whether the loss was strictly greater than the margin."""
        return self.loss[:, :, None] > self.margin

    def apart(self) -> "RollingBacktest":
        """The days whose horizons do not overlap, from the first on; tests need such days."""
        step = int(self.day[1] - self.day[0]) if self.day.size > 1 else 1
        every = slice(None, None, -(-self.horizon_days // step))
        return RollingBacktest(
            self.margin[every], self.loss[every], self.tail_count, self.day[every],
            self.horizon_days,
        )  # fmt: skip


def run_backtest(
    model: AbstractBacktestModel,
    books: AbstractBooks,
    returns: Float[Array | np.ndarray, "day asset"],
    measures: Sequence[AbstractRiskMeasure],
    *,
    overlapping: bool = True,
    days_at_once: int = 1,
    progress: Callable[[int, int], None] | None = None,
) -> RollingBacktest:
    """Margin every portfolio at the close of every day whose horizon the history covers.

    Memory holds the scenarios of `days_at_once` days, never of all.

    Args:
        model: what is known each day; made from the same `returns`.
        books: the portfolios.
        returns: log returns of one day, oldest first; the losses come from them.
        measures: what margins are.
        overlapping: margins of every day, whose horizons overlap if longer than a day; else of
            every `horizon_days`-th day.
        days_at_once: days that are computed together; one is fastest on a CPU, where the P&L of one
            then stays in the cache.
        progress: called with days done and days in all.

    Raises:
        InvalidInputError: the history ends before the first horizon, or a return is not finite.
    """
    require(
        days_at_once >= 1,
        f"run_backtest: days_at_once must be at least 1; got {days_at_once!r}.",
    )
    history = jnp.asarray(returns)
    _require_finite("run_backtest", np.asarray(returns))
    days = _margin_days(history.shape[0], model.window, model.horizon_days, overlapping)
    parts = []
    for first in range(0, days.size, _DAYS):
        own = days[first : first + _DAYS]
        padded = np.pad(own, (0, min(_DAYS, days.size) - own.size), mode="edge")  # one program
        found = _margin_days_of(
            model, books, history, jnp.asarray(padded), tuple(measures), days_at_once
        )
        parts.append(jax.tree.map(lambda x, n=own.size: np.asarray(x)[:n], found))
        if progress is not None:
            progress(first + own.size, days.size)
    margin, loss = (np.concatenate(part) for part in zip(*parts, strict=True))
    scenarios = jax.eval_shape(model.moves, jnp.zeros((), jnp.int32)).shape[0]
    effective = effective_scenarios(scenarios, model.weight()) / model.overlap()
    counts = np.asarray(tail_counts(tuple(measures), effective))
    return RollingBacktest(margin, loss, counts, days, model.horizon_days)


def backtest_pnl(
    pnl: Float[Array | np.ndarray, "day portfolio"],
    measures: Sequence[AbstractRiskMeasure],
    *,
    window: int,
    horizon_days: int = 1,
    weight: Float[Array, " scenario"] | None = None,
    overlapping: bool = True,
) -> RollingBacktest:
    """Historical simulation of books that are the same every day, from their P&L on every day.

    The margin of a day is a measure of the P&L of the `window - horizon_days + 1` horizons within
    the `window` days up to it. Equal to `run_backtest` of `HistoricalModel`, and far faster, if
    P&L over the horizon does not depend on the day: it is computed once instead of in each window.

    Args:
        pnl: over the `horizon_days` up to each day, gain positive, oldest first; row 0 is that of
            day `horizon_days - 1` of the history.
        measures: what margins are.
        window: days of history.
        horizon_days: days that P&L is over; of successive rows it overlaps.
        weight: of each scenario of a window, oldest first; None if they count alike.
        overlapping: see `run_backtest`.

    Raises:
        InvalidInputError: the series ends before the first horizon, or is not finite.
    """
    series = jnp.asarray(pnl)
    _require_finite("backtest_pnl", np.asarray(pnl))
    require(
        1 <= horizon_days <= window,
        f"backtest_pnl: horizon_days must lie in [1, window = {window}]; got {horizon_days!r}.",
    )
    days = _margin_days(series.shape[0] + horizon_days - 1, window, horizon_days, overlapping)
    scenarios = window - horizon_days + 1
    margin = np.asarray(_windows_of(series, weight, tuple(measures), scenarios))
    effective = effective_scenarios(scenarios, weight) / horizon_days
    counts = np.asarray(tail_counts(tuple(measures), effective))
    loss = -np.asarray(pnl)[days + 1]  # row of the horizon that starts at the day's close
    return RollingBacktest(margin[days - (window - 1)], loss, counts, days, horizon_days)


def with_tools(
    backtest: RollingBacktest,
    tools: Sequence[AbstractProcyclicalityTool],
    *,
    stressed: RollingBacktest | None = None,
    long_lookback: RollingBacktest | None = None,
) -> RollingBacktest:
    """The same backtest with margins after procyclicality tools, run day after day.

    Args:
        backtest: margins before the tools.
        tools: see `apply_tools_over_days`.
        stressed: margins of stressed times, of the same days; only what each of its days knows.
        long_lookback: margins of a long lookback, of the same days.

    Raises:
        InvalidInputError: days differ, or a tool lacks a margin that it needs.
    """
    for other in (stressed, long_lookback):
        require(
            other is None or np.array_equal(other.day, backtest.day),
            "with_tools: the other margins must be of the same days. Leave out what only one has.",
        )
    shape = backtest.margin.shape

    def flat(source: RollingBacktest) -> Array:
        return jnp.asarray(source.margin).reshape(shape[0], -1)

    others = [None if other is None else flat(other) for other in (stressed, long_lookback)]
    margins = CalculatedMargins(jnp.maximum(flat(backtest), 0.0), *others)
    start = start_procyclicality(tools, shape[1] * shape[2])
    called = apply_tools_over_days(tools, margins, start)[0].margin
    return eqx.tree_at(lambda b: b.margin, backtest, np.asarray(called).reshape(shape))


@eqx.filter_jit
def _margin_days_of(
    model: AbstractBacktestModel,
    books: AbstractBooks,
    returns: Float[Array, "day asset"],
    days: Int[Array, " margined"],
    measures: Measures,
    days_at_once: int,
) -> tuple[Float[Array, "margined portfolio measure"], Float[Array, "margined portfolio"]]:
    horizon = model.horizon_days
    weight = model.weight()

    def one(day: Int[Array, ""]) -> tuple[Array, Array]:
        margin = measure_day(measures, books.pnl(model.moves(day), day), weight)
        ahead = jax.lax.dynamic_slice_in_dim(returns, day + 1, horizon)
        return margin, -books.pnl(jnp.sum(ahead, axis=0, keepdims=True), day)[0]

    return jax.lax.map(one, days, batch_size=days_at_once if days_at_once > 1 else None)


@eqx.filter_jit
def _windows_of(
    pnl: Float[Array, "day portfolio"],
    weight: Float[Array, " scenario"] | None,
    measures: Measures,
    scenarios: int,
) -> Float[Array, "first portfolio measure"]:
    return measure_windows(measures, pnl, scenarios, weight)


def _margin_days(
    days: int, window: int, horizon_days: int, overlapping: bool
) -> Int[np.ndarray, " day"]:
    """Days with a full window up to them and a full horizon after them."""
    require(
        days >= window + horizon_days,
        f"A backtest needs at least window + horizon_days = {window + horizon_days} days; got "
        f"{days}. Give a longer history or a shorter window.",
    )
    return np.arange(window - 1, days - horizon_days, 1 if overlapping else horizon_days)


def _require_finite(caller: str, values: np.ndarray) -> None:
    bad = np.argwhere(~np.isfinite(values))
    require(
        not bad.size,
        f"{caller}: {len(bad)} numbers are not finite, the first at {bad[:1].tolist()}. Correct "
        "or leave out those days for all.",
    )
