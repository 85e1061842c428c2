"""Updates of a watched job: of everything, of positions alone, of collateral alone."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import jax
import numpy as np
import pandas as pd

from jaxmargin.errors import require
from jaxmargin.io import (
    BookTables,
    Problems,
    build_book,
    read_book,
    with_accounts_of,
)
from jaxmargin.jobs._calculation import Calculation, build_calculation
from jaxmargin.jobs._clock import Seconds, measured
from jaxmargin.jobs._held_collateral import read_held_collateral
from jaxmargin.jobs._load import Inputs, load_inputs
from jaxmargin.jobs._margin_results import MarginResults, margin_results
from jaxmargin.jobs._safeguard_settings import read_job_safeguards
from jaxmargin.jobs._safeguard_state import LastRun, read_last_run
from jaxmargin.jobs._states import state_table
from jaxmargin.margin import MarginRun, Requirement, start_run, update_run

__all__ = ["Update", "collateral_update", "full_update", "positions_update"]


@dataclass(frozen=True)
class Update:
    """Margins of a job at one time, and what the next update can build on.

    Attributes:
        inputs: checked.
        calculation: what the margins are computed from.
        run: margins before safeguards, with accounts in the order of `order`.
        order: accounts of `run`: those of the last full update first, also where they have no
            positions any more, so that accounts keep their rows.
        last: the run that safeguards go on from.
        results: tables.
        mode: full, incremental (only accounts whose positions changed were margined) or
            collateral (none was).
        charged: accounts that were margined.
        priced: contracts that were priced.
        read: seconds to read the inputs.
        seconds: to compute.
    """

    inputs: Inputs
    calculation: Calculation
    run: MarginRun
    order: pd.Index
    last: LastRun | None
    results: MarginResults
    mode: str
    charged: int
    priced: int
    read: float
    seconds: Seconds


def full_update(
    path: Path,
    before: Update | None = None,
    *,
    snapshots: Path,
    check: Callable[[Inputs], None],
    balances: pd.DataFrame | None = None,
    haircuts: pd.DataFrame | None = None,
) -> Update:
    """Read and margin everything.

    Args:
        path: job file.
        before: the update before, in the same process.
        snapshots: folder with tables of databases as they were at the look; see `read_job`.
        check: raises `InvalidInputError` for inputs that are not to be margined.
        balances: collateral to take in place of what the job's table has.
        haircuts: the same of its haircuts.

    Raises:
        InvalidInputError: with every problem of the inputs; without collateral in [book], which
            calls need; with another precision than before, which one process cannot have.
        MemoryError: memory ran out, and did so with ever smaller chunks too.
    """
    start = time.perf_counter()
    inputs = load_inputs(
        path, safeguards=True, snapshots=snapshots, balances=balances, haircuts=haircuts
    )
    require(
        inputs.balances is not None,
        f"{path.name}, [book]: key 'collateral' is missing, and calls need what accounts have. "
        "Give a table with account, asset, quantity.",
    )
    precision = inputs.job.settings["precision"]
    require(
        before is None or before.inputs.job.settings["precision"] == precision,
        f"{path.name}, precision: it was another one when the loop began. Put it back, or start "
        "the loop anew.",
    )
    check(inputs)
    last = read_last_run(inputs)
    read = time.perf_counter() - start
    with measured() as seconds:
        made = build_calculation(inputs)
        run = start_run(made.rulebook, made.book, made.market)
        results = margin_results(inputs, made, jax.device_get(run.requirement), last)
    order = inputs.book.accounts
    return Update(
        inputs, made, run, order, last, results, "full", run.charged, run.priced, read, seconds
    )


def positions_update(
    before: Update, *, balances: pd.DataFrame | None = None, haircuts: pd.DataFrame | None = None
) -> Update:
    """Read the book anew and margin accounts whose positions differ, in the market of `before`.

    The tables are those of a full update bit for bit; see `update_run`. Safeguards, where the job
    has them, are applied to all accounts anew.

    Args:
        before: the update before.
        balances: collateral to take in place of what the job's table has.
        haircuts: the same of its haircuts.

    Raises:
        InvalidInputError, MemoryError: see `full_update`.
    """
    start, problems, job = time.perf_counter(), Problems(), before.inputs.job
    market = before.inputs.market
    files = {name: file for name, file in job.book.items() if file}
    book = read_book(files, job.settings["valuation_time"], market, problems)
    balances, haircuts = read_held_collateral(
        job, market, problems, balances=balances, haircuts=haircuts
    )
    problems.raise_if_any()
    assert book is not None and balances is not None  # or there are problems
    return _margined(before, book, balances, haircuts, start)


def collateral_update(before: Update) -> Update:
    """Read collateral anew, at the prices and beside the margins of `before`.

    Accounts without positions come and go with it.

    Raises:
        InvalidInputError: the table cannot be used.
    """
    start, problems, inputs = time.perf_counter(), Problems(), before.inputs
    file, results = inputs.job.book["collateral"], before.results
    balances, haircuts = read_held_collateral(
        inputs.job, inputs.market, problems, haircuts=inputs.haircuts
    )
    problems.raise_if_any()
    assert balances is not None  # or there are problems
    if not with_accounts_of(inputs.book, balances).accounts.equals(inputs.book.accounts):
        return _margined(before, inputs.book, balances, haircuts, start)
    inputs = replace(inputs, balances=balances, ignored=_ignored(inputs, {file: balances}))
    read = time.perf_counter() - start
    with measured() as seconds:
        states = state_table(inputs, before.calculation, results.requirement, results.requirements)
    return replace(
        before, inputs=inputs, results=replace(results, states=states), mode="collateral",
        charged=0, priced=0, read=read, seconds=seconds,
    )  # fmt: skip


def _margined(
    before: Update,
    book: BookTables,
    balances: pd.DataFrame,
    haircuts: pd.DataFrame | None,
    start: float,
) -> Update:
    """The update of these tables in the market of `before`; reading them began at `start`."""
    problems, job, known = Problems(), before.inputs.job, before.order
    book = with_accounts_of(book, balances)
    chosen = read_job_safeguards(job, book.accounts, problems)
    problems.raise_if_any()
    tables = {"instruments": book.instruments, "positions": book.positions, "collateral": balances}
    if haircuts is not None:
        tables["haircuts"] = haircuts
    inputs = replace(
        before.inputs,
        book=book,
        balances=balances,
        haircuts=haircuts,
        safeguards=chosen,
        ignored=_ignored(before.inputs, {job.book[name]: part for name, part in tables.items()}),
    )
    read = time.perf_counter() - start
    order = known.append(book.accounts[~book.accounts.isin(known)])
    with measured() as seconds:
        held = build_book(book, inputs.market)
        same = order.equals(book.accounts)
        placed = held if same else build_book(replace(book, accounts=order), inputs.market)
        run = update_run(before.run, placed)
        requirement = _rows(jax.device_get(run.requirement), order.get_indexer(book.accounts))
        made = replace(before.calculation, book=held)
        results = margin_results(inputs, made, requirement, before.last)
    return Update(
        inputs, made, run, order, before.last, results, "incremental", run.charged, run.priced,
        read, seconds,
    )  # fmt: skip


def _rows(requirement: Requirement, rows: np.ndarray) -> Requirement:
    """The margins of some accounts, in their order."""
    return jax.tree.map(lambda leaf: leaf[rows] if np.ndim(leaf) else leaf, requirement)


def _ignored(inputs: Inputs, tables: dict[Path, pd.DataFrame]) -> dict[str, list[str]]:
    """Columns that are not used, where some tables have been read anew."""
    names: Sequence[str] = [file.name for file in tables]
    kept = {name: columns for name, columns in inputs.ignored.items() if name not in names}
    found = {file.name: table.attrs.get("ignored_columns", ()) for file, table in tables.items()}
    return kept | {name: list(columns) for name, columns in found.items() if columns}
