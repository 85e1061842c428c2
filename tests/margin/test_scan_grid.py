"""Scan grids and valuation points against published arrays, hand counts and plain loops."""

import dataclasses

import equinox as eqx
import jax.numpy as jnp
import numpy as np
import pytest
from kinds import BTC, ETH, PLAIN, USD, book, market
from scan_kinds import SCAN_GRID, VALUATION_POINTS

from jaxmargin.book import Book, build_positions
from jaxmargin.errors import InvalidInputError
from jaxmargin.instruments import LinearFutures, LinearOptions
from jaxmargin.io import Problems, build_rulebook, read_rulebook_file, rulebook_library
from jaxmargin.margin import (
    ContractKind,
    ContractTerms,
    Holdings,
    ScanGrid,
    ValuationPoints,
    contract_terms,
    kind_of,
    unmoved,
)
from jaxmargin.valuation import contract_pnl

FLAT = dataclasses.replace(SCAN_GRID, horizon_days=jnp.array(0.0))
POINTS = VALUATION_POINTS
FUTURES = LinearFutures(
    pillar=jnp.array([1, 2, 3]), settlement=jnp.array([USD] * 3), multiplier=jnp.array([1.0] * 3)
)
FAR = LinearOptions(
    pillar=jnp.array([1, 1]),
    strike=jnp.array([300_000.0, 9_000.0]),
    sign=jnp.array([1.0, -1.0]),
    settlement=jnp.array([USD, USD]),
    multiplier=jnp.array([1.0, 1.0]),
)


def margined(rule, quantities):
    """Margins of accounts from a row of quantities each: futures of BTC, BTC, ETH, call, put."""
    table = np.array(quantities, float)
    account, column = np.nonzero(table)
    positions = build_positions(account, column, table[account, column], accounts=len(table))
    return rule.requirement(Book((FUTURES, FAR), positions), market())


def test_the_scan_of_mcmillans_covered_write_is_the_published_one():
    """S&P future and December 410 call: McMillan, Options as a Strategic Investment, 4th edition
    (2002), pages 668-670; the extremes of its table are weighted already."""
    future = [0, 0, 3330, 3330, -3330, -3330, 6670, 6670, -6670, -6670]
    future += [10000, 10000, -10000, -10000, 7000, -7000]
    call = [460, -610, 2640, 1730, -1270, -2340, 5210, 4540, -2540, -3430]
    call += [8060, 7640, -3380, -3990, 3130, -1500]
    none, number = jnp.zeros((4, 2), int), jnp.zeros((4, 2))
    kind = jnp.broadcast_to(jnp.array([[ContractKind.FUTURE, ContractKind.OPTION]]), (4, 2))
    terms = ContractTerms(kind, none, none, none + 1, number, none, number, number, number + 1.0,
                          number, number)  # fmt: skip
    held = Holdings(
        quantity=jnp.array([[1.0, -1.0], [0.0, 1.0], [1.0, 0.0], [0.0, 0.0]]),
        terms=terms,
        pnl=jnp.broadcast_to(jnp.array([[future, call]], float), (4, 2, 16)),
    )
    charge = SCAN_GRID.account_charge(held, market(), unmoved(market()))
    np.testing.assert_array_equal(charge.initial["scan"], [6620.0, 3990.0, 10000.0, 0.0])
    np.testing.assert_array_equal(charge.worst_scenario[:3], [12, 13, 12])
    np.testing.assert_array_equal(charge.initial["spread_charge"], np.zeros(4))


def test_scan_spread_and_minimum_by_hand():
    """Forwards 60,200, 61,500 and 2,507; ranges 15 % and 20 %; extremes count 2 x 35 % = 70 %."""
    result = margined(
        FLAT,
        [
            [0.0, 2.0, 0.0, 0.0, 0.0],  # a future
            [1.0, -1.0, 0.0, 0.0, 0.0],  # a calendar spread
            [0.0, 0.0, 0.0, -1.0, -3.0],  # far options sold
            [-1.0, 0.0, -10.0, 0.0, 0.0],  # nothing offsets: one spread wants both sides alike
        ],
    )
    parts = result.components
    scan = [0.15 * 2 * 61_500.0, 0.15 * 1_300.0, None, 0.15 * 60_200.0 + 0.2 * 25_070.0]
    for account in (0, 1, 3):
        np.testing.assert_allclose(parts["scan"][account], scan[account], rtol=1e-12)
    np.testing.assert_allclose(
        parts["spread_charge"], [0.0, 0.02 * 60_200.0, 0.0, 0.0], rtol=1e-12, atol=1e-9
    )
    minimum = 0.01 * 4 * 60_200.0
    assert 0.0 < float(parts["scan"][2]) < 0.01 * minimum
    np.testing.assert_allclose(result.initial[2], minimum, rtol=1e-12)
    np.testing.assert_allclose(result.maintenance, 0.8 * result.initial, rtol=1e-14)
    # of the second spread, 1 BTC to 2 ETH in money on one side: as many as 25,070 / 2 allow
    credit = 0.2 * 12_535.0 * (0.15 * 1 + 0.2 * 2)
    np.testing.assert_allclose(parts["inter_commodity_credit"][3], -credit, rtol=1e-12)


