"""What a job's own inputs say to framework checks."""

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any

import numpy as np
import pandas as pd

from jaxmargin.io import (
    Problems,
    read_collateral,
    read_marks,
    read_raw,
    read_stress,
    stress_library,
)
from jaxmargin.jobs._load import Inputs
from jaxmargin.jobs._scenario_checks import stressed_days
from jaxmargin.margin.procyclicality import LookbackFloor, StressBuffer, StressedWeight

__all__ = ["HOW_TO_GIVE", "job_evidence"]

_DAYS = ("validation_date", "parameters_date", "sensitivity_date")
_ANY_LEVEL = 0.99  # of a test whose p-value is not used: the framework has its own level
_PYTHON = "jaxmargin.checks in Python; a job does not know it"
_HISTORY = "scenarios from a history"
_MEASURE = "a rulebook that is a risk measure"
_BACKTEST = "--backtest, a folder written by jaxmargin backtest"
_MARGIN = "--margin, a folder written by jaxmargin margin"
HOW_TO_GIVE = {
    "level": f"{_MEASURE} with a level",
    "horizon_days": _MEASURE,
    "lookback_days": _HISTORY,
    "history_age_days": _HISTORY,
    "measure": _MEASURE,
    "stress_share": _HISTORY,
    "tools": "[safeguards]",
    "binding": f"{_MARGIN}, of a job with [safeguards]",
    **dict.fromkeys(
        ("margin", "portfolio", "standalone"),
        f"{_MARGIN}, of a job with most_offset in [safeguards]",
    ),
    **dict.fromkeys(
        (
            "coverage",
            "exceedances",
            "backtest_days",
            "backtest_level",
            "independence",
            "shortfall",
            "steps",
        ),
        _BACKTEST,
    ),
    **dict.fromkeys(("hypothetical", "risk_theoretical"), _PYTHON),
    **{name: f"{name} in [governance]" for name in (*_DAYS, "overrides")},
    "today": "valuation_time",
    **dict.fromkeys(("haircut_breaches", "haircut_windows"), f"[allocation], and {_HISTORY}"),
    **dict.fromkeys(("guaranteed", "collateral_total", "bank_guarantees"), _PYTHON),
    **dict.fromkeys(("wrong_way_value", "wrong_way_charge"), _PYTHON),
    **dict.fromkeys(
        ("intraday_age_minutes", "requirement", "updated_collateral", "called"), _PYTHON
    ),
    **dict.fromkeys(("stress_losses", "resources"), _PYTHON),
    **dict.fromkeys(("price_age_minutes", "price_sources"), "marks in [allocation]"),
    **dict.fromkeys(("notional", "equity"), f"{_MARGIN}, of a job with collateral in [book]"),
    "client_class": "client_class in [safeguards]",
}
"""For each input of a check, what to give to a job, or to its command."""


def job_evidence(inputs: Inputs, problems: Problems) -> tuple[dict[str, Any], list[str]]:
    """Inputs of checks by name, and what to know about them.

    The day of the check is that of the valuation. Without [safeguards] no tool is active.

    Args:
        inputs: of the job.
        problems: where those of files that only checks read go.
    """
    job, notes = inputs.job, []
    evidence: dict[str, Any] = {"today": job.settings["valuation_time"].date()}
    for name in ("level", "horizon_days"):
        if name in job.rulebook:
            evidence[name] = job.rulebook[name]
    if "level" in job.rulebook:
        evidence["measure"] = job.rulebook["kind"]
    evidence |= _reviews(inputs, problems)
    evidence |= _tools(inputs)
    if inputs.history is not None:
        closes = pd.DatetimeIndex(inputs.history.closes.index)
        evidence["lookback_days"] = (closes[-1] - closes[0]).days
        evidence["history_age_days"] = _age_days(job.settings["valuation_time"], closes[-1])
        share, note = _stress_share(inputs, closes, problems)
        if share is not None:
            evidence["stress_share"] = share
        notes.append(note)
    if job.allocation is not None:
        schedule = _schedule(inputs, problems)
        if schedule is not None:
            found, note = _haircuts(inputs, schedule)
            evidence |= found | _prices(inputs, schedule, problems)
            notes += note
    return evidence, notes


