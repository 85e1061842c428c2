"""Liquidation prices against closed forms, a brute-force scan in NumPy, and each other."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from kinds import BTC, ETH, STETH, USD, USDC, VENUE_RULEBOOKS, book, market
from scipy.stats import norm

from jaxmargin.book import Book, build_positions
from jaxmargin.errors import InvalidInputError
from jaxmargin.instruments import InverseOptions, InversePerpetuals, LinearOptions, LinearPerpetuals
from jaxmargin.margin import FixedPercentage, RiskMeasureRulebook, position_value
from jaxmargin.risk import WorstCase
from jaxmargin.scenarios import SpotVolatilityGrid
from jaxmargin.sensitivities import CrossingStatus, liquidation_moves, liquidation_prices

SHARES = jnp.array([0.05, 0.06, 0.15, 0.0, 0.0])
RULE = FixedPercentage(2.0 * SHARES, SHARES, jnp.array(1.0))
STATE = market()
SPOT, PERPETUAL = np.asarray(STATE.spot), np.asarray(STATE.perpetual)
COARSE = liquidation_moves(step=0.4)  # of futures, any step finds the price


def perpetuals(quantity):
    """Accounts with so many coins in linear perpetuals on BTC and on ETH."""
    quantity = np.asarray(quantity, np.float64)
    contracts = LinearPerpetuals(
        asset=jnp.array([BTC, ETH]), settlement=jnp.array([USD, USD]), multiplier=jnp.ones(2)
    )
    account, contract = np.nonzero(quantity)
    held = build_positions(account, contract, quantity[account, contract], accounts=len(quantity))
    return Book((contracts,), held)


def search(held, equity, **settings):
    settings = {"asset": BTC, "moves": COARSE} | settings
    rule = settings.pop("rulebook", RULE)
    return liquidation_prices(rule, held, STATE, np.asarray(equity, np.float64), **settings)


@pytest.mark.parametrize("accounts", [None, np.arange(3)])
def test_a_linear_perpetual_is_liquidated_where_the_closed_form_says(accounts):
    """(q P0 - E) / (q - m |q|) of the perpetual; the spot moves by as much."""
    quantity, equity = np.array([2.0, -1.5, 0.3]), np.array([30_000.0, 20_000.0, 1_200.0])
    found = search(perpetuals(np.stack([quantity, 0 * quantity], 1)), equity, accounts=accounts)
    today = PERPETUAL[BTC]
    expected = (quantity * today - equity) / (quantity - 0.05 * np.abs(quantity))
    ratio = np.where(quantity > 0.0, found.below.ratio, found.above.ratio)
    np.testing.assert_allclose(today * ratio, expected, rtol=1e-11)
    ends = np.where(quantity > 0.0, found.price_below, found.price_above)
    np.testing.assert_allclose(ends, expected * SPOT[BTC] / today, rtol=1e-11)
    other = np.where(quantity > 0.0, found.above.status, found.below.status)
    assert (other == CrossingStatus.NONE).all()
    assert np.isnan(np.where(quantity > 0.0, found.price_above, found.price_below)).all()
    most = np.where(quantity > 0.0, found.below.tolerance, found.above.tolerance)
    assert (most < 1e-10).all()  # both sides are linear in the price


def test_an_inverse_perpetual_with_coins_posted_is_liquidated_where_the_closed_form_says():
    """With N dollars and C coins: S (C + N / P0) = m |N| + N S0 / P0, with P0 the perpetual."""
    contracts = InversePerpetuals(
        asset=jnp.array([BTC]), settlement=jnp.array([BTC]), multiplier=jnp.array([10.0])
    )
    number = np.array([9_000.0, -20_000.0])  # of 10 USD each
    held = Book((contracts,), build_positions(np.arange(2), np.zeros(2, int), number, accounts=2))
    coins = np.array([0.9, 2.1])
    collateral = np.zeros((2, 5))
    collateral[:, BTC] = coins
    found = search(held, coins * SPOT[BTC], collateral=collateral)
    dollars, ahead = 10.0 * number, PERPETUAL[BTC] / SPOT[BTC]
    expected = (0.05 * np.abs(dollars) + dollars / ahead) / (coins + dollars / PERPETUAL[BTC])
    np.testing.assert_allclose([found.price_below[0], found.price_above[1]], expected, rtol=1e-11)
    assert expected[0] < SPOT[BTC] < expected[1]
    assert np.isnan([found.price_above[0], found.price_below[1]]).all()


def test_two_coins_share_their_equity_and_may_move_together():
    quantity, equity = np.array([[3.0, -40.0]]), np.array([40_000.0])
    held, prices = perpetuals(quantity), PERPETUAL[[BTC, ETH]]
    charge = 0.06 * 40.0 * prices[1]
    expected = (3.0 * prices[0] - equity[0] + charge) / (3.0 - 0.05 * 3.0)
    alone = search(held, equity)
    np.testing.assert_allclose(prices[0] * alone.below.ratio, expected, rtol=1e-11)
    # together: E + (u - 1) (q1 P1 + q2 P2) = u (m1 |q1| P1 + m2 |q2| P2)
    notional = quantity[0] * prices
    net, charge = notional.sum(), np.abs(notional) @ [0.05, 0.06]
    both = search(held, equity, betas=np.array([1.0, 1.0, 0.0, 0.0, 0.0]))
    np.testing.assert_allclose(both.below.ratio, (net - equity[0]) / (net - charge), rtol=1e-11)
    assert both.below.ratio[0] < alone.below.ratio[0]


def test_what_follows_a_coin_moves_along_as_collateral():
    """One ETH perpetual short, covered by staked ETH: only the mark-up of the perpetual is left."""
    held, collateral = perpetuals([[0.0, -10.0]]), np.zeros((1, 5))
    collateral[0, STETH] = 12.0
    equity = 12.0 * SPOT[[STETH]]
    found = search(held, equity, asset=ETH, collateral=collateral)
    assert found.above.status[0] == CrossingStatus.NONE  # 12 coins rise more than 10 x 1.06 cost
    far = liquidation_moves(-0.99, step=0.4)
    apart = search(held, equity, asset=STETH, collateral=collateral, moves=far)
    least = 0.06 * 10.0 * PERPETUAL[ETH]
    np.testing.assert_allclose(apart.price_below, least / 12.0, rtol=1e-11)


def options():
    """Contracts at quoted strikes of the second pillar, whose volatilities the quotes are."""
    forward = float(STATE.forward[1])
    terms = {
        "pillar": jnp.array([1, 1]),
        "strike": forward * jnp.array([0.9, 1.1]),
        "sign": jnp.array([-1.0, 1.0]),
        "multiplier": jnp.ones(2),
    }
    linear = LinearOptions(settlement=jnp.array([USD, USD]), **terms)
    inverse = InverseOptions(settlement=jnp.array([BTC, BTC]), **terms)
    perpetual = LinearPerpetuals(
        asset=jnp.array([BTC]), settlement=jnp.array([USD]), multiplier=jnp.ones(1)
    )
    return linear, inverse, perpetual


SPOT_MOVES, VOLATILITY_MOVES = np.array([-0.15, -0.05, 0.0, 0.05, 0.15]), np.array([-0.3, 0.5])
QUANTITY = np.array([[-3.0, -4.0, 0.0, 0.0, 0.8], [0.0, 0.0, -5.0, -2.0, -0.5]])


def numpy_value(ratio, volatility):
    """Dollars that each option, then the perpetual, is worth at multiples of today's price."""
    forward, time = float(STATE.forward[1]) * ratio[:, None], float(STATE.time[1])
    strike, sign = float(STATE.forward[1]) * np.array([0.9, 1.1]), np.array([-1.0, 1.0])
    total = np.array([0.60, 0.56]) * volatility * np.sqrt(time)  # quotes of tests/kinds.py
    d1 = np.log(forward / strike) / total + 0.5 * total
    black = sign * (forward * norm.cdf(sign * d1) - strike * norm.cdf(sign * (d1 - total)))
    return black * np.exp(-0.01 * time), PERPETUAL[BTC] * ratio[:, None]


