"""What differs between two books: contracts by row, accounts by number; on the host."""

import jax
import numpy as np
from jaxtyping import Bool, Int

from jaxmargin.book import DenseBlock, PositionBlock, Positions
from jaxmargin.instruments import AbstractInstruments, AmericanOptions, BarrierOptions

__all__ = ["ROUNDS_BY_SHAPE", "changed_accounts", "compare_contracts"]

# Kinds whose formulas the compiler rounds differently in the last bits for another number of rows:
# they are priced as a whole batch, and anew where the batch has another size.
ROUNDS_BY_SHAPE = (AmericanOptions, BarrierOptions)


def compare_contracts(
    old: tuple[AbstractInstruments, ...], new: tuple[AbstractInstruments, ...]
) -> tuple[Int[np.ndarray, " instrument"], Bool[np.ndarray, " instrument"]]:
    """For each row of the new book the row it had before, or -1, and whether it must be priced."""
    starts = np.cumsum([0] + [batch.multiplier.shape[0] for batch in old])
    before, changed = [], []
    for number, batch in enumerate(new):
        rows = batch.multiplier.shape[0]
        same = np.zeros(rows, bool)
        if number < len(old) and type(old[number]) is type(batch):
            common = min(rows, old[number].multiplier.shape[0])
            pairs = zip(jax.tree.leaves(old[number]), jax.tree.leaves(batch), strict=True)
            equal = np.ones(common, bool)
            for one, other in pairs:
                differs = np.asarray(one)[:common] != np.asarray(other)[:common]
                equal &= ~differs.reshape(common, -1).any(axis=1)
            both = (
                np.asarray(old[number].multiplier)[:common],
                np.asarray(batch.multiplier)[:common],
            )
            same[:common] = equal | ((both[0] == 0.0) & (both[1] == 0.0))
            if isinstance(batch, ROUNDS_BY_SHAPE) and rows != old[number].multiplier.shape[0]:
                same[:] = False
        before.append(np.where(same, starts[min(number, len(old))] + np.arange(rows), -1))
        changed.append(~same)
    if not new:
        return np.zeros(0, int), np.zeros(0, bool)
    return np.concatenate(before), np.concatenate(changed)


def changed_accounts(
    old: Positions,
    new: Positions,
    before: Int[np.ndarray, " instrument"],
    touched: Bool[np.ndarray, " instrument"],
) -> Int[np.ndarray, " some"]:
    """Accounts whose row of a block differs, or that hold a contract that was priced anew."""
    changed = np.ones(new.accounts, bool)
    common = min(old.accounts, new.accounts)
    was, now = np.asarray(old.row)[:common], np.asarray(new.row)[:common]
    first = 0
    for block in new.blocks:
        start = 0
        for other in old.blocks:
            if type(other) is type(block) and _width(other) == _width(block):
                mine = (now >= first) & (now < first + block.rows)
                mine &= (was >= start) & (was < start + other.rows)
                accounts = np.flatnonzero(mine)
                rows = (was[accounts] - start, now[accounts] - first)
                changed[accounts] = _differs(other, block, *rows, before, touched)
            start += other.rows
        first += block.rows
    return np.flatnonzero(changed)


def _width(block: PositionBlock | DenseBlock) -> int:
    return block.quantity.shape[1]


def _differs(
    old: PositionBlock | DenseBlock,
    new: PositionBlock | DenseBlock,
    was: Int[np.ndarray, " some"],
    now: Int[np.ndarray, " some"],
    before: Int[np.ndarray, " instrument"],
    touched: Bool[np.ndarray, " instrument"],
) -> Bool[np.ndarray, " some"]:
    """Whether rows of two blocks of one width hold different things."""
    quantity, other = np.asarray(new.quantity)[now], np.asarray(old.quantity)[was]
    held = quantity != 0.0
    if isinstance(new, PositionBlock) and isinstance(old, PositionBlock):
        instrument = np.asarray(new.instrument)[now]
        moved = before[instrument] != np.asarray(old.instrument)[was]
        return ((quantity != other) | (held & (moved | touched[instrument]))).any(axis=1)
    columns = min(quantity.shape[1], before.size)
    moved = (before != np.arange(before.size)) | touched
    return (quantity != other).any(axis=1) | (held[:, :columns] & moved[None, :columns]).any(axis=1)