def _reviews(inputs: Inputs, problems: Problems) -> dict[str, Any]:
    governance = inputs.job.governance or {}
    found = {name: governance[name].date() for name in _DAYS if governance.get(name) is not None}
    if governance.get("overrides") is not None:
        table = read_raw(governance["overrides"], problems)
        if table is not None:
            cells = table.astype(object).where(table.notna(), "").astype(str)
            found["overrides"] = tuple(cells.to_dict("records"))
    return found


def _tools(inputs: Inputs) -> dict[str, Any]:
    """Sizes of tools against procyclicality; of those that have none by which to tell them, 1."""
    if inputs.safeguards is None:
        return {"tools": {}, "binding": "calculated"}
    given = inputs.job.safeguards or {}
    sizes = {}
    for name, tool in zip(inputs.safeguards.tools, inputs.safeguards.settings.tools, strict=True):
        sizes[name] = 1.0
        if isinstance(tool, StressBuffer):
            sizes[name] = float(tool.share)
        elif isinstance(tool, StressedWeight):
            sizes[name] = float(tool.weight)
        elif isinstance(tool, LookbackFloor):
            sizes[name] = _lookback_years(inputs, given.get("lookback_start"))
    found: dict[str, Any] = {"tools": sizes}
    if given.get("client_class") is not None:
        found["client_class"] = given["client_class"]
    return found


def _lookback_years(inputs: Inputs, start: pd.Timestamp | None) -> float:
    """Years of the calendar to the valuation; how old the last close may be is another limit."""
    if inputs.history is None or start is None:
        return 0.0
    return _calendar_years(start.date(), inputs.job.settings["valuation_time"].date())


def _calendar_years(first: date, last: date) -> float:
    """Whole years from a day to its anniversaries, and the share of the year begun."""

    def anniversary(years: int) -> date:
        try:
            return first.replace(year=first.year + years)
        except ValueError:  # 29 February, in a year without
            return date(first.year + years, 3, 1)

    whole = last.year - first.year
    whole -= anniversary(whole) > last
    begun = anniversary(whole)
    return whole + (last - begun).days / (anniversary(whole + 1) - begun).days


def _age_days(now: pd.Timestamp, close: pd.Timestamp) -> float:
    return (now - close) / pd.Timedelta(days=1)


def _stress_share(
    inputs: Inputs, closes: pd.DatetimeIndex, problems: Problems
) -> tuple[float | None, str]:
    """Weight of moves that end on a day of stress, as the scenarios weight them.

    Moves are weighted by age where a `decay` weights them, else alike. Those of a stressed window
    of the job's own have `stress_weight` of all weight beside that.
    """
    governance = inputs.job.governance or {}
    if governance.get("stress_periods"):
        periods, what = _given_periods(inputs, problems), "stress_periods in [governance]"
        if periods is None:
            return None, what
    else:
        periods, what = _library_periods(), "the days of the stress library"
    days = [close.date() for close in closes[1:]]
    stressed = np.array([any(first <= day <= last for first, last in periods) for day in days])
    settings = inputs.job.scenarios
    aged = settings["kind"] == "historical" or settings.get("covariance") == "ewma"
    weight = (settings["decay"] if aged else 1.0) ** np.arange(len(days) - 1.0, -1.0, -1.0)
    share = float(weight[stressed].sum() / weight.sum())
    count = int(stressed.sum())
    note = f"Stress in the history: {count:,} of {len(days):,} moves, by {what}."
    assert inputs.history is not None
    if stressed_days(settings, inputs.history) is not None:
        own = float(settings["stress_weight"])
        share = own + (1.0 - own) * share
        note += f" The window from stress_start to stress_end has {own:.4g} of all weight beside."
    return share, note