def numpy_pnl(start, end, volatility):
    """P&L of one contract each between two multiples of today's price."""
    (before, was), (after, now) = numpy_value(start, 1.0), numpy_value(end, volatility)
    # an inverse option is worth as many coins as its dollars buy at the forward
    coins = (after / end[:, None] - before / start[:, None]) / float(STATE.forward[1])
    return np.concatenate([after - before, coins * SPOT[BTC] * end[:, None], now - was], axis=1)


def numpy_surplus(account, equity, coins, ratio):
    """Equity less four fifths of the worst loss, at multiples of today's price."""
    losses = [
        -numpy_pnl(ratio, ratio * (1.0 + spot), 1.0 + volatility) @ QUANTITY[account]
        for spot in SPOT_MOVES
        for volatility in VOLATILITY_MOVES
    ]
    gained = numpy_pnl(np.ones_like(ratio), ratio, 1.0) @ QUANTITY[account]
    worst = np.maximum(np.max(losses, axis=0), 0.0)
    return equity + gained + coins * SPOT[BTC] * (ratio - 1.0) - 0.8 * worst


def numpy_crossing(account, equity, coins, end):
    """The first sign change of 4,000 small steps, halved fifty times."""
    steps = np.geomspace(1.0, end, 4_001)
    first = np.argmax(numpy_surplus(account, equity, coins, steps) < 0.0)
    inner, outer = steps[first - 1], steps[first]
    for _ in range(50):
        middle = 0.5 * (inner + outer)
        if numpy_surplus(account, equity, coins, np.array([middle]))[0] < 0.0:
            outer = middle
        else:
            inner = middle
    return inner


