"""Intraday runs that build on an earlier one: only what changed is computed again."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int

from jaxmargin.book import Book, build_positions, select_accounts
from jaxmargin.instruments import AbstractInstruments
from jaxmargin.margin._changes import ROUNDS_BY_SHAPE, changed_accounts, compare_contracts
from jaxmargin.margin._requirement import Requirement
from jaxmargin.margin._rulebook import (
    AbstractRulebook,
    charged,
    require_finite,
    require_known,
    require_margins,
    revalued,
)
from jaxmargin.market import Market
from jaxmargin.numerics import bucket_size
from jaxmargin.scenarios import Shocks
from jaxmargin.valuation import Progress, contract_pnl, memory_errors

__all__ = ["MarginRun", "start_run", "update_run"]


class MarginRun(eqx.Module):
    """A margin run and what a later one in the same market can use of it.

    Attributes:
        rulebook: the rule.
        book: contracts and positions.
        market: today's market.
        shocks: its scenarios.
        pnl: P&L of one contract of each row of the book.
        requirement: margin of every account; its `execution` is that of the last computation.
        priced: contracts that were priced in this run, padding left out.
        charged: accounts that were margined in this run.
    """

    rulebook: AbstractRulebook
    book: Book
    market: Market
    shocks: Shocks
    pnl: Float[Array, "instrument scenario"]
    requirement: Requirement
    priced: int
    charged: int


def start_run(
    rulebook: AbstractRulebook, book: Book, market: Market, *, progress: Progress | None = None
) -> MarginRun:
    """Margin every account, and keep what `update_run` can build on.

    Raises:
        InvalidInputError, MemoryError: see `AbstractRulebook.requirement`.
    """
    with memory_errors():
        shocks, pnl = revalued(rulebook, book, market)
        requirement = charged(rulebook, pnl, book, market, shocks, progress=progress)
    contracts = int(_held_rows(book.instruments).sum())
    accounts = book.positions.accounts
    return MarginRun(rulebook, book, market, shocks, pnl, requirement, contracts, accounts)


def update_run(run: MarginRun, book: Book, *, progress: Progress | None = None) -> MarginRun:
    """The run for `book` in the same market and scenarios, equal to a full one bit for bit.

    That holds as long as memory allows for chunks of one size in both; see `Execution`.

    Contracts whose terms are new or differ are priced, accounts whose positions differ or that
    hold such a contract are margined; everything else is taken over. Contracts are compared by
    kind and row, accounts by number: keep both in place and append what is new, as
    `pad_instruments` and `after_trades` do. Another market needs a new `start_run`.

    Raises:
        InvalidInputError, MemoryError: see `AbstractRulebook.requirement`.
    """
    require_known(book.positions, sum(batch.multiplier.shape[0] for batch in book.instruments))
    before, new = compare_contracts(run.book.instruments, book.instruments)
    with memory_errors():
        pnl = _updated_pnl(run, book, before, new)
        accounts = changed_accounts(run.book.positions, book.positions, before, new)
        requirement = _updated_requirement(run, book, pnl, accounts, progress)
    require_margins(requirement)
    priced = int(_held_rows(book.instruments)[new].sum())
    return MarginRun(
        run.rulebook,
        book,
        run.market,
        run.shocks,
        pnl,
        requirement,
        priced,
        int(accounts.size),
    )


def _held_rows(instruments: tuple[AbstractInstruments, ...]) -> Bool[np.ndarray, " instrument"]:
    """Rows that are no padding."""
    return np.concatenate([np.asarray(batch.multiplier) != 0.0 for batch in instruments] or [[]])


def _updated_pnl(
    run: MarginRun,
    book: Book,
    before: Int[np.ndarray, " instrument"],
    new: Bool[np.ndarray, " instrument"],
) -> Float[Array, "instrument scenario"]:
    """The table of the earlier run, rows moved and priced as needed."""
    pnl, first = run.pnl, 0
    if not book.instruments:
        return contract_pnl(book, run.market, run.shocks)
    moved = before.size != pnl.shape[0] or np.any((before != np.arange(before.size)) & ~new)
    if moved:
        pnl = pnl[jnp.asarray(np.maximum(before, 0))]
    for batch in book.instruments:
        rows = np.flatnonzero(new[first : first + batch.multiplier.shape[0]])
        if rows.size:
            padded = np.pad(rows, (0, bucket_size(rows.size) - rows.size), mode="edge")
            if isinstance(batch, ROUNDS_BY_SHAPE):
                padded = np.arange(batch.multiplier.shape[0])
            some = jax.tree.map(lambda leaf, rows=padded: leaf[jnp.asarray(rows)], batch)
            nobody = np.zeros(0, np.int64)
            alone = Book((some,), build_positions(nobody, nobody, np.zeros(0), accounts=0))
            priced = contract_pnl(alone, run.market, run.shocks)
            require_finite(priced, run.shocks.weight)
            pnl = _with_rows(pnl, jnp.asarray(first + padded), priced)
        first += batch.multiplier.shape[0]
    return pnl


@jax.jit
def _with_rows(
    pnl: Float[Array, "instrument scenario"],
    row: Int[Array, " some"],
    priced: Float[Array, "some scenario"],
) -> Float[Array, "instrument scenario"]:
    return pnl.at[row].set(priced)


def _updated_requirement(
    run: MarginRun,
    book: Book,
    pnl: Float[Array, "instrument scenario"],
    accounts: Int[np.ndarray, " some"],
    progress: Progress | None,
) -> Requirement:
    """That of the earlier run with the rows of some accounts computed anew."""
    rows = book.positions.accounts

    def sized(leaf: Array | int) -> np.ndarray | int:
        if isinstance(leaf, int):
            return leaf
        old = np.asarray(leaf)
        return np.concatenate([old[:rows], np.zeros((max(0, rows - old.shape[0])), old.dtype)])

    result = jax.tree.map(sized, run.requirement)
    execution = run.requirement.execution
    if accounts.size:
        some = Book(book.instruments, select_accounts(book.positions, accounts))
        part = run.rulebook.charge(pnl, some, run.market, run.shocks, progress=progress)
        execution = part.execution

        def merged(leaf: np.ndarray | int, fresh: Array | int) -> np.ndarray | int:
            if isinstance(leaf, int):
                return leaf
            leaf[accounts] = np.asarray(fresh)[: accounts.size]
            return leaf

        result = jax.tree.map(merged, result, part)
    result = jax.tree.map(
        lambda leaf: leaf if isinstance(leaf, int) else jax.device_put(leaf), result
    )
    return eqx.tree_at(lambda r: r.execution, result, execution)
