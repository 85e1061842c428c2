"""The margin job: read, compute, write."""

import importlib.metadata
import os
import platform
import time
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from jaxmargin.io import require_folder, sha256, write_json, write_table
from jaxmargin.jobs._facts import job_seconds
from jaxmargin.jobs._load import Inputs, load_inputs
from jaxmargin.jobs._margin_tables import margin_tables

__all__ = ["MarginResult", "run_margin"]

_CURES = {
    "pnl": "Give --pnl",
    "states": "Name collateral in [book]",
    "liquidation": "Give --liquidation",
    "safeguards": "Give [safeguards]",
}
_ROUGH_TAIL = 30  # effective tail scenarios below which a standard error is itself a guess


@dataclass(frozen=True)
class MarginResult:
    """Tables and manifest as written.

    Attributes:
        requirements: one row per account.
        components: one row per account and component.
        manifest: inputs, settings, versions, device, execution, seconds and warnings.
        states: one row per account; None where the job names no collateral.
        liquidation: one row per account, coin and side; None if not asked for.
        safeguards: one row per account; None without [safeguards].
    """

    requirements: pd.DataFrame
    components: pd.DataFrame
    manifest: dict[str, Any]
    states: pd.DataFrame | None
    liquidation: pd.DataFrame | None
    safeguards: pd.DataFrame | None


def run_margin(
    path: Path,
    out: Path,
    *,
    pnl: bool = False,
    liquidation: Sequence[str] = (),
    liquidation_accounts: Sequence[str] = (),
    progress: Callable[[int, int], None] | None = None,
) -> MarginResult:
    """Margin every account of the job at `path` and write the results to the folder `out`.

    Writes `requirements.parquet` (account, initial, maintenance, standard_error, tail_count,
    worst_scenario), `components.parquet` (account, component, amount) and `manifest.json`; with
    `pnl` also `pnl.parquet`, the P&L of every account in every scenario, see `pnl_file`.
    Where [book] names a table `collateral`, also `states.parquet`, see `state_table`, and, for the
    coins in `liquidation`, `liquidation.parquet`, see `liquidation_table`.
    Where the job has [safeguards], margins are those after them, with what each added among the
    components; `safeguards.parquet` says what they did, see `Safeguarded`, and
    `safeguards_state.parquet` is what the next run goes on from.
    Nothing is written unless everything was computed. Initial and maintenance margin are rounded
    up to `round_to`; the component `rounding` holds the difference.

    Args:
        path: job file.
        out: folder for the results.
        pnl: whether to write the P&L of accounts.
        liquidation: coins whose liquidation prices are sought.
        liquidation_accounts: only of these accounts, and to rounding; of all from a grid of prices
            if none is named.
        progress: called with work done and work in all.

    Raises:
        InvalidInputError: with every problem of the inputs.
        MemoryError: memory ran out, and did so with ever smaller chunks too.
    """
    require_folder(out)
    start = time.perf_counter()
    inputs = load_inputs(path, safeguards=True)
    read_seconds = time.perf_counter() - start

    import jax

    from jaxmargin.jobs._calculation import build_calculation
    from jaxmargin.jobs._clock import measured
    from jaxmargin.jobs._pnl import pnl_file
    from jaxmargin.jobs._safeguard_state import STATE_FILE, read_last_run
    from jaxmargin.jobs._safeguards import safeguard_margins
    from jaxmargin.jobs._states import (
        check_liquidation,
        collateral_warnings,
        liquidation_table,
        state_table,
    )

    check_liquidation(inputs, liquidation, liquidation_accounts)
    last = read_last_run(inputs)
    with measured() as seconds:
        calculation = build_calculation(inputs)
        requirement = jax.device_get(
            calculation.rulebook.requirement(
                calculation.book, calculation.market, progress=progress
            )
        )
        safeguarded = None
        if inputs.safeguards is not None:
            safeguarded = safeguard_margins(
                inputs, calculation, requirement, inputs.safeguards, last
            )
            requirement = safeguarded.requirement
        labels = calculation.scenarios.labels
        requirements, components = margin_tables(inputs, requirement, labels)
        states = prices = None
        if inputs.balances is not None:
            states = state_table(inputs, calculation, requirement, requirements)
        if liquidation:
            prices = liquidation_table(
                inputs, calculation, liquidation, liquidation_accounts, progress=progress
            )
    scenarios = calculation.scenarios
    manifest = {
        "title": inputs.job.settings["title"],
        "created": pd.Timestamp.now("UTC").isoformat(timespec="seconds"),
        "job": Path(os.path.relpath(path.resolve(), out.resolve())).as_posix(),
        "inputs": [
            {"file": file.name, "bytes": file.stat().st_size, "sha256": sha256(file)}
            for file in inputs.job.inputs()
        ],
        "settings": inputs.job.resolved(),
        "scenarios": scenarios.provenance,
        "counts": {
            "accounts": len(inputs.book.accounts),
            "positions": len(inputs.book.positions),
            "instruments": len(inputs.book.instruments),
            "scenarios": len(labels),
        },
        "versions": _versions(),
        "device": {
            "platform": jax.default_backend(),
            "kind": jax.devices()[0].device_kind,
            "count": jax.device_count(),
        },
        "execution": {name: int(value) for name, value in requirement.execution._asdict().items()},
        "programs": {"compiled": seconds.compiled, "from_cache": seconds.cached},
        "seconds": job_seconds(read_seconds, seconds),
        "warnings": _warnings(inputs, requirements, len(labels)) + _retried(requirement.execution),
    }
    out.mkdir(parents=True, exist_ok=True)
    extra = {
        "states": states,
        "liquidation": prices,
        "safeguards": None if safeguarded is None else safeguarded.rows,
        "safeguards_state": None if safeguarded is None else safeguarded.state,
        "stress_moves": scenarios.moves,
    }
    manifest["warnings"] += collateral_warnings(inputs)
    there = {name for name, written in extra.items() if written is not None}
    manifest["warnings"] += _stale(out, there | ({"pnl"} if pnl else set()))
    if safeguarded is not None:
        manifest["warnings"] += safeguarded.warnings
    file = out / "pnl.parquet"
    table = pnl_file(calculation, inputs.book.accounts, file, progress=progress)
    with table if pnl else nullcontext() as facts:
        if facts is not None:
            manifest["pnl"] = facts
        write_table(requirements, out / "requirements.parquet")
        write_table(components, out / "components.parquet")
        for name, written in extra.items():
            if written is not None:
                write_table(written, out / f"{name}.parquet")
        if safeguarded is not None:
            state = sha256(out / STATE_FILE)
            manifest["safeguards"] = safeguarded.facts | {"state_sha256": state}
        write_json(manifest, out / "manifest.json")
    return MarginResult(requirements, components, manifest, states, prices, extra["safeguards"])


