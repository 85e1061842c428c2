"""Positions: who holds how much of what, in padded slots."""

from collections.abc import Iterator

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from jaxmargin.errors import require
from jaxmargin.numerics import aggregate_rows, bucket_size, slot_width

__all__ = [
    "FEW_SLOTS",
    "LARGEST_BLOCK",
    "DenseBlock",
    "PositionBlock",
    "Positions",
    "build_positions",
    "largest_block",
    "pad_accounts",
    "select_accounts",
    "slices",
]

# An account with so many slots is a dense row, if the slots are at least a third of the columns: a
# matrix product takes a half to a third of the time per number that gathered rows take.
_WIDE, _DENSE_ADVANTAGE = 160, 3
LARGEST_BLOCK = 4096  # rows of one compiled program; more rows are more calls, not more compiling
FEW_SLOTS = 4096  # milliseconds of work, where a program for one more width takes a second to make
_LARGEST_ON_GPU = 65_536  # where each call and each pass over a chunk has a price of its own


def largest_block() -> int:
    """Rows of one program over accounts that are handled a chunk at a time: more on a GPU."""
    return LARGEST_BLOCK if jax.default_backend() == "cpu" else _LARGEST_ON_GPU


class PositionBlock(eqx.Module):
    """Accounts of similar size, one row each, padded with quantity zero.

    Attributes:
        instrument: row of each position's contract in the book.
        quantity: contracts held; negative is short.
    """

    instrument: Int[Array, "row slot"]
    quantity: Float[Array, "row slot"]

    @property
    def rows(self) -> int:
        """Accounts, padding included."""
        return self.quantity.shape[0]

    def account_pnl(self, pnl: Float[Array, "instrument scenario"]) -> Float[Array, "row scenario"]:
        """Sum of quantity times the P&L of one contract."""
        return aggregate_rows(pnl, self.instrument, self.quantity)


class DenseBlock(eqx.Module):
    """Accounts that hold a good part of all contracts, such as market makers.

    Attributes:
        quantity: contracts held of each row of the book, up to the last that anybody holds and
            some more; zero for what is not held.
    """

    quantity: Float[Array, "row column"]

    @property
    def rows(self) -> int:
        """Accounts, padding included."""
        return self.quantity.shape[0]

    def account_pnl(self, pnl: Float[Array, "instrument scenario"]) -> Float[Array, "row scenario"]:
        """Sum of quantity times the P&L of one contract."""
        columns = min(self.quantity.shape[1], pnl.shape[0])
        quantity, known = self.quantity[:, :columns], pnl[:columns]
        return jnp.matmul(quantity, known, precision=jax.lax.Precision.HIGHEST)


class Positions(eqx.Module):
    """Signed quantities of contracts held by accounts.

    Attributes:
        blocks: the accounts, grouped by their number of positions.
        row: row of each account in the blocks laid end to end.
    """

    blocks: tuple[PositionBlock | DenseBlock, ...]
    row: Int[Array, " account"]

    @property
    def accounts(self) -> int:
        """Number of accounts."""
        return self.row.shape[0]

    def of(
        self, account: int
    ) -> tuple[Int[np.ndarray, " position"], Float[np.ndarray, " position"]]:
        """Rows of the book that one account holds, and how much of each; on the host."""
        row = int(self.row[account])
        for block in self.blocks:
            if row < block.rows:
                quantity = np.asarray(block.quantity[row])
                if isinstance(block, PositionBlock):
                    instrument = np.asarray(block.instrument[row])
                else:
                    instrument = np.arange(quantity.size, dtype=np.int32)
                return instrument[quantity != 0.0], quantity[quantity != 0.0]
            row -= block.rows
        raise IndexError(account)  # a row beyond the blocks: never built so


