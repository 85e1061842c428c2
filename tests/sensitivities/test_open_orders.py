"""Margin of open orders: against a plain loop over every set of fills."""

import functools
import itertools

import jax
import numpy as np
import pytest
from kinds import RULEBOOKS, book, market, name

from jaxmargin.errors import InvalidInputError
from jaxmargin.jobs._clock import measured
from jaxmargin.margin import AbstractRulebook, start_run
from jaxmargin.risk import ExpectedShortfall, ValueAtRisk
from jaxmargin.sensitivities import open_order_margins, what_if

by_name = pytest.mark.parametrize("number", range(len(RULEBOOKS)), ids=map(name, RULEBOOKS))
ORDERS = {1: 4, 2: 1, 4: 2}  # by account


@functools.cache
def run_of(number):
    """A run of six accounts with one of the rulebooks."""
    return start_run(RULEBOOKS[number], book(6), market())


def orders_of(counts, seed=1, legs=(1, 3)):
    """Random orders: account, contract, quantity and order of each leg, shuffled."""
    random, held = np.random.default_rng(seed), run_of(0).book
    rows = np.flatnonzero(np.concatenate([np.asarray(b.multiplier) for b in held.instruments]))
    owner = random.permutation(np.repeat(list(counts), list(counts.values())))
    order = np.repeat(np.arange(owner.size), random.integers(legs[0], legs[1], owner.size))
    shuffled = random.permutation(order)
    return (
        owner[shuffled], random.choice(rows, order.size),
        random.normal(0.0, 3.0, order.size), shuffled,
    )  # fmt: skip


def margin_of(rulebook, pnl, weight):
    """The measure of one account's P&L by sorting, not below zero; NumPy alone."""
    worst = np.argsort(pnl)
    loss, weight = -pnl[worst], weight[worst] / weight.sum()
    before = np.cumsum(weight) - weight
    if isinstance(rulebook.measure, ExpectedShortfall):
        tail = 1.0 - rulebook.measure.level
        value = np.clip(tail - before, 0.0, weight) @ loss / tail
    elif isinstance(rulebook.measure, ValueAtRisk):
        value = loss[before < 1.0 - rulebook.measure.level][-1]
    else:
        value = loss[weight > 0.0][0]
    return max(value, 0.0)


def account_pnl(run, account):
    """P&L of an account by scenario, of the table of contracts."""
    instrument, quantity = run.book.positions.of(int(account))
    return quantity @ np.asarray(run.pnl)[instrument]


def order_pnl(run, orders):
    """P&L of each order by scenario, a leg at a time."""
    _, instrument, quantity, order = orders
    table, found = np.asarray(run.pnl), np.zeros((order.max() + 1, run.pnl.shape[1]))
    for leg in range(order.size):
        found[order[leg]] += quantity[leg] * table[instrument[leg]]
    return found


@by_name
def test_the_exact_margin_is_the_largest_of_a_loop_over_every_set_of_fills(number):
    run, rulebook, orders = run_of(number), RULEBOOKS[number], orders_of(ORDERS)
    pnl, weight = order_pnl(run, orders), np.asarray(run.shocks.weight)
    found = open_order_margins(run, *orders)
    assert found.account.tolist() == [1, 2, 4] and found.exact.all()
    assert found.orders.tolist() == [4, 1, 2]
    for row, account in enumerate(found.account):
        mine = np.unique(orders[3][orders[0] == account])
        held = account_pnl(run, account)
        margins = {
            fills: margin_of(rulebook, held + pnl[list(fills)].sum(axis=0), weight)
            for size in range(mine.size + 1)
            for fills in itertools.combinations(mine.tolist(), size)
        }
        close = functools.partial(np.testing.assert_allclose, rtol=1e-9, atol=1e-6)
        close(found.initial[row], max(margins.values()))
        close(found.maintenance[row], 0.8 * max(margins.values()))
        close(found.initial_before[row], margins[()])
        close(found.initial_filled[row], margins[tuple(mine.tolist())])
        close(found.maintenance_filled[row], 0.8 * margins[tuple(mine.tolist())])
        fills = tuple(mine[found.filled[mine]].tolist())
        close(margins[fills], max(margins.values()))


@by_name
def test_the_bound_is_the_margin_of_the_orders_losses_and_never_below_the_exact(
    number, monkeypatch
):
    run, rulebook, weight = run_of(number), RULEBOOKS[number], np.asarray(run_of(0).shocks.weight)
    for seed in range(1, 9):
        orders = orders_of(ORDERS, seed)
        exact = open_order_margins(run, *orders)
        with monkeypatch.context() as patch:
            patch.setattr("jaxmargin.sensitivities._open_orders._MOST_EXACT", 0)
            bound = open_order_margins(run, *orders)
        assert not bound.exact.any() and not bound.filled.any()
        assert np.all(bound.initial >= exact.initial * (1.0 - 1e-12))
        assert np.all(bound.maintenance >= exact.maintenance * (1.0 - 1e-12))
        np.testing.assert_array_equal(bound.initial_filled, exact.initial_filled)
        pnl = np.minimum(order_pnl(run, orders), 0.0)
        for row, account in enumerate(bound.account):
            mine = np.unique(orders[3][orders[0] == account])
            stressed = account_pnl(run, account) + pnl[mine].sum(axis=0)
            expected = margin_of(rulebook, stressed, weight)
            np.testing.assert_allclose(bound.initial[row], expected, rtol=1e-9, atol=1e-6)


