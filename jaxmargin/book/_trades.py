"""Positions after trades, without laying out the whole book again."""

import jax
import numpy as np
from jaxtyping import Float, Int

from jaxmargin.book._positions import DenseBlock, PositionBlock, Positions
from jaxmargin.errors import require
from jaxmargin.numerics import bucket_size, slot_width

__all__ = ["after_trades"]


def after_trades(
    positions: Positions,
    account: Int[np.ndarray, " trade"],
    instrument: Int[np.ndarray, " trade"],
    quantity: Float[np.ndarray, " trade"],
) -> Positions:
    """`positions` with `quantity` contracts added to what each account holds; on the host.

    An account that needs more slots than its block has moves to a wider one; rows and blocks are
    added only where no room is left. Everything else stays where it was, so that a run that
    builds on an earlier one sees at once which accounts traded.

    Args:
        positions: before the trades.
        account: account of each trade, in 0 .. `positions.accounts` - 1.
        instrument: contract of each trade, as a row of the book.
        quantity: contracts bought; negative is sold.

    Raises:
        InvalidInputError: an account is out of range, a contract negative, or a quantity not
            finite. Whether the book has the contract is seen when it is margined.
    """
    require(
        bool(np.all((account >= 0) & (account < positions.accounts) & (instrument >= 0))),
        f"after_trades: account must lie in 0 .. {positions.accounts - 1} and instrument at 0 or "
        f"above; found accounts {account.min(initial=0)} .. {account.max(initial=0)}, "
        f"instruments from {instrument.min(initial=0)}.",
    )
    wrong = np.flatnonzero(~np.isfinite(quantity))
    require(
        wrong.size == 0,
        f"after_trades: quantity must be finite; that of trades {wrong[:5].tolist()} is not.",
    )
    ledger = _Ledger(positions)
    with np.errstate(over="ignore"):
        for one in zip(account.tolist(), instrument.tolist(), quantity.tolist(), strict=True):
            ledger.add(*one)
    wrong = np.unique([one for one in account.tolist() if not ledger.is_finite(one)])
    require(
        wrong.size == 0,
        f"after_trades: accounts {wrong[:5].tolist()} would hold a quantity that is not finite.",
    )
    return ledger.positions()


class _Ledger:
    """Copies of the blocks on the host, and where each account lies in them."""

    def __init__(self, positions: Positions) -> None:
        rows = np.asarray(positions.row)
        ends = np.cumsum([block.rows for block in positions.blocks])
        self.blocks = [_Copy(block) for block in positions.blocks]
        self.block = np.searchsorted(ends, rows, side="right")
        starts = np.concatenate([[0], ends[:-1]]) if ends.size else np.zeros(1, int)
        self.row = rows - starts[np.minimum(self.block, starts.size - 1)]
        for number, copy in enumerate(self.blocks):
            copy.used[self.row[self.block == number]] = True

    def add(self, account: int, instrument: int, quantity: float) -> None:
        while not self._copy(account).add(int(self.row[account]), instrument, quantity):
            self._widen(account)

    def is_finite(self, account: int) -> bool:
        return bool(np.isfinite(self._copy(account).quantity[self.row[account]]).all())

    def _copy(self, account: int) -> "_Copy":
        return self.blocks[self.block[account]]

    def _widen(self, account: int) -> None:
        """Move an account to the block of the next width, which is made if there is none."""
        old, row = self._copy(account), int(self.row[account])
        width = slot_width(old.quantity.shape[1] + 1)
        found = [
            number
            for number, copy in enumerate(self.blocks)
            if copy.instrument is not None and copy.quantity.shape[1] == width
        ]
        if not found:
            empty = np.zeros((bucket_size(1), width), old.quantity.dtype)
            nothing = PositionBlock(*jax.device_put((np.zeros(empty.shape, np.int32), empty)))
            self.blocks.append(_Copy(nothing))
            found = [len(self.blocks) - 1]
        new = self.blocks[found[0]]
        self.block[account], self.row[account] = found[0], new.take_over(old, row)

    def positions(self) -> Positions:
        sizes = [copy.quantity.shape[0] for copy in self.blocks]
        starts = np.concatenate([[0], np.cumsum(sizes)])
        row = (starts[self.block] + self.row).astype(np.int32)
        return Positions(tuple(copy.block() for copy in self.blocks), jax.device_put(row))


class _Copy:
    """A block on the host."""

    def __init__(self, block: PositionBlock | DenseBlock) -> None:
        self.quantity = np.array(block.quantity)
        dense = isinstance(block, DenseBlock)
        self.instrument = None if dense else np.array(block.instrument)
        self.used = np.zeros(self.quantity.shape[0], bool)

    def add(self, row: int, instrument: int, quantity: float) -> bool:
        """Add to a row; False if it has no slot left."""
        if self.instrument is None:
            extra = bucket_size(instrument + 1) - self.quantity.shape[1]
            if extra > 0:
                self.quantity = np.pad(self.quantity, ((0, 0), (0, extra)))
            self.quantity[row, instrument] += quantity
            return True
        held = self.quantity[row] != 0.0
        same = np.flatnonzero(held & (self.instrument[row] == instrument))
        slots = same if same.size else np.flatnonzero(~held)
        if slots.size == 0:
            return False
        slot = int(slots[0])
        self.instrument[row, slot] = instrument
        self.quantity[row, slot] += quantity
        return True

    def take_over(self, other: "_Copy", row: int) -> int:
        """A row of a narrower block, whose row becomes free; returns where it went."""
        assert self.instrument is not None and other.instrument is not None
        if self.used.all():
            extra = bucket_size(self.used.size + 1) - self.used.size
            self.quantity = np.pad(self.quantity, ((0, extra), (0, 0)))
            self.instrument = np.pad(self.instrument, ((0, extra), (0, 0)))
            self.used = np.pad(self.used, (0, extra))
        free = int(np.argmin(self.used))
        width = other.quantity.shape[1]
        self.quantity[free, :width], self.quantity[free, width:] = other.quantity[row], 0.0
        self.instrument[free, :width] = other.instrument[row]
        self.used[free], other.used[row] = True, False
        other.quantity[row] = 0.0
        return free

    def block(self) -> PositionBlock | DenseBlock:
        quantity = jax.device_put(self.quantity)
        if self.instrument is None:
            return DenseBlock(quantity)
        return PositionBlock(jax.device_put(self.instrument), quantity)
