"""Positions in padded blocks."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jaxmargin.book import FEW_SLOTS, DenseBlock, build_positions, largest_block, slices
from jaxmargin.errors import InvalidInputError


def as_dictionary(positions):
    """(account, instrument) to quantity, read back from the blocks."""
    instrument = [row for block in positions.blocks for row in np.asarray(block.instrument)]
    quantity = [row for block in positions.blocks for row in np.asarray(block.quantity)]
    return {
        (account, int(i)): float(q)
        for account, row in enumerate(np.asarray(positions.row))
        for i, q in zip(instrument[row], quantity[row], strict=True)
        if q != 0.0
    }


@settings(max_examples=60, deadline=None)
@given(
    st.integers(1, 30),
    st.dictionaries(
        st.tuples(st.integers(0, 29), st.integers(0, 60)), st.floats(0.5, 1e6), max_size=300
    ),
)
def test_every_position_is_found_again_and_nothing_else(accounts, held):
    held = {pair: quantity for pair, quantity in held.items() if pair[0] < accounts}
    pairs = np.array(list(held), np.int64).reshape(-1, 2)
    quantity = np.array(list(held.values()), np.float64)
    positions = build_positions(pairs[:, 0], pairs[:, 1], quantity, accounts=accounts)
    assert positions.accounts == accounts
    assert as_dictionary(positions) == held
    assert len(set(np.asarray(positions.row).tolist())) == accounts  # a row for each account


def test_accounts_of_different_size_do_not_pad_each_other():
    account = np.concatenate([np.zeros(200, int), np.arange(1, 51)])
    instrument = np.concatenate([np.arange(200), np.zeros(50, int)])
    positions = build_positions(account, instrument, np.ones(250), accounts=51)
    assert sorted(block.quantity.shape for block in positions.blocks) == [(8, 224), (56, 10)]
    assert isinstance(positions.blocks[1], DenseBlock)  # holds most of the 200 contracts


def test_a_wide_account_that_holds_few_of_many_contracts_is_not_made_dense():
    positions = build_positions(np.zeros(200, int), np.arange(200) * 20, np.ones(200), accounts=1)
    assert [block.quantity.shape for block in positions.blocks] == [(8, 240)]


def test_small_and_large_accounts_are_found_again_side_by_side():
    """Eight accounts in three blocks, each of them padded: rows must count the padding."""
    sizes = [3, 12, 0, 25, 1, 15, 10, 11]
    account = np.repeat(np.arange(8), sizes)
    instrument = np.concatenate([np.arange(size) for size in sizes])
    order = np.random.default_rng(4).permutation(account.size)  # positions come in any order
    account, instrument, quantity = account[order], instrument[order], 1.0 + order
    positions = build_positions(account, instrument, quantity, accounts=8)
    assert [block.instrument.shape for block in positions.blocks] == [(8, 10), (8, 20), (8, 30)]
    expected = zip(zip(account.tolist(), instrument.tolist(), strict=True), quantity, strict=True)
    assert as_dictionary(positions) == dict(expected)


def test_few_accounts_of_several_widths_share_a_block_and_many_do_not():
    """Those of up to 10 positions, and those that may be dense, stay among themselves."""

    def shapes(*sizes):
        account = np.repeat(np.arange(len(sizes)), sizes)
        instrument = 20 * np.concatenate([np.arange(size) for size in sizes])
        held = {"accounts": len(sizes), "few_slots": FEW_SLOTS}
        positions = build_positions(account, instrument, np.ones(account.size), **held)
        found = as_dictionary(positions)
        assert set(found) == set(zip(account.tolist(), instrument.tolist(), strict=True))
        return [block.quantity.shape for block in positions.blocks]

    assert shapes(3, 12, 0, 25, 41, 10) == [(8, 10), (8, 60)]
    assert shapes(3, 12, 200, 25) == [(8, 10), (8, 30), (8, 240)]
    assert shapes(*[12] * 126, 21, 22) == [(128, 30)]  # 3,840 slots
    assert shapes(*[12] * 129, 21, 22) == [(160, 20), (8, 30)]  # 4,800 would be too many


def test_accounts_without_positions_keep_their_place():
    positions = build_positions(np.array([2]), np.array([7]), np.array([1.5]), accounts=4)
    assert as_dictionary(positions) == {(2, 7): 1.5} and positions.accounts == 4


def test_no_accounts_make_no_blocks():
    nothing = np.zeros(0, np.int64)
    assert build_positions(nothing, nothing, np.zeros(0), accounts=0).blocks == ()


def test_an_account_out_of_range_is_refused():
    with pytest.raises(InvalidInputError, match=r"account must lie in 0 \.\. 2; found -1 \.\. 3"):
        build_positions(np.array([-1, 3]), np.array([0, 1]), np.ones(2), accounts=3)


def test_a_contract_held_twice_is_refused():
    with pytest.raises(InvalidInputError, match="the same contract in two positions"):
        build_positions(np.array([1, 1]), np.array([4, 4]), np.ones(2), accounts=2)


def test_large_books_are_cut_into_slices_of_one_shape_and_a_rest():
    most = largest_block()  # more on a GPU
    account = np.arange(2 * most + 808)
    held = (account, account % 5, np.ones(account.size))
    positions = build_positions(*held, accounts=account.size)
    shapes = [block.instrument.shape for block in slices(positions, most)]
    assert shapes == [(most, 10), (most, 10), (896, 10)]


@pytest.mark.parametrize("wrong", [np.nan, np.inf])
def test_a_quantity_that_is_not_finite_is_refused(wrong):
    with pytest.raises(InvalidInputError, match=r"also in float64; that of positions \[1\] is not"):
        build_positions(np.zeros(2, int), np.arange(2), np.array([1.0, wrong]), accounts=1)
