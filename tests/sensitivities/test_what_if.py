"""What-ifs, against full runs with the trades done."""

import functools

import jax
import numpy as np
import pytest
from kinds import RULEBOOKS, book, market, name

from jaxmargin.book import Book, DenseBlock, after_trades, build_positions
from jaxmargin.errors import InvalidInputError
from jaxmargin.margin import start_run
from jaxmargin.sensitivities import what_if

by_name = pytest.mark.parametrize("number", range(len(RULEBOOKS)), ids=map(name, RULEBOOKS))


@functools.cache
def run_of(number):
    """A run of six accounts with one of the rulebooks."""
    return start_run(RULEBOOKS[number], book(6), market())


def contracts(held):
    """Rows of the book that are no padding."""
    return np.flatnonzero(np.concatenate([np.asarray(b.multiplier) for b in held.instruments]))


def full(run, account, instrument, quantity):
    """Requirement of the whole book after trades."""
    traded = after_trades(run.book.positions, account, instrument, quantity)
    return run.rulebook.requirement(Book(run.book.instruments, traded), market())


def orders_of(held, random, orders):
    """Random orders of one to four legs; some in contracts that the account holds."""
    rows, legs = contracts(held), random.integers(1, 5, orders)
    order = np.repeat(np.arange(orders), legs)
    account = random.integers(0, held.positions.accounts, orders)[order]
    instrument = random.choice(rows, order.size)
    for leg in range(0, order.size, 3):
        instrument[leg] = held.positions.of(int(account[leg]))[0][0]
    return account, instrument, random.normal(0.0, 2.0, order.size), order


@by_name
def test_a_what_if_is_a_full_run_with_the_trade_done_bit_for_bit(number):
    run, random = run_of(number), np.random.default_rng(1)
    account, instrument, quantity, order = orders_of(run.book, random, 8)
    quantity[0] = -run.book.positions.of(int(account[0]))[1][0]  # closes a position
    shuffled = np.concatenate([np.flatnonzero(order % 3 == part) for part in range(3)])
    found = what_if(
        run, account[shuffled], instrument[shuffled], quantity[shuffled], order[shuffled]
    )
    assert found.initial.shape == (8,)
    for one in range(8):
        legs = order == one
        owner = account[legs][0]
        after = full(run, account[legs], instrument[legs], quantity[legs])
        assert found.account[one] == owner
        assert found.initial[one] == after.initial[owner]
        assert found.maintenance[one] == after.maintenance[owner]
        assert found.initial_before[one] == run.requirement.initial[owner]
        assert found.maintenance_before[one] == run.requirement.maintenance[owner]
    np.testing.assert_array_equal(found.change, found.initial - found.initial_before)


def test_dense_accounts_and_accounts_without_positions_have_what_ifs():
    held, random = book(6), np.random.default_rng(2)
    batches = held.instruments * 6  # so many that 165 positions make a dense row
    rows = np.flatnonzero(np.concatenate([np.asarray(b.multiplier) for b in batches]))
    dense = random.choice(rows, 165, replace=False)
    account = np.concatenate([np.zeros(165, int), [1, 1]])
    instrument = np.concatenate([dense, rows[:2]])
    positions = build_positions(account, instrument, random.normal(size=167), accounts=3)
    assert any(isinstance(block, DenseBlock) for block in positions.blocks)
    run = start_run(RULEBOOKS[0], Book(batches, positions), market())
    account, instrument = np.array([0, 0, 1, 2]), rows[[0, -1, 5, 7]]
    quantity = np.array([3.0, -2.0, 1.0, 4.0])
    found = what_if(run, account, instrument, quantity)
    for one in range(4):
        some = slice(one, one + 1)
        after = full(run, account[some], instrument[some], quantity[some])
        assert found.initial[one] == after.initial[account[one]]
    assert found.initial_before[3] == 0.0


def test_batches_and_other_numbers_of_orders_change_nothing(monkeypatch):
    run, random = run_of(0), np.random.default_rng(3)
    account = random.integers(0, 6, 50)
    instrument, quantity = random.choice(contracts(run.book), 50), random.normal(size=50)
    whole = what_if(run, account, instrument, quantity)
    monkeypatch.setattr("jaxmargin.sensitivities._what_if._MOST_ROWS", 8)
    calls = []
    parts = what_if(
        run, account, instrument, quantity, progress=lambda done, total: calls.append((done, total))
    )
    jax.tree.map(np.testing.assert_array_equal, whole, parts)
    assert calls[-1] == (50, 50) and len(calls) >= 4
    none = what_if(run, np.zeros(0, int), np.zeros(0, int), np.zeros(0))
    assert none.initial.shape == (0,)


@pytest.mark.parametrize(
    ("part", "value", "said"),
    [
        ("account", 6, "account must lie in 0 .. 5; 1 of 3 legs .* leg 1 of order 1.*: 6"),
        ("instrument", 10**6, "instrument must be the row of a contract.* leg 1 of order 1"),
        ("instrument", 3, "instrument must be the row of a contract"),  # padding
        ("quantity", np.nan, "quantity must be finite.* leg 1 of order 1.*: nan"),
        ("quantity", 1e308, "the margin after orders .1., counted from 0, is not finite"),
        ("order", 4, "order must count orders without gaps; none has number .1."),
        ("order", -1, "order must not be negative"),
        ("order", 0, "all legs of an order must be in one account.* leg 1 of order 0.*: 2"),
    ],
)
def test_wrong_orders_are_refused_by_order_and_leg(part, value, said):
    run = run_of(0)
    arrays = {
        "account": np.array([1, 2, 3]),
        "instrument": contracts(run.book)[:3],
        "quantity": np.ones(3),
        "order": np.arange(3),
    }
    arrays[part][1] = value
    if part == "order" and value == 0:
        arrays["order"][2] = 1
    with pytest.raises(InvalidInputError, match=said):
        what_if(run, **arrays)