def _stale(out: Path, written: set[str]) -> list[str]:
    """A warning for each table that an earlier run wrote to the folder and this one does not."""
    return [
        f"{name}.parquet is of an earlier run. {cure} to write it anew, or take it away."
        for name, cure in _CURES.items()
        if name not in written and (out / f"{name}.parquet").exists()
    ]


def _warnings(inputs: Inputs, requirements: pd.DataFrame, scenarios: int) -> list[str]:
    warnings = [
        f"{file}: columns that are not used: {', '.join(columns)}."
        for file, columns in inputs.ignored.items()
    ]
    if requirements.empty:
        return [*warnings, "The book has no positions, so there is no account to margin."]
    tail = float(requirements["tail_count"].min())
    level = inputs.job.rulebook.get("level")
    if level is None:
        return warnings
    if tail < 1.0:
        warnings.append(
            f"{scenarios:,} scenarios are too few for level {level}: the tail holds {tail:.2f} "
            "effective scenarios, so each margin is its worst scenario. Give more scenarios or "
            "a lower level."
        )
    elif tail < _ROUGH_TAIL:
        warnings.append(
            f"The tail holds {tail:.1f} effective scenarios, below {_ROUGH_TAIL}: standard "
            "errors are rough. Give more scenarios or a lower level."
        )
    return warnings


def _retried(execution: Any) -> list[str]:
    if execution.retries == 0:
        return []
    times = "once" if execution.retries == 1 else f"{execution.retries} times"
    return [
        f"Memory ran out {times}; chunks were halved to {execution.chunk_rows:,} accounts. Give "
        "fewer scenarios, precision f32, or a device with more memory."
    ]


def _versions() -> dict[str, str]:
    names = ("jax", "jaxlib", "numpy", "pandas", "pyarrow")
    from jaxmargin import __version__

    return {
        "jaxmargin": __version__,
        "python": platform.python_version(),
        **{name: importlib.metadata.version(name) for name in names},
    }
