"""Add-ons by hand."""

import dataclasses

import jax.numpy as jnp
import numpy as np
import pytest
from add_on_kinds import ADD_ONS, ALL, FLOOR, FOR_ALL_KINDS, RULE
from kinds import BTC, ETH, RULEBOOKS, STETH, USD, USDC, book, market

from jaxmargin.book import Book, build_positions
from jaxmargin.errors import InvalidInputError
from jaxmargin.instruments import LinearFutures, LinearPerpetuals, Spot
from jaxmargin.margin import require_all, unmoved
from jaxmargin.margin.add_ons import WithAddOns, add_charge

# Spot BTC, staked ETH and USDC; futures of BTC in 30 and 200 days; perpetuals.
HAND = (
    Spot(
        asset=jnp.array([BTC, STETH, USDC]),
        settlement=jnp.array([USD] * 3),
        multiplier=jnp.array([1.0] * 3),
    ),
    LinearFutures(
        pillar=jnp.array([1, 2]), settlement=jnp.array([USD] * 2), multiplier=jnp.array([1.0] * 2)
    ),
    LinearPerpetuals(
        asset=jnp.array([BTC, ETH]),
        settlement=jnp.array([USDC, USD]),
        multiplier=jnp.array([1.0, 1.0]),
    ),
)
COLUMNS = ("btc", "steth", "usdc", "near", "far", "swap", "eth_swap")
BTC_SWAP, ETH_SWAP = 60_000.0 * 1.0004, 2_500.0 * 1.0003


def of_hand(add_on, *accounts):
    """Requirement of accounts, each a dict of quantities by name, with all add-ons."""
    held = [
        (a, COLUMNS.index(k), float(v)) for a, row in enumerate(accounts) for k, v in row.items()
    ]
    account, column, quantity = (np.array(each) for each in zip(*held, strict=True))
    positions = build_positions(account, column, quantity, accounts=len(accounts))
    others = (add_on if type(each) is type(add_on) else each for each in ALL.add_ons)
    return WithAddOns(RULE, tuple(others)).requirement(Book(HAND, positions), market())


def charges_of_hand(add_on, *accounts):
    return np.asarray(of_hand(add_on, *accounts).components[add_on.name])


def test_liquidity_by_hand():
    """(0.7 x 3 % x root of days traded + 1 bp) of notional; 1.5 powers; staked ETH sells as ETH."""
    add_on = ADD_ONS[0]
    found = charges_of_hand(
        add_on,
        {"btc": 12.0},
        {"btc": 20.0, "near": -8.0},
        {"steth": 100.0},
        {"btc": 12.0, "steth": 100.0},
    )
    btc = 12 * 60_000.0 * (1e-4 + 0.7 * 0.03 * np.sqrt(12 / 300))
    near = 20 * 60_000.0 - 8 * 60_200.0
    other = near * (1e-4 + 0.7 * 0.03 * np.sqrt(near / 60_000.0 / 300))
    eth = 248_000.0 * (2e-4 + 0.8 * 0.04 * np.sqrt(99.2 / 2_000))
    np.testing.assert_allclose(found, [btc, other, eth, btc + eth], rtol=1e-12)
    no_spread = dataclasses.replace(add_on, half_spread=jnp.zeros(5))
    once, twice = charges_of_hand(
        no_spread, {"btc": 3.0, "eth_swap": -1.0}, {"btc": 6.0, "eth_swap": -2.0}
    )
    np.testing.assert_allclose(twice, 2.0**1.5 * once, rtol=1e-12)


def test_concentration_by_hand():
    """3 BTC a day, of which a fifth is ours: 15 BTC take 25 days; 5 % of 40 BTC are 2."""
    found = charges_of_hand(ADD_ONS[1], {"btc": -15.0}, {"btc": 0.5}, {"btc": 2.5})
    large = 15 * 60_000.0 * 0.1 * (np.sqrt(25.0) - 1.0) + 0.05 * 13 * 60_000.0
    middle = 2.5 * 60_000.0 * 0.1 * (np.sqrt(2.5 / 0.6) - 1.0) + 0.05 * 0.5 * 60_000.0
    np.testing.assert_allclose(found, [large, 0.0, middle], rtol=1e-9)


def test_basis_by_hand():
    """Cash and carry, a calendar spread, and the perpetual against spot."""
    found = charges_of_hand(
        ADD_ONS[2],
        {"btc": 2.0, "far": -2.0},
        {"near": 1.0, "far": -1.0},
        {"btc": 1.0, "swap": -1.0},
    )
    near, far = 60_200.0, 61_500.0
    carry = 0.05 * 2 * far * 200 / 365 + 0.002 * 2 * far
    calendar = 0.05 * (far * 200 - near * 30) / 365 + 0.002 * (near + far)
    np.testing.assert_allclose(found, [carry, calendar, 0.004 * BTC_SWAP], rtol=1e-9)


def test_wrong_way_by_hand():
    """Coins that secure a long position in the coin; a short one is a hedge."""
    found = charges_of_hand(
        ADD_ONS[3],
        {"btc": 1.0, "swap": 3.0},
        {"btc": 2.0, "near": 1.0},
        {"btc": 2.0, "near": -1.0},
        {"btc": 2.0, "eth_swap": 30.0},
        {"steth": 10.0, "eth_swap": 30.0},
    )
    expected = [0.2 * 60_000.0, 0.2 * 60_200.0, 0.0, 0.0, 0.25 * 10 * 2_480.0]
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-9)


