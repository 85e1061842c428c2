"""What a process prepares once, and one shard computed from it."""

from dataclasses import dataclass, replace

import jax
import numpy as np
import pandas as pd
from jaxtyping import Float, Int

from jaxmargin.book import FEW_SLOTS, Book, build_positions
from jaxmargin.io import contract_rows
from jaxmargin.jobs._calculation import build_calculation
from jaxmargin.jobs._load import Inputs, only_accounts
from jaxmargin.jobs._margin_results import margin_results
from jaxmargin.jobs._priced import Priced, price, priced_margins
from jaxmargin.jobs._safeguard_state import LastRun, read_last_run
from jaxmargin.jobs._safeguards import SafeguardPrices, safeguard_prices
from jaxmargin.jobs.run._plan import RunPlan
from jaxmargin.jobs.run._shard_files import ShardTables
from jaxmargin.valuation import ample_chunk_rows

__all__ = ["PreparedRun", "compute_shard", "prepare_run", "shard_tables_of"]


@dataclass(frozen=True)
class PreparedRun:
    """Everything that no shard changes, and the positions in the order of the accounts.

    Attributes:
        inputs: the checked inputs.
        priced: market, scenarios and rulebook, and contracts priced in the scenarios.
        last: the run that safeguards go on from, or None.
        prices: what else safeguards need priced; made when the first shard asks for it.
        order: rows of the table of positions by account.
        starts: first of them of each account, and their number at last.
        contract: row of the book that each of them, so ordered, is in.
        quantity: of each of them.
    """

    inputs: Inputs
    priced: Priced
    last: LastRun | None
    prices: SafeguardPrices
    order: Int[np.ndarray, " position"]
    starts: Int[np.ndarray, " edge"]
    contract: Int[np.ndarray, " position"]
    quantity: Float[np.ndarray, " position"]


def prepare_run(inputs: Inputs) -> PreparedRun:
    """Build and price everything of a run but its accounts.

    Raises:
        InvalidInputError: the history or the settings do not allow an estimate, or a contract has
            no finite profit and loss in some scenario.
        MemoryError: memory ran out.
    """
    last = read_last_run(inputs)
    accounts, positions = inputs.book.accounts, inputs.book.positions
    owner = accounts.get_indexer(pd.Index(positions["account"]))
    order = np.argsort(owner, kind="stable")
    counts = np.bincount(owner, minlength=len(accounts))
    calculation = build_calculation(only_accounts(inputs, pd.Index([])))
    priced = price(calculation)
    return PreparedRun(
        inputs=inputs,
        priced=priced,
        last=last,
        prices=safeguard_prices(inputs, calculation, last, priced),
        order=order,
        starts=np.concatenate([[0], np.cumsum(counts)]),
        contract=contract_rows(inputs.book, positions["instrument"])[order],
        quantity=positions["quantity"].to_numpy(np.float64)[order],
    )


def shard_tables_of(inputs: Inputs) -> tuple[str, ...]:
    """Names of the tables of every shard of a job."""
    guarded = ("safeguards", "safeguards_state") if inputs.safeguards is not None else ()
    states = ("states",) if inputs.balances is not None else ()
    return ("requirements", "components", *states, *guarded)


def compute_shard(prepared: PreparedRun, plan: RunPlan, shard: int) -> ShardTables:
    """Margins of the accounts of one shard: they depend on the plan and its number alone.

    Raises:
        InvalidInputError: an account has no finite margin.
        MemoryError: memory ran out, and did so with ever smaller chunks too.
    """
    first, last = plan.rows(shard)
    begin, end = prepared.starts[first], prepared.starts[last]
    held = np.diff(prepared.starts[first : last + 1])
    positions = build_positions(
        np.repeat(np.arange(last - first), held),
        prepared.contract[begin:end],
        prepared.quantity[begin:end],
        accounts=last - first,
        contracts=int(prepared.contract.max(initial=0)) + 1,
        few_slots=FEW_SLOTS,
    )
    made, pnl = prepared.priced.calculation, prepared.priced.pnl
    calculation = replace(made, book=Book(made.book.instruments, positions))
    requirement = jax.device_get(priced_margins(prepared.priced, positions))
    results = margin_results(
        _part(prepared, first, last), calculation, requirement, prepared.last, prepared.prices
    )
    tables = {"requirements": results.requirements, "components": results.components}
    tables |= {name: table for name, table in results.extra().items() if table is not None}
    tail = results.requirements["tail_count"]
    safeguarded = results.safeguarded
    facts = {
        "positions": int(end - begin),
        "chunk_rows": int(requirement.execution.chunk_rows),
        "ample_chunk_rows": ample_chunk_rows(pnl.shape[1], pnl.dtype.itemsize),
        "least_tail_count": float(tail.min()) if len(tail) else None,
        "safeguards": None if safeguarded is None else safeguarded.facts,
        "unpriced": [] if safeguarded is None else safeguarded.unpriced,
    }
    return ShardTables(tables, facts)


def _part(prepared: PreparedRun, first: int, last: int) -> Inputs:
    """The inputs with only these accounts; see `only_accounts`, which searches all positions."""
    inputs, begin, end = prepared.inputs, prepared.starts[first], prepared.starts[last]
    mine = inputs.book.positions.iloc[np.sort(prepared.order[begin:end])].reset_index(drop=True)
    book = replace(inputs.book, positions=mine, accounts=inputs.book.accounts[first:last])
    return replace(inputs, book=book)