def test_short_options_are_liquidated_where_a_scan_in_numpy_says_on_both_sides():
    held = QUANTITY.nonzero()
    linear, inverse, perpetual = options()
    contracts = Book(
        (linear, inverse, perpetual), build_positions(*held, QUANTITY[held], accounts=2)
    )
    source = SpotVolatilityGrid(
        jnp.asarray(SPOT_MOVES), jnp.asarray(VOLATILITY_MOVES), jnp.array([1.0, 1.0, 1.0, 0.0, 0.0])
    )
    rule = RiskMeasureRulebook(source, jax.random.key(0), WorstCase(), maintenance_ratio=0.8)
    equity, collateral = np.array([70_000.0, 75_000.0]), np.zeros((2, 5))
    collateral[1, BTC] = 75_000.0 / SPOT[BTC]
    settings = {"rulebook": rule, "collateral": collateral, "moves": liquidation_moves()}
    exact = search(contracts, equity, accounts=np.arange(2), **settings)
    for account in range(2):
        for side, end in ((exact.below, 0.1), (exact.above, 5.0)):
            coins = collateral[account, BTC]
            expected = numpy_crossing(account, equity[account], coins, end)
            assert side.status[account] == CrossingStatus.FOUND
            np.testing.assert_allclose(side.ratio[account], expected, rtol=1e-10)
    grid = search(contracts, equity, **settings)
    for near, solved in ((grid.below, exact.below), (grid.above, exact.above)):
        assert (np.abs(near.ratio / solved.ratio - 1.0) <= near.tolerance).all()
        assert (near.tolerance < 0.02).all()


def test_what_is_paid_in_full_is_never_liquidated():
    """Coins, and options whose premium is in the equity: a long owes nothing more."""
    linear, inverse, _ = options()
    held = Book(
        (linear, inverse),
        build_positions(np.array([0, 0, 1]), np.array([0, 1, 2]), np.full(3, 2.0), accounts=2),
    )
    source = SpotVolatilityGrid(
        jnp.array([-0.2, 0.2]), jnp.array([-0.9, 0.5]), jnp.array([1.0, 1.0, 1.0, 0.0, 0.0])
    )
    # of coins lost, a margin counts up to 1.2 x 0.8 of what they are worth today
    rule = RiskMeasureRulebook(source, jax.random.key(0), WorstCase(), maintenance_ratio=0.8)
    units = np.asarray(position_value(held, STATE))
    for rulebook in (rule, RULE):
        found = search(held, units @ SPOT, rulebook=rulebook, collateral=units)
        for side in (found.below, found.above):
            assert (side.status == CrossingStatus.NONE).all() and np.isnan(side.ratio).all()


