"""Margin after candidate trades: many what-ifs against one table of contract P&L."""

from collections.abc import Iterator

import equinox as eqx
import jax
import numpy as np
from jaxtyping import Array, Float, Int

from jaxmargin.book import (
    Book,
    DenseBlock,
    PositionBlock,
    Positions,
    largest_block,
    pad_accounts,
)
from jaxmargin.errors import require
from jaxmargin.margin import MarginRun
from jaxmargin.numerics import bucket_size, slot_width
from jaxmargin.valuation import Progress, memory_errors

__all__ = ["WhatIf", "account_of_orders", "order_margins", "what_if"]

_MOST_ROWS = 65_536  # candidates of one batch
_MOST_NUMBERS = 40 * _MOST_ROWS  # quantities of one batch


class WhatIf(eqx.Module):
    """Margin of an account before and after each of many orders, in the numeraire, loss positive.

    Attributes:
        account: whose order it is.
        initial_before: initial margin without the order.
        maintenance_before: maintenance margin without it.
        initial: initial margin with the order filled.
        maintenance: maintenance margin with it.
    """

    account: Int[np.ndarray, " order"]
    initial_before: Float[Array, " order"]
    maintenance_before: Float[Array, " order"]
    initial: Float[Array, " order"]
    maintenance: Float[Array, " order"]

    @property
    def change(self) -> Float[Array, " order"]:
        """Initial margin that the order adds; negative if it frees margin."""
        return self.initial - self.initial_before


def what_if(
    run: MarginRun,
    account: Int[np.ndarray, " leg"],
    instrument: Int[np.ndarray, " leg"],
    quantity: Float[np.ndarray, " leg"],
    order: Int[np.ndarray, " leg"] | None = None,
    *,
    progress: Progress | None = None,
) -> WhatIf:
    """Margin of each order's account if that order alone were filled at the mark.

    Orders are alternatives: none sees another. Each is margined as one account more with the P&L
    of `run`, so that any rulebook serves, and its margin is that of a full run after the trade
    (`after_trades`, `AbstractRulebook.requirement`) bit for bit, as long as memory allows for
    chunks of one size in both. Batches of at most 65,536 orders bound the memory.

    Args:
        run: of `start_run` or `update_run`.
        account: account of each leg; one for all legs of an order.
        instrument: contract of each leg, as a row of the book; each leg may be of another.
        quantity: contracts bought; negative is sold.
        order: order of each leg, counted from 0 without gaps; every leg is an order if absent.
        progress: called with orders done and orders in all.

    Raises:
        InvalidInputError: an account, contract or number of an order is out of range, an order has
            legs in two accounts, or a quantity or margin is not finite.
        MemoryError: see `AbstractRulebook.requirement`.
    """
    order = np.arange(account.size) if order is None else order
    owner = account_of_orders(run, account, instrument, quantity, order)
    initial, maintenance = order_margins(run, owner, instrument, quantity, order, progress=progress)
    wrong = np.flatnonzero(~(np.isfinite(initial) & np.isfinite(maintenance)))
    require(
        wrong.size == 0,
        f"what_if: the margin after orders {wrong[:5].tolist()}, counted from 0, is not finite. "
        "Check their quantities.",
    )
    before = run.requirement
    return WhatIf(
        owner,
        jax.device_put(np.asarray(before.initial)[owner]),
        jax.device_put(np.asarray(before.maintenance)[owner]),
        jax.device_put(initial),
        jax.device_put(maintenance),
    )


def order_margins(
    run: MarginRun,
    owner: Int[np.ndarray, " order"],
    instrument: Int[np.ndarray, " leg"],
    quantity: Float[np.ndarray, " leg"],
    order: Int[np.ndarray, " leg"],
    *,
    progress: Progress | None = None,
) -> tuple[Float[np.ndarray, " order"], Float[np.ndarray, " order"]]:
    """Initial and maintenance margin after each order, of legs that are known to be sound.

    `owner` is the account of each order; the rest as in `what_if`. Margins may not be finite.
    """
    initial = np.zeros(owner.size, run.requirement.initial.dtype)
    maintenance, done = np.zeros_like(initial), 0
    with memory_errors():
        for members, positions in _batches(run.book.positions, owner, instrument, quantity, order):
            book = Book(run.book.instruments, pad_accounts(positions))
            result = run.rulebook.charge(run.pnl, book, run.market, run.shocks)
            initial[members] = np.asarray(result.initial)[: members.size]
            maintenance[members] = np.asarray(result.maintenance)[: members.size]
            done += members.size
            if progress is not None:
                progress(done, owner.size)
    return initial, maintenance


