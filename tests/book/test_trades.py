"""Positions after trades hold what they held and what was traded."""

from collections import defaultdict

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jaxmargin.book import DenseBlock, after_trades, build_positions
from jaxmargin.errors import InvalidInputError

ACCOUNTS = 12


def holdings(positions):
    """(account, instrument) to quantity."""
    return {
        (account, int(i)): float(q)
        for account in range(positions.accounts)
        for i, q in zip(*positions.of(account), strict=True)
    }


def built(held):
    pairs = np.array(list(held), np.int64).reshape(-1, 2)
    quantity = np.array(list(held.values()), np.float64)
    return build_positions(pairs[:, 0], pairs[:, 1], quantity, accounts=ACCOUNTS)


PAIRS = st.tuples(st.integers(0, ACCOUNTS - 1), st.integers(0, 60))
WHOLE = st.integers(-5, 5).filter(bool)  # sums of whole numbers are exact, and may end at zero


@settings(max_examples=60, deadline=None)
@given(
    st.dictionaries(PAIRS, WHOLE, max_size=150),
    st.lists(st.tuples(PAIRS, WHOLE), max_size=150),
)
def test_what_is_held_is_what_was_held_and_traded(held, trades):
    expected = defaultdict(float, held)
    for pair, quantity in trades:
        expected[pair] += quantity
    pairs = np.array([pair for pair, _ in trades], np.int64).reshape(-1, 2)
    quantity = np.array([quantity for _, quantity in trades], np.float64)
    before = built(held)
    after = after_trades(before, pairs[:, 0], pairs[:, 1], quantity)
    assert holdings(after) == {pair: q for pair, q in expected.items() if q != 0.0}
    assert holdings(before) == held  # untouched
    assert len(set(np.asarray(after.row).tolist())) == ACCOUNTS


def test_accounts_that_did_not_trade_stay_where_they_were():
    held = {(account, i): 1.0 for account in range(ACCOUNTS) for i in range(account + 1)}
    before = built(held)
    after = after_trades(before, np.array([3, 3]), np.array([50, 1]), np.array([2.0, -1.0]))
    assert [b.quantity.shape for b in after.blocks] == [b.quantity.shape for b in before.blocks]
    np.testing.assert_array_equal(after.row, before.row)
    changed = np.asarray(after.blocks[0].quantity) != np.asarray(before.blocks[0].quantity)
    assert changed.any(axis=1).sum() == 1


def test_an_account_that_outgrows_its_slots_moves_to_a_wider_block_and_leaves_its_row_free():
    before = built({(0, i): 1.0 + i for i in range(10)} | {(1, 0): 1.0})
    assert [block.quantity.shape for block in before.blocks] == [(12, 10)]
    after = after_trades(before, np.array([0]), np.array([40]), np.array([7.0]))
    assert [block.quantity.shape for block in after.blocks] == [(12, 10), (8, 20)]
    assert holdings(after)[0, 40] == 7.0 and len(after.of(0)[0]) == 11
    again = after_trades(after, np.full(12, 1), np.arange(20, 32), np.ones(12))
    assert [block.quantity.shape for block in again.blocks] == [(12, 10), (8, 20)]


def test_a_full_block_grows_by_a_bucket():
    before = built({(account, i): 1.0 for account in range(8) for i in range(11)})
    assert before.blocks[-1].quantity.shape == (8, 20)
    trades = np.full(11, 9), np.arange(11), np.full(11, 3.0)
    after = after_trades(before, *trades)
    assert after.blocks[-1].quantity.shape == (10, 20)
    assert dict(zip(*map(np.ndarray.tolist, after.of(9)), strict=True)) == dict.fromkeys(
        range(11), 3
    )


def test_market_makers_in_dense_rows_trade_too():
    before = build_positions(np.zeros(200, int), np.arange(200), np.ones(200), accounts=2)
    assert any(isinstance(block, DenseBlock) for block in before.blocks)
    after = after_trades(before, np.array([0, 0]), np.array([5, 900]), np.array([-1.0, 4.0]))
    instrument, quantity = after.of(0)
    assert quantity[instrument == 900] == 4.0 and 5 not in instrument and instrument.size == 200


@pytest.mark.parametrize(
    ("account", "instrument", "quantity", "message"),
    [
        (ACCOUNTS, 0, 1.0, "account must lie in 0 .. 11"),
        (-1, 0, 1.0, "account must lie in 0 .. 11"),
        (0, -1, 1.0, "instrument at 0 or above"),
        (0, 0, np.nan, "quantity must be finite; that of trades \\[0\\]"),
        (0, 0, 1e308, "accounts \\[0\\] would hold a quantity that is not finite"),
    ],
)
def test_trades_that_make_no_sense_are_refused(account, instrument, quantity, message):
    arguments = np.array([account]), np.array([instrument]), np.array([quantity])
    with pytest.raises(InvalidInputError, match=message):
        after_trades(built({(0, 0): 1e308}), *arguments)
