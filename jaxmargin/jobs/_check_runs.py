"""What folders of past runs of a job say to framework checks."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from jaxmargin.errors import InvalidInputError, require
from jaxmargin.jobs._backtest import TOGETHER
from jaxmargin.jobs._load import Inputs
from jaxmargin.jobs._past_run import read_run
from jaxmargin.jobs._paths import job_place

__all__ = ["backtest_evidence", "margin_evidence"]

_SAME = ("market", "book", "scenarios", "rulebook")  # sections on which a backtest depends
_SAME_KEYS = ("valuation_time", "numeraire", "round_to", "precision")  # and keys outside of them


def backtest_evidence(folder: Path, inputs: Inputs) -> dict[str, Any]:
    """Inputs of checks from a folder that `run_backtest` wrote.

    Coverage and steps are of every account; tests are of all accounts as one, since of many tests
    some fail by chance.

    Args:
        folder: where it is.
        inputs: of the job, whose tables and settings the backtest must have had.

    Raises:
        InvalidInputError: the folder has no backtest, or one of other inputs.
    """
    cure = "Give the --out folder of jaxmargin backtest."
    try:
        facts = json.loads((folder / "backtest.json").read_text(encoding="utf-8"))
        settings, read = facts["settings"], {(e["file"], e["sha256"]) for e in facts["inputs"][1:]}
        days, horizon = int(facts["days"]), int(facts["horizon_days"])
        kpis, tests = (pd.read_parquet(folder / f"{name}.parquet") for name in ("kpis", "tests"))
        coverage = dict(zip(kpis["account"], map(float, kpis["coverage"]), strict=True))
        tests = tests[tests["account"] == TOGETHER].set_index("test")
        steps = _steps(folder, kpis)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InvalidInputError(f"{folder}: no backtest ({error}). {cure}") from error
    now, job = inputs.job.resolved(), inputs.job
    changed = [name for name in (*_SAME, *_SAME_KEYS) if settings.get(name) != now[name]]
    files = {(file.path.name, file.sha256) for file in inputs.files[1:]}
    changed += sorted(name for name, said in read if (name, said) not in files)
    require(
        not changed,
        f"{folder}: a backtest of other inputs than {job.path.name} has now: "
        f"{', '.join(changed)}. Run jaxmargin backtest again.",
    )
    coverage.pop("all", None)
    found: dict[str, Any] = {"coverage": coverage, "backtest_days": -(-days // horizon)}
    if days > 1:
        found["steps"] = steps
    if "level" in job.rulebook and len(tests):
        found["backtest_level"] = job.rulebook["level"]
        found["exceedances"] = {TOGETHER: int(tests.loc["traffic-light", "statistic"])}  # type: ignore[arg-type]
        for name in ("independence", "shortfall"):
            if name in tests.index:
                value = float(tests.loc[name, "p_value"])  # type: ignore[arg-type]
                found[name] = {TOGETHER: value} if np.isfinite(value) else {}
    return found


def _steps(folder: Path, kpis: pd.DataFrame) -> dict[str, float]:
    """Greatest relative rise of each margin in a day; infinite where one rose from nothing."""
    nan = np.full(len(kpis), np.nan)
    rises = np.array(kpis.get("increase_1_days", nan), np.float64)
    steps = dict(zip(kpis["account"], rises.tolist(), strict=True))
    if np.isfinite(rises).all():
        return {f"margin of {name}": rise for name, rise in steps.items()}
    days = pd.read_parquet(folder / "backtest.parquet", columns=["account", "time", "margin"])
    margins = days.groupby("account", observed=True, sort=False)["margin"]
    series = {name: own.to_numpy(np.float64) for name, own in margins}
    series["all"] = np.sum(list(series.values()), axis=0)
    for name, rise in steps.items():
        if not np.isfinite(rise):
            before, after = series[name][:-1], series[name][1:]
            ratio = np.where(before > 0.0, after, 1.0) / np.where(before > 0.0, before, 1.0)
            ratio = np.where((before <= 0.0) & (after > 0.0), np.inf, ratio)
            steps[name] = float(np.max(ratio, initial=0.0)) - 1.0
    return {f"margin of {name}": rise for name, rise in steps.items()}


def margin_evidence(folder: Path, inputs: Inputs) -> dict[str, Any]:
    """Inputs of checks from a folder that `run_margin` wrote, whose inputs must be unchanged.

    Args:
        folder: where it is.
        inputs: of the job, which must be that of the folder.

    Raises:
        InvalidInputError: the folder has no run of the job, or its inputs have changed since.
    """
    require(
        folder.is_dir(), f"{folder}: no such folder. Give the --out folder of jaxmargin margin."
    )
    run = read_run(folder, safeguards=True)
    require(
        job_place(run.inputs.job.path) == job_place(inputs.job.path),
        f"{folder}: a run of {run.inputs.job.path}, not of {inputs.job.path}. Give one of it.",
    )
    found: dict[str, Any] = {}
    states, guarded = folder / "states.parquet", folder / "safeguards.parquet"
    if states.exists():
        table = pd.read_parquet(states)
        equity, leverage = (table[name].to_numpy(np.float64) for name in ("equity", "leverage"))
        some = equity > 0.0
        # without equity, leverage is infinite where anything is held: any notional says as much
        none = np.where(np.isinf(leverage), 1.0, 0.0)
        found["notional"] = np.where(some, np.where(some, leverage, 0.0) * equity, none)
        found["equity"] = equity
    if guarded.exists():
        rows = pd.read_parquet(guarded)
        names = rows["binding"].value_counts()
        listed = ", ".join(f"{name} for {count:,}" for name, count in names.items())
        found["binding"] = f"{listed} accounts"
        found |= _offsets(folder, rows)
    return found


def _offsets(folder: Path, rows: pd.DataFrame) -> dict[str, Any]:
    """Margins called, of portfolios and of their parts, where offsets are capped.

    The parts are what the published share of offsets says, (S - M) / S with the cap's margin M.
    """
    components = pd.read_parquet(folder / "components.parquet")
    requirements = pd.read_parquet(folder / "requirements.parquet", columns=["account", "initial"])
    offset = rows["offset"].to_numpy(np.float64)
    capped = components[components["component"] == "offset_cap"].set_index("account")["amount"]
    if not len(rows) or np.isnan(offset).any() or (offset >= 1.0).any() or not len(capped):
        return {}
    portfolio = rows["calculated"].to_numpy(np.float64)
    added = capped.reindex(rows["account"]).to_numpy(np.float64)
    called = requirements.set_index("account")["initial"].reindex(rows["account"])
    return {
        "margin": called.to_numpy(np.float64),
        "portfolio": portfolio,
        "standalone": (portfolio + added) / (1.0 - offset),
    }