def account_of_orders(
    run: MarginRun,
    account: Int[np.ndarray, " leg"],
    instrument: Int[np.ndarray, " leg"],
    quantity: Float[np.ndarray, " leg"],
    order: Int[np.ndarray, " leg"],
) -> Int[np.ndarray, " order"]:
    """The account of each order, after everything that `what_if` is given was checked."""

    def refuse(bad: np.ndarray, rule: str, found: np.ndarray) -> None:
        legs = np.flatnonzero(bad)
        if legs.size:
            leg = legs[0]
            require(
                False,
                f"{rule}; {legs.size} of {bad.size} legs break that, the first is leg {leg} of "
                f"order {order[leg]}, counted from 0: {found[leg]}.",
            )

    accounts, multipliers = run.book.positions.accounts, run.book.instruments
    refuse(
        (account < 0) | (account >= accounts), f"account must lie in 0 .. {accounts - 1}", account
    )
    contract = np.concatenate([np.asarray(b.multiplier) != 0.0 for b in multipliers] or [[]])
    known = (instrument >= 0) & (instrument < contract.size)
    known[known] = contract[instrument[known]]
    refuse(~known, "instrument must be the row of a contract of the book", instrument)
    refuse(~np.isfinite(quantity), "quantity must be finite", quantity)
    refuse(order < 0, "order must not be negative", order)
    legs = np.bincount(order)
    absent = np.flatnonzero(legs == 0)
    require(
        absent.size == 0,
        f"order must count orders without gaps; none has number {absent[:1].tolist()}.",
    )
    first = np.zeros(legs.size, np.int64)
    first[order[::-1]] = np.arange(order.size)[::-1]
    owner = account[first]
    refuse(account != owner[order], "all legs of an order must be in one account", account)
    return owner


def _batches(
    positions: Positions,
    owner: Int[np.ndarray, " order"],
    instrument: Int[np.ndarray, " leg"],
    quantity: Float[np.ndarray, " leg"],
    order: Int[np.ndarray, " leg"],
) -> Iterator[tuple[Int[np.ndarray, " some"], Positions]]:
    """Some orders, and positions in which each of them is an account with the order filled."""
    by_order = np.argsort(order, kind="stable")
    instrument, quantity = instrument[by_order], quantity[by_order]
    legs = np.bincount(order)
    start = np.cumsum(legs) - legs
    row, first = np.asarray(positions.row)[owner], 0
    for block in positions.blocks:
        mine = np.flatnonzero((row >= first) & (row < first + block.rows))
        if mine.size:
            held, at = np.asarray(block.quantity), row[mine] - first
            dense = isinstance(block, DenseBlock)
            if dense:
                last = np.maximum.reduceat(instrument, start)[mine]
                sizes = [bucket_size(int(column) + 1) for column in np.unique(last)]
                grown = np.array(sizes)[np.searchsorted(np.unique(last), last)]
                widths = np.maximum(grown, held.shape[1])
                contracts = None
            else:
                slots = np.arange(1, held.shape[1] + 1)
                needed = ((held != 0.0) * slots).max(axis=1)[at] + legs[mine]
                widths = np.array([slot_width(n) for n in range(needed.max() + 1)])[needed]
                contracts = np.asarray(block.instrument)
            for width in np.unique(widths):
                group = np.flatnonzero(widths == width)
                size = _batch_rows(int(width))
                for some in np.split(group, range(size, group.size, size)):
                    members = mine[some]
                    rows = (at[some], int(width), contracts, held)
                    filled = _filled(rows, start[members], legs[members], instrument, quantity)
                    yield members, _laid_out(*filled)
        first += block.rows


def _batch_rows(width: int) -> int:
    """A power of two: candidates of one batch."""
    return min(_MOST_ROWS, 2 ** max((_MOST_NUMBERS // width).bit_length() - 1, 0))


def _filled(
    rows: tuple[np.ndarray, int, np.ndarray | None, np.ndarray],
    start: Int[np.ndarray, " some"],
    legs: Int[np.ndarray, " some"],
    instrument: Int[np.ndarray, " leg"],
    quantity: Float[np.ndarray, " leg"],
) -> tuple[Int[np.ndarray, "some slot"] | None, Float[np.ndarray, "some slot"]]:
    """Contracts and quantities of accounts after orders, in the slots that `after_trades` uses."""
    at, width, contracts, held = rows
    kept = min(width, held.shape[1])
    size = np.zeros((at.size, width), held.dtype)
    size[:, :kept] = held[at, :kept]
    what = None
    if contracts is not None:
        what = np.zeros((at.size, width), contracts.dtype)
        what[:, :kept] = contracts[at, :kept]
    for leg in range(legs.max(initial=0)):
        some = np.flatnonzero(legs > leg)
        which = start[some] + leg
        slot = instrument[which]
        if what is not None:
            used = size[some] != 0.0
            same = used & (what[some] == slot[:, None])
            slot = np.where(same.any(axis=1), same.argmax(axis=1), (~used).argmax(axis=1))
            what[some, slot] = instrument[which]
        with np.errstate(over="ignore"):
            size[some, slot] += quantity[which].astype(held.dtype)
    return what, size


def _laid_out(
    what: Int[np.ndarray, "some slot"] | None, size: Float[np.ndarray, "some slot"]
) -> Positions:
    """One account a row, in blocks that share a shape as far as possible."""
    blocks, count = [], size.shape[0]
    for first in range(0, count, largest_block()):
        rows = slice(first, min(first + largest_block(), count))
        extra = bucket_size(rows.stop - first) - (rows.stop - first)
        padded = [
            jax.device_put(np.pad(part[rows], ((0, extra), (0, 0))))
            for part in (what, size)
            if part is not None
        ]
        blocks.append(DenseBlock(*padded) if what is None else PositionBlock(*padded))
    return Positions(tuple(blocks), jax.device_put(np.arange(count, dtype=np.int32)))
