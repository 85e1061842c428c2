"""What safeguards carry from a run to the next: a table beside the results."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from jaxtyping import Float

from jaxmargin.errors import InvalidInputError, require
from jaxmargin.io import BookTables, build_book
from jaxmargin.jobs._calculation import build_calculation
from jaxmargin.jobs._common_rows import has_prices
from jaxmargin.jobs._load import Inputs, only_accounts
from jaxmargin.jobs._past_run import PastRun, read_run
from jaxmargin.jobs._priced import Priced, price, priced_margins
from jaxmargin.jobs._safeguard_settings import JobSafeguards
from jaxmargin.jobs._table_files import table_sha256
from jaxmargin.margin.procyclicality import ProcyclicalityState, ToolMemory
from jaxmargin.margin.safeguards import SafeguardState, rebase_safeguards, start_safeguards

__all__ = ["STATE_FILE", "LastRun", "last_state", "price_then", "read_last_run", "state_rows"]

STATE_FILE = "safeguards_state.parquet"
_NUMBERS = ("calculated", "called", "initial", "maintenance")


@dataclass(frozen=True)
class LastRun:
    """The run that safeguards go on from.

    Attributes:
        run: its inputs.
        rows: its state, by account.
        sha256: of the state.
    """

    run: PastRun
    rows: pd.DataFrame
    sha256: str


def state_rows(state: SafeguardState, accounts: pd.Index, tools: tuple[str, ...]) -> pd.DataFrame:
    """The state as a table: one row per account, NaN where there was none."""
    parts = state.procyclicality
    columns: dict[str, Any] = {
        "account": accounts,
        "calculated": parts.calculated,
        "called": parts.called,
        "initial": state.initial,
        "maintenance": state.maintenance,
        "runs_held": parts.runs_held,
    }
    for name, memory in zip(tools, parts.memory, strict=True):
        columns |= {f"{name}.margin": memory.margin, f"{name}.level": memory.level}
    return pd.DataFrame({name: np.asarray(value) for name, value in columns.items()})


def read_last_run(inputs: Inputs) -> LastRun | None:
    """The run that `previous` names, with its state; None for a first run, or no safeguards.

    Fails closed: a state that is missing, damaged, of other tools or not of an earlier time is
    refused, as are inputs of that run which have changed since.

    Raises:
        InvalidInputError: see above.
    """
    job, safeguards = inputs.job, inputs.safeguards
    if safeguards is None or job.safeguards is None:
        return None
    folder, place = job.safeguards["previous"], f"{job.path.name}, [safeguards] previous"
    if folder is None:
        return None
    first = "Give the --out folder of the last run with these safeguards; none for a first run."
    require(folder.is_dir(), f"{place}: {folder} is no folder. {first}")
    run = read_run(folder, safeguards=True)
    stated = run.manifest.get("safeguards", {}).get("state_sha256")
    file = folder / STATE_FILE
    require(stated is not None, f"{place}: the run in {folder} had no safeguards. {first}")
    require(file.exists(), f"{file}: no such file. {first}")
    found = table_sha256(file)
    require(
        found == stated,
        f"{file}: not the SHA-256 that manifest.json states. Run that job again.",
    )
    before, now = (each.settings for each in (run.inputs.job, job))
    require(
        before["numeraire"] == now["numeraire"],
        f"{place}: amounts are in {before['numeraire']}, those of {job.path.name} in "
        f"{now['numeraire']}. Give a run in the same numeraire.",
    )
    require(
        before["valuation_time"] < now["valuation_time"],
        f"{place}: its valuation_time, {before['valuation_time']}, is not before "
        f"{now['valuation_time']}. Give the run before this one.",
    )
    try:
        rows = pq.read_table(file, page_checksum_verification=True).to_pandas()
    except (OSError, ValueError, pa.ArrowException) as error:
        raise InvalidInputError(f"{file}: cannot be read ({error}). {first}") from error
    expected = state_rows(_start(safeguards, 0), pd.Index([]), safeguards.tools).columns
    require(
        list(rows.columns) == list(expected),
        f"{file}: it is of other tools than {', '.join(safeguards.tools) or 'none'}. Name the same "
        "tools in the same order, or leave previous out to start anew.",
    )
    return LastRun(run, rows.set_index("account"), found)


def last_state(
    inputs: Inputs,
    safeguards: JobSafeguards,
    last: LastRun | None,
    then: Callable[[], Priced] | None = None,
) -> tuple[SafeguardState, dict[str, Any], list[str]]:
    """The state as if today's positions had been held in the last run, see `rebase_safeguards`.

    Accounts whose positions changed are margined once more, in the market and by the scenarios of
    the last run. One that holds what that market does not price keeps its state; one that had no
    margin then starts anew.

    Args:
        inputs: the checked inputs.
        safeguards: which ones.
        last: the run before; None for the first.
        then: contracts in the market and scenarios of the last run, see `price_then`; made unless
            given.

    Returns:
        The state in the order of the book's accounts; facts for the manifest; accounts that keep
        their state for that reason.
    """
    accounts = inputs.book.accounts
    if last is None:
        return _start(safeguards, len(accounts)), {"previous": None}, []
    rows, past = last.rows.reindex(accounts), only_accounts(last.run.inputs, accounts)
    had, changed = (rows["calculated"] > 0.0).to_numpy(), accounts.isin(_changed(inputs, past))
    rows.loc[changed & ~had] = np.nan
    priced = partial(price_then, inputs, last) if then is None else then
    margins_then, unknown = _margin_then(inputs, past, accounts[changed & had], priced)
    with jax.enable_x64(True):
        numbers = {name: jnp.asarray(rows[name].to_numpy(np.float64)) for name in rows.columns}
        memory = tuple(
            ToolMemory(numbers[f"{name}.margin"], numbers[f"{name}.level"])
            for name in safeguards.tools
        )
        held = jnp.asarray(rows["runs_held"].fillna(0).to_numpy(np.int32))
        parts = ProcyclicalityState(numbers["calculated"], numbers["called"], memory, held)
        state = SafeguardState(parts, numbers["initial"], numbers["maintenance"])
        state = rebase_safeguards(state, jnp.asarray(margins_then))
    facts = {
        "previous": {
            "valuation_time": last.run.inputs.job.settings["valuation_time"].isoformat(),
            "state_sha256": last.sha256,
        },
        "accounts_new": len(accounts.difference(last.rows.index)),
        "accounts_closed": len(last.rows.index.difference(accounts)),
        "accounts_rebased": int(np.isfinite(margins_then).sum()),
    }
    return state, facts, unknown


def _start(safeguards: JobSafeguards, accounts: int) -> SafeguardState:
    with jax.enable_x64(True):
        return start_safeguards(safeguards.settings, accounts)


def _changed(inputs: Inputs, past: Inputs) -> pd.Index:
    """Accounts that hold other quantities, or contracts of other terms, than in the last run."""
    terms = pd.concat([past.book.instruments, inputs.book.instruments]).drop_duplicates()
    other_terms = terms.loc[terms["instrument"].duplicated(), "instrument"]
    held = [
        side.book.positions.groupby(["account", "instrument"], observed=True)["quantity"].sum()
        for side in (past, inputs)
    ]
    both = pd.concat(held, axis=1, keys=["then", "now"]).fillna(0.0).reset_index()
    moved = (both["then"] != both["now"]) | both["instrument"].isin(other_terms)
    return pd.Index(both.loc[moved, "account"].unique())


def price_then(inputs: Inputs, last: LastRun) -> Priced:
    """Today's contracts in the market and scenarios of the last run, as far as it prices them."""
    past = last.run.inputs
    nobody = inputs.book.positions.iloc[:0]
    return price(
        build_calculation(
            replace(past, book=BookTables(_priced_then(inputs, past), nobody, pd.Index([])))
        )
    )