def test_more_orders_never_lower_a_margin_across_the_limit_of_exactness(monkeypatch):
    monkeypatch.setattr("jaxmargin.sensitivities._open_orders._MOST_EXACT", 3)
    run, legs = run_of(0), orders_of({2: 6}, legs=(1, 2))
    before, exact = 0.0, []
    for count in range(1, 7):
        found = open_order_margins(run, *(column[legs[3] < count] for column in legs))
        assert found.initial[0] >= max(before, found.initial_before[0], found.initial_filled[0])
        before = found.initial[0]
        exact.append(bool(found.exact[0]))
    assert exact == [True] * 3 + [False] * 3


def test_thirteen_orders_of_an_account_get_a_bound():
    assert open_order_margins(run_of(0), *orders_of({2: 13, 4: 1})).exact.tolist() == [False, True]


def test_an_order_alone_is_worst_filled_or_not():
    run = run_of(0)
    account, instrument, quantity, order = orders_of({1: 1, 2: 1, 4: 1}, 4, legs=(1, 2))
    alone = what_if(run, account, instrument, quantity, order)
    found = open_order_margins(run, account, instrument, quantity, order)
    by_account = np.argsort(alone.account)
    worse = np.maximum(alone.initial, alone.initial_before)[by_account]
    np.testing.assert_array_equal(found.initial, worse)
    np.testing.assert_array_equal(found.filled, alone.initial > alone.initial_before)


def test_parts_of_the_work_change_nothing_and_no_orders_are_no_accounts(monkeypatch):
    run, orders, calls = run_of(1), orders_of(ORDERS, 5), []
    whole = open_order_margins(run, *orders)
    monkeypatch.setattr("jaxmargin.sensitivities._open_orders._MOST_SETS", 10)
    parts = open_order_margins(run, *orders, progress=lambda *done: calls.append(done))
    jax.tree.map(np.testing.assert_array_equal, whole, parts)
    assert calls[-1] == (3, 3) and len(calls) > 1
    none = open_order_margins(run, np.zeros(0, int), np.zeros(0, int), np.zeros(0))
    assert none.initial.shape == (0,)


class Delegated(AbstractRulebook):
    """A rulebook of another family."""

    inner: AbstractRulebook

    def shocks(self, market):
        return self.inner.shocks(market)

    def charge(self, pnl, book, market, shocks, *, progress=None):
        return self.inner.charge(pnl, book, market, shocks)


def test_another_rulebook_is_exact_or_refused_with_the_cure(monkeypatch):
    run = start_run(Delegated(RULEBOOKS[0]), book(6), market())
    orders = orders_of({1: 2, 4: 3}, legs=(1, 2))
    expected = open_order_margins(run_of(0), *orders).initial
    np.testing.assert_array_equal(open_order_margins(run, *orders).initial, expected)
    monkeypatch.setattr("jaxmargin.sensitivities._open_orders._MOST_EXACT", 2)
    with pytest.raises(
        InvalidInputError, match=r"account 4.* with 3. Delegated has no bound.*one "
    ):
        open_order_margins(run, *orders)


@pytest.mark.parametrize("most", [12, 0])
def test_a_margin_that_is_no_number_is_refused_by_account(most, monkeypatch):
    monkeypatch.setattr("jaxmargin.sensitivities._open_orders._MOST_EXACT", most)
    account, instrument, quantity, order = orders_of({1: 2, 4: 3}, legs=(1, 2))
    quantity[order == order[account == 4][0]] = 1e308
    with pytest.raises(InvalidInputError, match=r"margin of accounts \[4\]"):
        open_order_margins(run_of(0), account, instrument, quantity, order)


@pytest.mark.parametrize("most", [12, 0], ids=["exact", "bound"])
def test_another_number_of_orders_within_a_bucket_compiles_nothing(most, monkeypatch):
    monkeypatch.setattr("jaxmargin.sensitivities._open_orders._MOST_EXACT", most)
    run, few = run_of(0), np.argsort([run_of(0).book.positions.of(a)[0].size for a in range(6)])
    first = orders_of({few[0]: 3, few[1]: 1}, 6, legs=(1, 2))  # 8 sets
    more = orders_of({few[0]: 2, few[1]: 2, few[2]: 1}, 7, legs=(1, 2))  # 7 sets
    open_order_margins(run, *first)
    what_if(run, *first)
    with measured() as seconds:
        open_order_margins(run, *more)
        what_if(run, *more)
    assert seconds.programs == 0
    with measured() as seconds:
        open_order_margins(run, *orders_of({few[0]: 7 if most else 30}, 8, legs=(1, 2)))
    assert seconds.programs > 0  # so the count says something
