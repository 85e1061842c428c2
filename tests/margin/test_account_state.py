"""States of accounts by hand, on either side of every edge."""

import jax.numpy as jnp
import numpy as np
from kinds import INSTRUMENTS, USDC, book, market

from jaxmargin.book import Book, build_positions, list_positions
from jaxmargin.instruments import DigitalOptions
from jaxmargin.margin import (
    AccountStatus,
    Requirement,
    account_state,
    contract_terms,
    gross_notional,
    position_value,
)
from jaxmargin.valuation import Execution

INF = np.inf


def state(initial, maintenance, equity, gross, balance=None):
    arrays = [jnp.asarray(x, float) for x in (initial, maintenance, equity, gross)]
    none = jnp.full_like(arrays[0], jnp.nan)
    required = Requirement(
        initial=arrays[0],
        maintenance=arrays[1],
        components={"all": arrays[0]},
        standard_error=none,
        tail_count=none,
        worst_scenario=jnp.zeros(none.shape, jnp.int32),
        execution=Execution(1, 1, 0),
    )
    left = None if balance is None else jnp.asarray(balance, float)
    return account_state(required, arrays[2], gross_notional=arrays[3], balance=left)


def test_every_edge_by_hand():
    cases = {  # initial, maintenance, equity, gross: available, ratio, multiple, leverage, status
        (100.0, 80.0, 200.0, 1_000.0): (100.0, 0.4, 2.5, 5.0, AccountStatus.COVERED),
        (100.0, 80.0, 100.0, 1_000.0): (0.0, 0.8, 1.25, 10.0, AccountStatus.COVERED),
        (100.0, 80.0, 90.0, 450.0): (-10.0, 80 / 90, 1.125, 5.0, AccountStatus.BELOW_INITIAL),
        (100.0, 80.0, 80.0, 80.0): (-20.0, 1.0, 1.0, 1.0, AccountStatus.BELOW_INITIAL),
        (100.0, 80.0, 40.0, 80.0): (-60.0, 2.0, 0.5, 2.0, AccountStatus.BELOW_MAINTENANCE),
        (100.0, 80.0, 0.0, 80.0): (-100.0, INF, 0.0, INF, AccountStatus.NO_EQUITY),
        (100.0, 80.0, -5.0, 80.0): (-105.0, INF, 0.0, INF, AccountStatus.NO_EQUITY),
        (0.0, 0.0, -5.0, 0.0): (-5.0, 0.0, 0.0, 0.0, AccountStatus.NO_EQUITY),
        (0.0, 0.0, 0.0, 0.0): (0.0, 0.0, INF, 0.0, AccountStatus.COVERED),
        (0.0, 0.0, 7.0, 14.0): (7.0, 0.0, INF, 2.0, AccountStatus.COVERED),
        (0.0, 0.0, 0.0, 14.0): (0.0, 0.0, INF, INF, AccountStatus.COVERED),
    }
    found = state(*np.array(list(cases)).T)
    columns = (
        found.available,
        found.margin_ratio,
        found.equity_to_maintenance,
        found.leverage,
        found.status,
    )
    np.testing.assert_array_equal(np.stack(columns, 1), np.array(list(cases.values())))


def test_no_more_than_the_balance_can_leave():
    """Of 100 available, of which an option's value is 60, 40 can; of nothing available, nothing."""
    found = state([50.0, 50.0, 50.0], [40.0] * 3, [150.0, 150.0, 30.0], [0.0] * 3, [40.0, 500, 99])
    np.testing.assert_array_equal(found.withdrawable, [40.0, 100.0, 0.0])


def test_ratios_are_never_negative_and_agree_with_the_status_in_all_orders_of_the_amounts():
    """Every combination of a few amounts to the cent, among them equal ones and none at all."""
    amounts = np.array([0.0, 0.01, 80.0, 80.01, 100.0])
    equities = np.concatenate([-amounts[1:], amounts])
    axes = np.meshgrid(amounts, amounts, equities, amounts, indexing="ij")
    initial, maintenance, equity, gross = (axis.reshape(-1) for axis in axes)
    found = state(np.maximum(initial, maintenance), maintenance, equity, gross)
    for ratio in (found.margin_ratio, found.equity_to_maintenance, found.leverage):
        assert (np.asarray(ratio) >= 0.0).all()
    closed = np.asarray(found.status) >= AccountStatus.BELOW_MAINTENANCE
    required = maintenance > 0.0
    np.testing.assert_array_equal(closed, (equity < maintenance) | (equity < 0.0))
    assert (np.asarray(found.margin_ratio)[closed & required] >= 1.0).all()
    assert (np.asarray(found.equity_to_maintenance)[closed] <= 1.0).all()
    assert (np.asarray(found.margin_ratio)[~closed] <= 1.0).all()


def test_positions_are_worth_their_marks_in_what_they_settle_in():
    """Account by account in a plain loop, futures and perpetuals at nothing."""
    held, now = book(6), market()
    terms = contract_terms(held, now)
    expected, gross = np.zeros((6, 5)), np.zeros(6)
    slots = tuple(block.quantity for block in held.positions.blocks)
    kinds, batches = [], [b for b in held.instruments for _ in range(b.multiplier.shape[0])]
    for account, row, quantity, _ in zip(*list_positions(held.positions, slots), strict=True):
        batch, first = batches[row], batches.index(batches[row])
        units = batch.multiplier[row - first] * batch.value(now)[row - first]
        daily = type(batch).__name__.endswith(("Futures", "Perpetuals"))
        expected[account, batch.settlement[row - first]] += 0.0 if daily else quantity * units
        size = terms.coins[row] * terms.price[row]
        if isinstance(batch, DigitalOptions):
            size = batch.multiplier[row - first] * now.spot[batch.settlement[row - first]]
        gross[account] += abs(quantity * size)
        kinds.append(type(batch))
    assert len(set(kinds)) == len(held.instruments)
    np.testing.assert_allclose(position_value(held, now), expected, rtol=1e-12, atol=1e-9)
    np.testing.assert_allclose(gross_notional(held, now), gross, rtol=1e-12)


def test_long_and_short_both_count_in_the_notional():
    """Two BTC perpetuals at 60,024 short and half an ETH one of 0.1 at 2,500.75 long, by hand."""
    perpetuals = INSTRUMENTS[3]
    held = build_positions(np.array([0, 0]), np.array([0, 1]), np.array([-2.0, 0.5]), accounts=2)
    alone = Book((perpetuals,), held)
    np.testing.assert_allclose(
        gross_notional(alone, market()), [2 * 60_024.0 + 0.05 * 2_500.75, 0.0], rtol=1e-12
    )
    assert not np.asarray(position_value(alone, market())).any()
    digital = next(b for b in INSTRUMENTS if isinstance(b, DigitalOptions))
    assert int(digital.settlement[0]) == USDC and float(digital.multiplier[0]) == 1_000.0
    paid = Book((digital,), build_positions(np.zeros(1, int), np.zeros(1, int), np.array([-3.0]),
                                            accounts=1))  # fmt: skip
    np.testing.assert_allclose(gross_notional(paid, market()), [3_000.0 * 0.9998], rtol=1e-12)