def build_positions(
    account: Int[np.ndarray, " position"],
    instrument: Int[np.ndarray, " position"],
    quantity: Float[np.ndarray, " position"],
    *,
    accounts: int,
    contracts: int = 0,
    few_slots: int = 0,
) -> Positions:
    """Group positions by account into padded blocks; on the host.

    Accounts with up to 10, 20, 30, 40, 60, ... positions share a block, and block sizes are
    padded, so that a trade or a new account rarely changes a shape. Accounts that hold a good
    part of all contracts become dense rows.

    Args:
        account: account of each position, in 0 .. `accounts` - 1.
        instrument: contract of each position, as a row of the book.
        quantity: contracts; finite.
        accounts: number of accounts; those without positions are kept.
        contracts: rows of the book that these or other accounts hold, at least; gives dense rows
            of some of the accounts of a book the columns that they have among all.
        few_slots: accounts of 20 to 120 slots share one block, of the width of the largest, where
            it has at most so many slots, padding included. Each block takes programs of its own,
            and their margins are the same to the last bit. `FEW_SLOTS` where compiling counts.

    Raises:
        InvalidInputError: an account is out of range, a quantity not finite, or an account holds
            a contract twice.
    """
    require(
        bool(np.all((account >= 0) & (account < accounts))),
        f"build_positions: account must lie in 0 .. {accounts - 1}; "
        f"found {account.min(initial=0)} .. {account.max(initial=0)}.",
    )
    pair = account.astype(np.int64) * (int(instrument.max(initial=0)) + 1) + instrument
    require(
        np.unique(pair).size == pair.size,
        "build_positions: an account holds the same contract in two positions; "
        "add their quantities first.",
    )
    with np.errstate(over="ignore"):
        stored = quantity.astype(jax.dtypes.canonicalize_dtype(np.float64))
    wrong = np.flatnonzero(~np.isfinite(stored))
    require(
        wrong.size == 0,
        f"build_positions: quantity must be finite, also in {stored.dtype}; that of positions "
        f"{wrong[:5].tolist()} is not.",
    )
    held = np.bincount(account, minlength=accounts)
    widths = np.array([slot_width(int(count)) for count in range(held.max(initial=0) + 1)])[held]
    # those of the least width stay alone: the compiler makes no loop of one pass, so that more
    # slots would change the last bit of their margins; all others have the same in any width
    shared = (widths > slot_width(0)) & (widths < _WIDE)
    widest = widths[shared].max(initial=0)
    if _padded_rows(int(shared.sum())) * widest <= few_slots:
        widths[shared] = widest
    order = np.argsort(account, kind="stable")
    starts = np.concatenate([[0], np.cumsum(held)])
    slot = np.arange(account.size) - starts[account[order]]

    columns = bucket_size(max(int(instrument.max(initial=0)) + 1, contracts))
    row = np.zeros(accounts, np.int32)
    blocks, first = [], 0
    for width in np.unique(widths):
        members = np.flatnonzero(widths == width)
        row_in_block = np.full(accounts, -1, np.int64)
        row_in_block[members] = np.arange(members.size)
        mine = row_in_block[account[order]] >= 0
        where = (row_in_block[account[order]][mine], slot[mine])
        shape = (_padded_rows(members.size), int(width))
        block_instrument = np.zeros(shape, np.int32)
        block_quantity = np.zeros(shape, np.float64)
        block_instrument[where] = instrument[order][mine]
        block_quantity[where] = quantity[order][mine]
        if width >= _WIDE and width * _DENSE_ADVANTAGE >= columns:
            blocks.append(_dense(block_instrument, block_quantity, columns))
        else:
            blocks.append(PositionBlock(*jax.device_put((block_instrument, block_quantity))))
        row[members] = first + np.arange(members.size)
        first += shape[0]
    return Positions(blocks=tuple(blocks), row=jax.device_put(row))


def _padded_rows(rows: int) -> int:
    whole = rows // largest_block() * largest_block()
    return whole + (bucket_size(rows - whole) if rows > whole else 0)


def _dense(
    instrument: Int[np.ndarray, "row slot"], quantity: Float[np.ndarray, "row slot"], columns: int
) -> DenseBlock:
    table = np.zeros((instrument.shape[0], columns))
    np.add.at(table, (np.arange(instrument.shape[0])[:, None], instrument), quantity)
    return DenseBlock(jax.device_put(table))


def slices(positions: Positions, most: int = LARGEST_BLOCK) -> Iterator[PositionBlock | DenseBlock]:
    """The blocks in order, cut so that none has more than `most` rows."""
    for block in positions.blocks:
        if block.rows <= most:
            yield block  # a slice of it all would be one more program for each shape
            continue
        for first in range(0, block.rows, most):
            rows = slice(first, first + most)
            yield jax.tree.map(lambda leaf, rows=rows: leaf[rows], block)


def select_accounts(positions: Positions, accounts: Int[np.ndarray, " some"]) -> Positions:
    """Only these accounts, in their order, in blocks of the same widths; on the host.

    `row` is padded to a bucket size with copies of its first entry, so that one account more
    changes no shape: the first `accounts.size` are those asked for.
    """
    rows, blocks, first, placed = np.asarray(positions.row)[accounts], [], 0, 0
    row = np.zeros(bucket_size(accounts.size), np.int32)
    for block in positions.blocks:
        mine = np.flatnonzero((rows >= first) & (rows < first + block.rows))
        if mine.size:
            size = _padded_rows(mine.size)
            taken = rows[mine] - first
            blocks.append(
                jax.tree.map(
                    lambda leaf, taken=taken, size=size: jax.device_put(
                        np.pad(np.asarray(leaf)[taken], ((0, size - taken.size), (0, 0)))
                    ),
                    block,
                )
            )
            row[mine] = placed + np.arange(mine.size)
            placed += size
        first += block.rows
    row[accounts.size :] = row[0]
    return Positions(tuple(blocks), jax.device_put(row))


def pad_accounts(positions: Positions) -> Positions:
    """`positions` with accounts added up to a bucket size: copies of the first."""
    row = np.asarray(positions.row)
    if row.size == 0:
        return positions
    padding = np.full(bucket_size(row.size) - row.size, row[0])
    padded = np.concatenate([row, padding]).astype(np.int32)
    return Positions(positions.blocks, jax.device_put(padded))