def test_confidence_of_prices_by_hand_and_its_jump():
    """BTC's perpetual 0.4, its 30 days 0.3, its 200 days 0.7; ETH 0.5; the threshold is 0.6."""
    found = charges_of_hand(
        ADD_ONS[4], {"swap": -2.0}, {"near": 1.0, "far": 5.0}, {"steth": 4.0}, {"btc": 3.0}
    )
    expected = [0.06 * 120_000.0, 0.07 * 60_000.0, 0.05 * 4 * 2_480.0, 0.0]
    np.testing.assert_allclose(found, expected, rtol=1e-12)
    at = dataclasses.replace(ADD_ONS[4], perpetual=jnp.full(5, 0.6))
    below = dataclasses.replace(ADD_ONS[4], perpetual=jnp.full(5, 0.6 - 1e-12))
    jump = [charges_of_hand(each, {"swap": -2.0})[0] for each in (at, below)]
    np.testing.assert_allclose(jump, [0.0, 0.1 * 0.4 * 120_000.0], rtol=1e-9)


def test_a_lost_peg_by_hand():
    """USDC stands 0.0102 below 1.01: 2.04 % of what is paid in it, or held of it."""
    found = charges_of_hand(ADD_ONS[5], {"swap": -1.0}, {"usdc": 1_000.0}, {"near": 9.0})
    expected = [0.0204 * BTC_SWAP, 0.0204 * 999.8, 0.0]
    np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-9)


def test_funding_by_hand_only_what_is_paid():
    """11 % a year on BTC, 8 % on ETH: eight hours are 1 / 1,095 of it."""
    found = charges_of_hand(
        ADD_ONS[6], {"swap": 2.0}, {"swap": -2.0}, {"swap": 1.0, "eth_swap": -500.0}
    )
    expected = [0.11 / 1_095 * 2 * BTC_SWAP, 0.0, 0.11 / 1_095 * BTC_SWAP]
    np.testing.assert_allclose(found, expected, rtol=1e-12)


def test_the_minimum_per_contract_is_a_floor():
    """10 % of 60,200 for a future; of 1,300 for a pair, which is lifted to 2 x 2,000."""
    low = dataclasses.replace(FLOOR, minimum=jnp.array([2_000.0, 1.0, 0.0, 0.0, 0.0]))
    result = of_hand(low, {"near": 1.0}, {"near": 1.0, "far": -1.0}, {"btc": 1.0})
    floor = result.components["minimum_per_contract_add_on"]
    np.testing.assert_allclose(floor, [0.0, 4_000.0 - 130.0, 0.0], rtol=1e-12)
    none = of_hand(dataclasses.replace(low, minimum=jnp.zeros(5)), {"near": 1.0, "far": -1.0})
    lifted = result.maintenance[1] - none.maintenance[0]
    np.testing.assert_allclose(lifted, 2_000.0 - 65.0, rtol=1e-9)


def test_margins_are_those_of_the_rule_plus_the_charges():
    """Futures of 60,200 at 10 % and 5 %, swaps of ETH at 12 % and 6 %, no floor."""
    no_floor = dataclasses.replace(FLOOR, minimum=jnp.zeros(5))
    result = of_hand(no_floor, {"near": 3.0}, {"near": 1.0, "eth_swap": -10.0})
    eth = 10 * ETH_SWAP
    parts = [np.asarray(result.components[add_on.name]) for add_on in ADD_ONS]
    rule = np.array([0.1 * 3 * 60_200.0, 0.1 * 60_200.0 + 0.12 * eth])
    np.testing.assert_allclose(result.initial, rule + sum(parts), rtol=1e-12)
    shares = [float(a.maintenance_share) * p for a, p in zip(ADD_ONS, parts, strict=True)]
    np.testing.assert_allclose(result.maintenance, 0.5 * rule + sum(shares), rtol=1e-12)
    np.testing.assert_allclose(sum(result.components.values()), result.initial, rtol=1e-12)
    assert sum(part[0] > 0.0 for part in parts) >= 4


def test_open_orders_are_added_to_a_finished_requirement():
    plain = of_hand(FLOOR, {"near": 1.0}, {"swap": 1.0})
    orders = jnp.array([0.0, 500.0])
    result = add_charge(plain, "open_orders", orders, 0.5 * orders)
    assert float(result.initial[1] - plain.initial[1]) == pytest.approx(500.0, rel=1e-9)
    assert float(result.maintenance[1] - plain.maintenance[1]) == pytest.approx(250.0, rel=1e-9)
    np.testing.assert_array_equal(result.components["open_orders"], orders)
    with pytest.raises(InvalidInputError, match="has a component 'open_orders' already"):
        add_charge(result, "open_orders", orders, orders)
    with pytest.raises(InvalidInputError, match="has 2 accounts, the charges 1 and 1"):
        add_charge(plain, "orders", orders[1:], orders[1:])


def test_two_add_ons_of_a_kind_and_contracts_that_one_cannot_charge_are_refused():
    with pytest.raises(InvalidInputError, match="more than one of funding_add_on"):
        WithAddOns(RULE, (ADD_ONS[6], ADD_ONS[6]))
    with pytest.raises(InvalidInputError, match="DepegAddOn charges contracts of the kinds spot"):
        WithAddOns(RULEBOOKS[0], (ADD_ONS[5],)).charge(
            jnp.zeros((1, 8)), book(3), market(), unmoved(market())
        )
    seen, expected = [], r"(charges|margins) contracts of the kinds"
    for refused in (WithAddOns(RULEBOOKS[0], (ADD_ONS[5],)), WithAddOns(RULE, FOR_ALL_KINDS)):
        rules = [RULEBOOKS[0], refused]
        with pytest.raises(InvalidInputError, match=expected):
            require_all(rules, book(3), market(), progress=lambda *_: seen.append(1))
    assert not seen  # refused before any rule's work