def test_positions_and_equity_doubled_leave_the_prices_where_they_are():
    held, collateral = QUANTITY.nonzero(), np.zeros((4, 5))
    number = np.concatenate([QUANTITY[held], 2.0 * QUANTITY[held]])
    account = np.concatenate([held[0], held[0] + 2])
    contracts = Book(options(), build_positions(account, np.tile(held[1], 2), number, accounts=4))
    collateral[:, BTC] = [0.1, 1.0, 0.2, 2.0]
    equity = np.array([110_000.0, 150_000.0, 220_000.0, 300_000.0])
    found = search(contracts, equity, collateral=collateral, moves=liquidation_moves(step=0.1))
    for side in (found.below, found.above):
        assert (side.status == CrossingStatus.FOUND).any()
        np.testing.assert_allclose(side.ratio[2:], side.ratio[:2], rtol=1e-10)


def test_an_account_below_maintenance_today_is_liquidated_now_and_one_without_positions_never():
    found = search(perpetuals([[1.0, 0.0], [0.0, 0.0]]), [2_999.0, 0.0])
    for side in (found.below, found.above):
        assert side.status.tolist() == [CrossingStatus.NOW, CrossingStatus.NONE]
        assert side.move[0] == side.tolerance[0] == 0.0 and np.isnan(side.move[1])


def test_prices_from_the_grid_lie_within_their_tolerance_of_those_solved():
    """Random accounts of all that the fixed percentage takes, with coins and dollars posted."""
    rule = VENUE_RULEBOOKS[0]
    held = book(12, kinds=list(options()))
    random = np.random.default_rng(4)
    collateral = np.zeros((12, 5))
    collateral[:, [BTC, USDC]] = random.uniform(0.5, 1.0, (12, 2)) * [2.0, 50_000.0]
    settings = {"rulebook": rule, "collateral": collateral, "moves": liquidation_moves(step=0.1)}
    equity = (collateral + np.asarray(position_value(held, STATE))) @ SPOT
    grid = search(held, equity, **settings)
    some = np.array([7, 6, 5])
    solved = search(held, equity, accounts=some, **settings)
    assert solved.account.tolist() == [7, 6, 5]
    compared = 0
    for near, exact in ((grid.below, solved.below), (grid.above, solved.above)):
        np.testing.assert_array_equal(near.status[some], exact.status)
        there = exact.status == CrossingStatus.FOUND
        gap = np.abs(near.ratio[some] / exact.ratio - 1.0)[there]
        assert (gap <= near.tolerance[some][there] + 1e-12).all()
        compared += there.sum()
    assert compared >= 3


def test_bad_arguments_are_named():
    held, equity = perpetuals([[1.0, 0.0]]), np.array([5_000.0])
    for settings, message in (
        ({"asset": 5}, "the market has 5 assets; got row 5"),
        ({"betas": np.zeros(5)}, "and 1 for the one that moves"),
        ({"collateral": np.zeros((1, 4))}, r"collateral must be finite .* shape \(1, 5\)"),
        ({"moves": np.array([-1.0])}, "must be finite and above -1"),
        ({"accounts": np.array([1])}, "must be rows of the book, which has 1 accounts"),
    ):  # fmt: skip
        with pytest.raises(InvalidInputError, match=message):
            search(held, equity, **settings)
    with pytest.raises(InvalidInputError, match=r"Write -90 % as -0\.9"):
        liquidation_moves(-90.0)


def test_moves_hold_today_both_ends_and_no_wider_step():
    moves = liquidation_moves()
    np.testing.assert_allclose(moves[[0, -1]], [-0.9, 4.0], rtol=1e-12)
    assert (moves == 0.0).sum() == 1 and (np.diff(np.log1p(moves)) < 0.05 + 1e-12).all()
