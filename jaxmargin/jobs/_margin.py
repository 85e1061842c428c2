"""The margin job: read, compute, write."""

import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from jaxmargin.io import require_folder
from jaxmargin.jobs._export import DUCKDB_FILE, Export, export_results, open_export
from jaxmargin.jobs._load import Inputs, load_inputs
from jaxmargin.jobs._staged import held, require_margin_folder, staged
from jaxmargin.jobs._table_files import write_tables

__all__ = ["MarginResult", "run_margin"]

_CURES = {
    "pnl": "Give --pnl",
    "states": "Name collateral in [book]",
    "liquidation": "Give --liquidation",
    "safeguards": "Give [safeguards]",
}


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
        exports: a sentence about each place that the results also went to.
    """

    requirements: pd.DataFrame
    components: pd.DataFrame
    manifest: dict[str, Any]
    states: pd.DataFrame | None
    liquidation: pd.DataFrame | None
    safeguards: pd.DataFrame | None
    exports: tuple[str, ...] = ()


def run_margin(
    path: Path,
    out: Path,
    *,
    pnl: bool = False,
    liquidation: Sequence[str] = (),
    liquidation_accounts: Sequence[str] = (),
    duckdb: bool = False,
    sql: str | None = None,
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
    With `duckdb` or `sql` the tables but `pnl` also go there, see `export_results`.
    Nothing is written unless everything was computed, and results of an earlier run are replaced
    all together, see `staged`, by one process at a time. Initial and maintenance margin are rounded
    up to `round_to`; the component `rounding` holds the difference.

    Args:
        path: job file.
        out: folder for the results.
        pnl: whether to write the P&L of accounts.
        liquidation: coins whose liquidation prices are sought.
        liquidation_accounts: only of these accounts, and to rounding; of all from a grid of prices
            if none is named.
        duckdb: whether to write `results.duckdb` too.
        sql: URL of a database to append the results to.
        progress: called with work done and work in all.

    Raises:
        InvalidInputError: with every problem of the inputs.
        FolderInUseError: another process writes to the folder.
        OSError: results cannot be written; those of an earlier run stay.
        MemoryError: memory ran out, and did so with ever smaller chunks too.
    """
    require_folder(out)
    require_margin_folder(out)
    export = open_export(duckdb=duckdb, sql=sql)
    start = time.perf_counter()
    inputs = load_inputs(path, safeguards=True)
    read_seconds = time.perf_counter() - start
    with held(out) as hold:
        return _margined(
            inputs, out, export, hold, read_seconds, pnl=pnl, liquidation=liquidation,
            liquidation_accounts=liquidation_accounts, progress=progress,
        )  # fmt: skip


def _margined(
    inputs: Inputs,
    out: Path,
    export: Export,
    hold: Callable[[], None],
    read_seconds: float,
    *,
    pnl: bool,
    liquidation: Sequence[str],
    liquidation_accounts: Sequence[str],
    progress: Callable[[int, int], None] | None,
) -> MarginResult:
    import jax

    from jaxmargin.jobs._calculation import build_calculation
    from jaxmargin.jobs._clock import measured
    from jaxmargin.jobs._margin_results import margin_manifest, margin_results, write_results
    from jaxmargin.jobs._pnl import pnl_file
    from jaxmargin.jobs._safeguard_state import read_last_run
    from jaxmargin.jobs._states import check_liquidation, liquidation_table

    check_liquidation(inputs, liquidation, liquidation_accounts)
    last = read_last_run(inputs)
    prices = None
    with measured() as seconds:
        calculation = build_calculation(inputs)
        requirement = jax.device_get(
            calculation.rulebook.requirement(
                calculation.book, calculation.market, progress=progress
            )
        )
        results = margin_results(inputs, calculation, requirement, last)
        if liquidation:
            prices = liquidation_table(
                inputs, calculation, liquidation, liquidation_accounts, progress=progress
            )
    manifest = margin_manifest(
        inputs, calculation, results, out, read=read_seconds, seconds=seconds
    )
    hold()
    more = {"liquidation": prices, "stress_moves": calculation.scenarios.moves}
    there = {name for name, table in (results.extra() | more).items() if table is not None}
    manifest["warnings"] += _stale(out, there | ({"pnl"} if pnl else set()))
    if not export.duckdb and (out / DUCKDB_FILE).exists():
        cure = "Give --duckdb to write it anew, or take it away."
        manifest["warnings"].append(f"{DUCKDB_FILE} is of an earlier run. {cure}")
    with staged(out) as folder, ExitStack() as stack:
        file, accounts = folder / "pnl.parquet", inputs.book.accounts
        table = pnl_file(calculation, accounts, file, progress=progress)
        facts = stack.enter_context(table) if pnl else None
        if facts is not None:
            manifest["pnl"] = facts
        manifest["tables"] = write_tables(more, folder)
        manifest = write_results(results, manifest, folder)
    names = ["requirements", "components", *sorted(there)]
    asked = {"liquidation": list(liquidation), "liquidation_accounts": list(liquidation_accounts)}
    exports = export_results(export, out, names, manifest, options=asked)
    return MarginResult(
        results.requirements,
        results.components,
        manifest,
        results.states,
        prices,
        results.extra()["safeguards"],
        tuple(exports),
    )


def _stale(out: Path, written: set[str]) -> list[str]:
    """A warning for each table that an earlier run wrote to the folder and this one does not."""
    return [
        f"{name}.parquet is of an earlier run. {cure} to write it anew, or take it away."
        for name, cure in _CURES.items()
        if name not in written and (out / f"{name}.parquet").exists()
    ]