def _priced_then(inputs: Inputs, past: Inputs) -> pd.DataFrame:
    """Contracts of today that the market of the last run prices."""
    contracts = inputs.book.instruments
    return contracts[has_prices(contracts, past.market)].reset_index(drop=True)


def _margin_then(
    inputs: Inputs, past: Inputs, changed: pd.Index, then: Callable[[], Priced]
) -> tuple[Float[np.ndarray, " account"], list[str]]:
    """Margin of today's positions in the last run; NaN for accounts that did not change.

    Nothing where an account has closed them all. Also the changed accounts that hold what the
    market of that run does not price: NaN too.
    """
    accounts, positions = inputs.book.accounts, inputs.book.positions
    priced = _priced_then(inputs, past)
    mine = positions[positions["account"].isin(changed)]
    new = mine.loc[~mine["instrument"].isin(priced["instrument"]), "account"].unique()
    mine = mine[~mine["account"].isin(new)].reset_index(drop=True)
    margins, who = np.full(len(accounts), np.nan), accounts[accounts.isin(mine["account"])]
    margins[accounts.isin(changed) & ~accounts.isin(positions["account"])] = 0.0
    if len(who):
        held = build_book(BookTables(priced, mine, who), past.market).positions
        margins[accounts.get_indexer(who)] = np.asarray(
            priced_margins(then(), held).initial, np.float64
        )
    return margins, sorted(new)