def test_spreads_between_coins_are_formed_in_their_order():
    """Long 60,200 of BTC against short 25,070 of ETH; the first spread uses up the scarcer leg."""
    later = dataclasses.replace(
        FLAT,
        legs=jnp.zeros((5, 2)).at[BTC].set(jnp.array([2.0, 1.0])).at[ETH].set(-1.0),
        credit_rate=jnp.array([0.8, 0.3]),
    )
    found = margined(later, [[1.0, 0.0, -10.0, 0.0, 0.0]])
    first = 0.8 * 25_070.0 * (0.15 * 2 + 0.2)  # 50,140 of BTC; 10,060 are left, and no ETH
    np.testing.assert_allclose(found.components["inter_commodity_credit"], [-first], rtol=1e-12)
    swapped = dataclasses.replace(
        later, legs=later.legs[:, ::-1], credit_rate=jnp.array([0.3, 0.8])
    )
    found = margined(swapped, [[1.0, 0.0, -10.0, 0.0, 0.0]])
    first = 0.3 * 25_070.0 * (0.15 + 0.2)
    np.testing.assert_allclose(found.components["inter_commodity_credit"], [-first], rtol=1e-12)


def inputs(rule, accounts):
    """What a plain loop needs: terms and P&L of contracts as NumPy arrays, and a random book."""
    held = book(accounts, 11, [batch for batch in PLAIN if kind_of(batch) in rule.accepts])
    terms = contract_terms(held, market())
    pnl = np.asarray(contract_pnl(held, market(), rule.shocks(market())))
    return (
        held,
        {f.name: np.asarray(getattr(terms, f.name)) for f in dataclasses.fields(terms)},
        pnl,
    )


def test_scan_grids_equal_a_plain_loop():
    """Every account and coin in turn, deltas by NumPy's weighted line fit of P&L by price move."""
    accounts = 12
    held, terms, pnl = inputs(SCAN_GRID, accounts)
    result = SCAN_GRID.requirement(held, market())
    grid = {f.name: np.asarray(getattr(SCAN_GRID, f.name)) for f in dataclasses.fields(SCAN_GRID)}
    moves, weights = grid["price_move"], np.sqrt(grid["delta_weight"])
    for account in range(accounts):
        rows, quantity = held.positions.of(account)
        scan, minimum, net, price_risk, spread = (dict.fromkeys(range(5), 0.0) for _ in range(5))
        for coin in range(5):
            mine = [(r, q) for r, q in zip(rows, quantity, strict=True) if terms["base"][r] == coin]
            loss = [-sum(q * pnl[r, s] for r, q in mine) for s in range(16)]
            worst = max(range(16), key=lambda s, loss=loss: loss[s])
            scan[coin] = max(0.0, loss[worst])
            deltas = {}
            for r, q in mine:
                expiry = terms["pillar"][r]
                if grid["price_range"][coin] > 0.0:
                    x = moves * grid["price_range"][coin]
                    slope = np.polyfit(x, q * pnl[r, :16], 1, w=weights)[0]
                    deltas[expiry] = deltas.get(expiry, 0.0) + slope
                if terms["kind"][r] == ContractKind.OPTION and q < 0.0:
                    fee = grid["short_option_minimum"][coin] * terms["price"][r]
                    minimum[coin] -= q * terms["coins"][r] * fee
            long = sum(d for d in deltas.values() if d > 0.0)
            short = -sum(d for d in deltas.values() if d < 0.0)
            spread[coin] = grid["calendar_charge"][coin] * min(long, short)
            net[coin] = long - short
            pair = np.mean([loss[s] for s in range(16) if moves[s] == moves[worst]])
            price_risk[coin] = min(max(pair - (loss[0] + loss[1]) / 2.0, 0.0), scan[coin])
        left, credit = dict(net), dict.fromkeys(range(5), 0.0)
        for (one, other), rate in zip(([1.0, -1.0], [1.0, 2.0]), (0.5, 0.2), strict=True):
            alike = (left[BTC] > 0.0) == (left[ETH] > 0.0)
            if alike != (one * other > 0.0):
                continue
            count = min(abs(left[BTC] / one), abs(left[ETH] / other))
            for coin, ratio in ((BTC, abs(one)), (ETH, abs(other))):
                if net[coin] != 0.0:
                    credit[coin] += rate * count * ratio * price_risk[coin] / abs(net[coin])
                left[coin] -= np.sign(left[coin]) * count * ratio
        margin = sum(max(scan[c] + spread[c] - credit[c], minimum[c]) for c in range(5))
        np.testing.assert_allclose(result.initial[account], margin, rtol=1e-9)
        credited = -sum(credit.values())
        found = result.components["inter_commodity_credit"][account]
        np.testing.assert_allclose(found, credited, rtol=1e-9, atol=1e-6)


