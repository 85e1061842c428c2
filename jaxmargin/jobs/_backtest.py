"""The margins that a job's positions would have had on every day of its history."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from jaxmargin.errors import require
from jaxmargin.io import (
    Problems,
    published_library,
    read_published,
    require_folder,
    write_json,
)
from jaxmargin.jobs._backtest_tables import day_table, kpi_table, test_table
from jaxmargin.jobs._facts import job_facts, job_seconds
from jaxmargin.jobs._load import Inputs, load_inputs
from jaxmargin.jobs._table_files import write_tables

if TYPE_CHECKING:
    from jaxmargin.backtest import RollingBacktest
    from jaxmargin.jobs._calculation import Calculation
    from jaxmargin.risk import AbstractRiskMeasure

__all__ = ["TOGETHER", "BacktestTables", "run_backtest"]

TOGETHER = "all as one"  # all accounts as one account, beside each alone
_EVERY = "all"  # figures of all accounts, in the table of figures
_FEW_DAYS = 250  # of the Basel Committee's backtests of 1996; fewer have next to no power


@dataclass(frozen=True)
class BacktestTables:
    """Tables as written; amounts in the numeraire.

    Attributes:
        days: one row per account and day: account, time (the day at whose close the margin was
            known), margin (rounded up, not negative), realized (P&L over the horizon after it, gain
            positive), exceeded (whether that was a loss greater than the margin).
        tests: one row per account and test: account, test, statistic, p_value, zone (empty
            but for the traffic light), rejected (at 95 %; by the traffic light if red). The account
            `all as one` holds the positions of all. Empty for a measure without a level.
        kpis: one row per account and one for `all`: breaches, coverage, greatest_shortfall,
            mean_margin, ratios of loss to margin on breaches, peak_to_trough, and the greatest
            relative increase over some days. Of `all`, breaches, coverage and losses are of the
            accounts, margins and their movement of the sum.
        published: one row per group of products of a clearing house, with those of the same
            figures that it publishes.
        facts: measure, window, days, inputs, seconds and warnings, in plain types.
    """

    days: pd.DataFrame
    tests: pd.DataFrame
    kpis: pd.DataFrame
    published: pd.DataFrame
    facts: dict[str, Any]


def run_backtest(
    path: Path,
    out: Path,
    *,
    window: int = 365,
    progress: Callable[[int, int], None] | None = None,
) -> BacktestTables:
    """Backtest the margins of a job's positions by historical simulation, and write tables.

    The positions and the market of today are taken to every day of the past, as article 49(1) of
    Regulation 153/2013 asks for current positions: the P&L of every account in every move of the
    history is computed once; the margin of a day is the job's risk measure of the moves within the
    `window` days up to it, and the P&L of the next move is what came. Writes `backtest.parquet`
    (`days`), `tests.parquet`, `kpis.parquet`, `published.parquet` and `backtest.json` (`facts`).

    Args:
        path: job file; its scenarios must be historical and its rulebook a risk measure.
        out: folder for the results.
        window: days of history behind each margin; a year by default, since crypto trades daily.
        progress: called with accounts done and accounts in all.

    Raises:
        InvalidInputError: with every problem of the inputs.
        MemoryError: memory ran out.
    """
    require_folder(out)
    start = time.perf_counter()
    inputs = load_inputs(path)
    read_seconds = time.perf_counter() - start
    closes, horizon = _closes(inputs, window)

    import jax

    from jaxmargin.backtest import measure_names
    from jaxmargin.jobs._calculation import build_calculation, measure_rulebook
    from jaxmargin.jobs._clock import measured

    with measured() as seconds:
        calculation = build_calculation(inputs)
        measures = _measures(measure_rulebook(calculation, inputs, "a backtest").measure)
        found = _rolling(calculation, inputs, measures, window, horizon, progress)
    accounts, unit = inputs.book.accounts, inputs.job.settings["round_to"]
    days, kpis = day_table(found, accounts, closes, unit), kpi_table(found, accounts, unit)
    tests = test_table(found, measures, [*accounts, TOGETHER])
    facts = {
        **job_facts(inputs),
        "measure": measure_names(measures)[0],
        "horizon_days": horizon,
        "window": window,
        "days": len(found.day),
        "first_day": closes[found.day[0] + 1].date().isoformat(),
        "last_day": closes[found.day[-1] + 1].date().isoformat(),
        "tail_count": None if np.isnan(found.tail_count[0]) else float(found.tail_count[0]),
        "device": {"kind": jax.devices()[0].device_kind, "count": jax.device_count()},
        "seconds": job_seconds(read_seconds, seconds),
        "warnings": _warnings(found),
    }
    out.mkdir(parents=True, exist_ok=True)
    published = _published()
    tables = {"backtest": days, "tests": tests, "kpis": kpis, "published": published}
    facts["tables"] = write_tables(tables, out)
    write_json(facts, out / "backtest.json")
    return BacktestTables(days, tests, kpis, published, facts)


def _published() -> pd.DataFrame:
    """What clearing houses publish of the same figures."""
    problems = Problems()
    tables = [read_published(path, problems) for path in published_library().values()]
    problems.raise_if_any()
    return pd.concat(tables, ignore_index=True)


def _closes(inputs: Inputs, window: int) -> tuple[pd.DatetimeIndex, int]:
    """Days of the history, and the horizon of the job."""
    job = inputs.job
    require(
        job.scenarios["kind"] == "historical" and not job.scenarios["depegs"],
        f"{job.path.name}, [scenarios]: a backtest takes every day of a history by itself. "
        "Use kind historical without depegs.",
    )
    assert inputs.history is not None  # the scenarios need one
    require(
        len(inputs.book.accounts) > 0,
        f"{job.book['positions'].name} has no positions, so there is nothing to backtest.",
    )
    taken = [name for name in (_EVERY, TOGETHER) if name in inputs.book.accounts]
    require(
        not taken,
        f"{job.book['positions'].name}: an account is named {' and one '.join(map(repr, taken))}, "
        "as rows of all accounts are in a backtest. Give it another name.",
    )
    closes, horizon = pd.DatetimeIndex(inputs.history.closes.index), job.rulebook["horizon_days"]
    require(
        horizon < window <= len(closes) - 1 - horizon,
        f"--window {window}: a backtest needs a window longer than horizon_days = {horizon}, and a "
        f"history of at least window + horizon_days = {window + horizon} moves; "
        f"{job.scenarios['history'].name} has {len(closes) - 1}.",
    )
    return closes, horizon


def _measures(measure: "AbstractRiskMeasure") -> tuple["AbstractRiskMeasure", ...]:
    """The job's, and for an expected shortfall the value at risk that its test needs."""
    from jaxmargin.risk import ExpectedShortfall, ValueAtRisk

    if isinstance(measure, ExpectedShortfall):
        return measure, ValueAtRisk(measure.level)
    return (measure,)


