"""Sizes that the blocks of a book may grow into: a finite ladder, since sizes are padded."""

from collections.abc import Iterator

import numpy as np

from jaxmargin.book import (
    FEW_SLOTS,
    Book,
    DenseBlock,
    PositionBlock,
    build_positions,
    largest_block,
)
from jaxmargin.numerics import bucket_size, slot_width

__all__ = ["Shape", "account_buckets", "ladder_blocks", "ladder_rows", "shape_of"]

_SMALLEST_WIDTH = slot_width(1)

Shape = tuple[type, tuple[int, ...]]
"""What tells the program of one block from that of another."""


def ladder_rows(held: np.ndarray, contracts: int, growth: float) -> dict[int, list[int]]:
    """For each width the row counts that its block may come to have.

    Accounts come and go, and grow from one width into the next. So each width gets every bucket
    from half its present accounts up to `growth` times as many: where those are more than 4,096,
    blocks of 4,096 and every bucket of what may be left. Widths go up to the next above the
    widest account, as far as there are contracts for it. Where accounts of several widths are few
    enough to share a block (`FEW_SLOTS`), each of those widths may be that of the block.

    Args:
        held: positions of each account.
        contracts: contracts in the book.
        growth: accounts to be prepared for, times the present ones; at least 1.
    """
    present = np.array([slot_width(int(count)) for count in held], int)
    next_above = slot_width(int(present.max(initial=_SMALLEST_WIDTH)) + 1)
    widest = min(next_above, slot_width(contracts))
    above = max(1, int((present > _SMALLEST_WIDTH).sum()))
    shared = _sliced(above // 2, int(np.ceil(above * growth)))
    rows, width = {}, _SMALLEST_WIDTH
    while contracts and width <= widest:
        accounts = max(1, int((present == width).sum()))
        sizes = set(_sliced(accounts // 2, int(np.ceil(accounts * growth))))
        if width > _SMALLEST_WIDTH:
            sizes.update(size for size in shared if size * width <= FEW_SLOTS)
        rows[width] = sorted(sizes)
        width = slot_width(width + 1)
    return rows


def _sliced(lowest: int, highest: int) -> list[int]:
    """Rows of the slices of a block that holds `lowest` to `highest` accounts."""
    sizes: set[int] = set()
    largest = largest_block()
    for whole in range(lowest // largest, highest // largest + 1):
        least, most = (min(max(n - whole * largest, 0), largest) for n in (lowest, highest))
        sizes.update(account_buckets(least, most) if most else ())
        sizes.update((largest,) if whole else ())
    return sorted(sizes)


def account_buckets(lowest: int, highest: int) -> list[int]:
    """All bucket sizes that hold `lowest` to `highest` accounts, or columns of them."""
    sizes = [bucket_size(max(1, lowest))]
    while sizes[-1] < highest:
        sizes.append(bucket_size(sizes[-1] + 1))
    return sizes


def ladder_blocks(
    book: Book, contracts: int, width: int, rows: list[int]
) -> Iterator[PositionBlock | DenseBlock]:
    """Blocks of `width` with made-up positions, one of each shape.

    Wide accounts may be dense rows, whose columns go up to the last contract that anybody holds;
    those come with every number of columns from the present one up to all contracts.
    """
    total = sum(batch.multiplier.shape[0] for batch in book.instruments)
    for columns in account_buckets(_columns(book), total):
        last = min(columns, total)
        count = min(width, contracts, last)
        if slot_width(count) != width:
            continue  # so few columns have no such account
        instrument = np.append(np.arange(count - 1), last - 1)
        dense = False
        for size in rows:
            positions = build_positions(
                np.repeat(np.arange(size), count),
                np.tile(instrument, size),
                np.ones(size * count),
                accounts=size,
            )
            (block,) = positions.blocks
            dense = isinstance(block, DenseBlock)
            yield block
        if not dense:
            return


def _columns(book: Book) -> int:
    """Columns that a dense row of this book has or would have."""
    columns = 1
    for block in book.positions.blocks:
        if isinstance(block, DenseBlock):
            columns = max(columns, block.quantity.shape[1])
        else:
            columns = max(columns, int(block.instrument.max()) + 1)
    return columns


def shape_of(block: PositionBlock | DenseBlock) -> Shape:
    """Kind and shape of a block."""
    return type(block), block.quantity.shape