def test_valuation_points_by_hand():
    """BTC falls 15 % or rises 12 %, ETH moves 20 % both ways; the points are in step."""
    result = margined(
        POINTS,
        [
            [-2.0, 0.0, 0.0, 0.0, 0.0],  # the rise decides
            [1.0, 0.0, -10.0, 0.0, 0.0],  # at the fall 0.6 of the gain of ETH counts
            [1.0, -1.0, 0.0, 0.0, 0.0],  # the minimum of two contracts
        ],
    )
    fall = 0.15 * 60_200.0 - 0.6 * 0.2 * 25_070.0
    rise = 0.2 * 25_070.0 - 0.5 * 0.12 * 60_200.0
    expected = [0.12 * 2 * 60_200.0, max(fall, rise), 2 * 300.0]
    np.testing.assert_allclose(result.initial, expected, rtol=1e-12)
    np.testing.assert_allclose(result.components["worst_point"][2], 0.15 * 1_300.0 * 0.8, rtol=1e-9)
    np.testing.assert_array_equal(result.worst_scenario[:2], [9, 0])
    np.testing.assert_allclose(result.maintenance, 0.7 * result.initial, rtol=1e-14)


def test_valuation_points_equal_a_plain_loop():
    accounts = 12
    held, terms, pnl = inputs(POINTS, accounts)
    result = POINTS.requirement(held, market())
    offset, fee = np.asarray(POINTS.offset), np.asarray(POINTS.minimum)
    for account in range(accounts):
        rows, quantity = held.positions.of(account)
        margin = 0.0
        for classes in ((0, 1, 2), (3, 4)):
            worst, minimum = 0.0, 0.0
            for point in range(10):
                total = 0.0
                for coin in classes:
                    mine = terms["base"][rows] == coin
                    gain = float(quantity[mine] @ pnl[rows[mine], point])
                    total += -gain if gain < 0.0 else -offset[coin] * gain
                worst = max(worst, total)
            for row, held_of_it in zip(rows, quantity, strict=True):
                if terms["base"][row] in classes and terms["kind"][row] != ContractKind.SPOT:
                    minimum += abs(held_of_it) * terms["coins"][row] * fee[terms["base"][row]]
            margin += max(worst, minimum)
        np.testing.assert_allclose(result.initial[account], margin, rtol=1e-9)


@pytest.mark.parametrize(
    ("kind", "file", "margin"),
    [(ScanGrid, "scan-grid", 0.15), (ValuationPoints, "valuation-points", 0.15)],
)
def test_settings_that_come_with_the_package_are_complete(kind, file, margin):
    """Margin of one BTC future, with no day passing: its range, or the fall of the first set.

    Dollars in which it is paid are in no set and do not move.
    """
    problems = Problems()
    settings = read_rulebook_file(rulebook_library()[file], problems)
    for each in settings.sets.values():
        rule = build_rulebook(kind, each, ["BTC", "ETH", "STETH", "USDC", "USD"],
                              {"BTC", "ETH", "USDC"}, problems)  # fmt: skip
        assert not problems.found and isinstance(rule, kind)
        if each is next(iter(settings.sets.values())):
            flat = dataclasses.replace(rule, horizon_days=jnp.array(0.0))
            found = margined(flat, [[1.0, 0.0, 0.0, 0.0, 0.0]]).initial
            np.testing.assert_allclose(found, [margin * 60_200.0], rtol=1e-9)


@pytest.mark.parametrize(
    ("field", "message"),
    [("weight", "one entry per scenario in each of its lists"), ("credit_rate", "as many spreads")],
)
def test_lists_of_different_lengths_are_refused(field, message):
    """Built without the annotations' own check, which only tests switch on."""
    wrong = eqx.tree_at(lambda rule: getattr(rule, field), SCAN_GRID, jnp.ones(3))
    with pytest.raises(InvalidInputError, match=message):
        wrong.__check_init__()