def _rolling(
    calculation: "Calculation",
    inputs: Inputs,
    measures: tuple["AbstractRiskMeasure", ...],
    window: int,
    horizon: int,
    progress: Callable[[int, int], None] | None,
) -> "RollingBacktest":
    """Of every account, and last of all as one; a piece of accounts at a time."""
    import jax.numpy as jnp

    from jaxmargin.backtest import RollingBacktest, backtest_pnl
    from jaxmargin.scenarios import age_weights
    from jaxmargin.valuation import contract_pnl, stream_pnl

    shocks = calculation.rulebook.shocks(calculation.market)
    count, accounts = len(calculation.scenarios.labels), len(inputs.book.accounts)
    pnl = contract_pnl(calculation.book, calculation.market, shocks)
    decay, weight = inputs.job.scenarios["decay"], None
    if decay < 1.0:
        weight = age_weights(jnp.asarray(decay, pnl.dtype), window - horizon + 1)

    def of(series: np.ndarray) -> RollingBacktest:
        return backtest_pnl(series, measures, window=window, horizon_days=horizon, weight=weight)

    total, done, parts, order = np.zeros(count), 0, [], []
    for own, values in stream_pnl(pnl, calculation.book.positions):
        series = np.asarray(values[:, :count].T)
        total += series.sum(axis=1, dtype=np.float64)
        parts.append(of(series))
        order.append(own)
        done += own.size
        if progress is not None:
            progress(done, accounts)
    parts.append(of(total.astype(pnl.dtype)[:, None]))
    back = np.argsort(np.concatenate([*order, [accounts]]))
    return RollingBacktest(
        margin=np.concatenate([part.margin for part in parts], axis=1)[:, back],
        loss=np.concatenate([part.loss for part in parts], axis=1)[:, back],
        tail_count=parts[0].tail_count,
        day=parts[0].day,
        horizon_days=horizon,
    )


def _warnings(found: "RollingBacktest") -> list[str]:
    warnings, apart = [], len(found.apart().day)
    if apart < _FEW_DAYS:
        warnings.append(
            f"{apart} days whose horizons do not overlap are few for a test: it rejects a wrong "
            "margin rarely. Give a longer history or a shorter --window."
        )
    if found.tail_count[0] < 1.0:
        warnings.append(
            f"The tail holds {found.tail_count[0]:.2f} effective scenarios, so each margin is "
            "nearly its worst scenario. Give a longer --window or a lower level."
        )
    return warnings