def _given_periods(inputs: Inputs, problems: Problems) -> list[tuple[date, date]] | None:
    assert inputs.job.governance is not None
    try:
        return [
            (date.fromisoformat(first), date.fromisoformat(last))
            for first, last in inputs.job.governance["stress_periods"]
        ]
    except ValueError as error:
        where = f"{inputs.job.path.name}, [governance] stress_periods"
        problems.add(where, str(error), 'Give pairs of days: [["2022-11-07", "2022-11-21"]].')
        return None


def _library_periods() -> Sequence[tuple[date, date]]:
    """From each historical event's day until its longest scenario has passed."""
    own = Problems()  # the files of the package have none
    read = [read_stress(path, own) for path in stress_library().values()]
    own.raise_if_any()
    return [
        (each.date, each.date + timedelta(days=max(step.days for step in each.steps)))
        for each in read
        if each is not None and each.date is not None
    ]


def _schedule(inputs: Inputs, problems: Problems) -> pd.DataFrame | None:
    allocation = inputs.job.allocation
    assert allocation is not None
    names = ("collateral", "schedule", "limits", "exclusions")
    paths = {name: allocation[name] for name in names if allocation[name]}
    tables = read_collateral(paths, inputs.market, inputs.book.accounts, problems)
    return None if tables is None else tables.schedule


def _haircuts(inputs: Inputs, schedule: pd.DataFrame) -> tuple[dict[str, Any], list[str]]:
    """Breaches of the least haircut of each asset with a history, over the horizon of the job."""
    from jaxmargin.backtest import haircut_backtest

    history, horizon = inputs.history, inputs.job.rulebook.get("horizon_days")
    if history is None or horizon is None:
        return {}, []
    least = schedule.groupby("asset")["haircut"].min()
    known = [asset for asset in least.index if asset in history.closes.columns]
    others = [asset for asset in least.index if asset not in known]
    notes = []
    if others:
        notes.append(f"Haircuts without a history of prices, not tested: {', '.join(others)}.")
    if not known:
        return {}, notes
    price = history.closes[known].to_numpy(np.float64).T
    haircut = np.repeat(least[known].to_numpy(np.float64)[:, None], price.shape[1], axis=1)
    found = haircut_backtest(price, haircut, horizon_days=horizon, level=_ANY_LEVEL)
    return {
        "haircut_breaches": dict(zip(known, map(int, found.breaches_apart), strict=True)),
        "haircut_windows": dict.fromkeys(known, found.windows_apart),
    }, notes


def _prices(inputs: Inputs, schedule: pd.DataFrame, problems: Problems) -> dict[str, Any]:
    """Age of the newest mark, infinite without one, of each asset of the schedule, and sources.

    Sources are those that are fresh and agree, as [allocation] has it.
    """
    import jax.numpy as jnp

    from jaxmargin.market import combine_marks

    allocation, numeraire = inputs.job.allocation, inputs.job.settings["numeraire"]
    assert allocation is not None
    if not allocation["marks"]:
        return {}
    marks = read_marks(allocation["marks"], inputs.market, numeraire=numeraire, problems=problems)
    if marks is None:
        return {}
    every = len(inputs.market.assets)
    agree = combine_marks(
        marks.price,
        marks.age,
        most_age=jnp.full(every, 60.0 * allocation["most_age_minutes"]),
        most_deviation=jnp.full(every, allocation["most_deviation"]),
        least_sources=1,
    )
    age, ages, sources = np.asarray(marks.age, np.float64), {}, {}
    for row, asset in enumerate(inputs.market.assets["asset"]):
        if asset != numeraire and asset in set(schedule["asset"]):
            known = np.isfinite(age[:, row])
            sources[asset] = int(agree.sources[row])
            ages[asset] = float(age[known, row].min(initial=np.inf)) / 60.0
    return {"price_age_minutes": ages, "price_sources": sources}
