"""Which sizes are compiled ahead."""

import jax.numpy as jnp
import numpy as np
import pytest

from jaxmargin.book import FEW_SLOTS, Book, DenseBlock, PositionBlock, build_positions, slices
from jaxmargin.instruments import Spot
from jaxmargin.jobs._ladder import account_buckets, ladder_blocks, ladder_rows, shape_of
from jaxmargin.numerics import bucket_size, slot_width


def book(held, contracts, few_slots=0):
    """A book of `contracts` contracts in which each account holds the first so many."""
    batch = Spot(jnp.zeros(contracts, int), jnp.ones(contracts, int), jnp.ones(contracts))
    positions = build_positions(
        np.repeat(np.arange(held.size), held),
        np.concatenate([np.arange(count) for count in held]),
        np.ones(held.sum()),
        accounts=held.size,
        few_slots=few_slots,
    )
    return Book((batch,), positions)


def shapes_of(held, contracts, growth):
    made = book(held, contracts)
    return {
        shape_of(block)
        for width, rows in ladder_rows(held, contracts, growth).items()
        for block in ladder_blocks(made, contracts, width, rows)
    }


def test_rows_go_from_half_the_accounts_of_a_width_to_twice_as_many():
    held = np.concatenate([np.full(100, 3), np.full(9, 15)])
    assert ladder_rows(held, 500, 2.0) == {
        10: [56, 64, 80, 96, 112, 128, 160, 192, 224],  # 50 to 200
        20: [8, 10, 12, 14, 16, 20],  # 4 to 18
        30: [8, 10, 12, 14, 16, 20],  # the next width, which all of them may come to share
    }
    assert ladder_rows(np.full(500, 15), 500, 1.0)[30] == [8]  # too many to share a block


def test_widths_end_where_there_are_no_contracts_to_hold():
    assert list(ladder_rows(np.array([15]), 20, 2.0)) == [10, 20]
    assert list(ladder_rows(np.array([15]), 21, 2.0)) == [10, 20, 30]
    assert ladder_rows(np.zeros(0, int), 0, 2.0) == {}


@pytest.mark.parametrize("present", [3_000, 4_096, 4_500, 9_000])
@pytest.mark.parametrize("growth", [1.0, 1.3, 2.0])
def test_large_books_are_prepared_for_slice_by_slice(present, growth):
    """No program has more than 4,096 rows; what is left over may be of any size."""
    rows = set(ladder_rows(np.full(present, 1), 5, growth)[10])
    for accounts in np.linspace(present // 2, present * growth, 9).astype(int):
        blocks = slices(book(np.full(accounts, 1), 5).positions)
        assert {block.rows for block in blocks} <= rows
    assert max(rows) <= 4096 and all(size == bucket_size(size) for size in rows)


@pytest.mark.parametrize("growth", [1.0, 1.5, 3.0])
def test_a_book_that_grows_has_only_blocks_of_the_ladder(growth):
    random = np.random.default_rng(4)
    held = random.integers(1, 170, 300)
    ladder = shapes_of(held, 400, growth)
    width = np.array([slot_width(int(count)) for count in held])
    grown = [np.resize(held[width == w], int((width == w).sum() * growth)) for w in set(width)]
    halved = [held[width == w][: -(-(width == w).sum() // 2)] for w in set(width)]
    outgrown = np.append(held, 321)  # one account wider than all others
    for later in (held, np.concatenate(grown), np.concatenate(halved), outgrown):
        blocks = slices(book(later, 400).positions)
        assert {shape_of(block) for block in blocks} <= ladder


@pytest.mark.parametrize("growth", [1.0, 2.0])
def test_a_small_book_whose_accounts_share_a_block_grows_within_the_ladder(growth):
    held = np.array([3, 12, 1, 25, 35, 11, 58, 9])
    ladder = shapes_of(held, 400, growth)
    wider, narrower = np.append(held[:-1], 61), np.where(held == 58, 28, held)
    twice = np.concatenate([held, held]) if growth == 2.0 else held
    for later in (held, wider, narrower, twice):
        blocks = book(later, 400, few_slots=FEW_SLOTS).positions.blocks
        assert len(blocks) == 2 and {shape_of(block) for block in blocks} <= ladder


def test_wide_accounts_are_prepared_for_as_dense_rows_of_all_numbers_of_columns():
    held = np.array([170, 3])
    shapes = shapes_of(held, 400, 2.0)
    dense = {shape for kind, shape in shapes if kind is DenseBlock}
    assert {columns for _, columns in dense} == {192, 224, 256, 320, 384, 448}
    assert {shape[1] for kind, shape in shapes if kind is PositionBlock} == {
        10,
        20,
        30,
        40,
        60,
        80,
        120,
    }


def test_numbers_of_accounts_are_prepared_for_up_to_the_most():
    assert account_buckets(30, 60) == [32, 40, 48, 56, 64]
    assert account_buckets(0, 1) == [8]
