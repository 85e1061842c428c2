"""OKX and Bybit by their rulebooks: venues' own figures and hand counts; deltas of contracts."""

import dataclasses
import json

import jax.numpy as jnp
import numpy as np
import pytest
from add_on_kinds import ADD_ONS, RULE
from kinds import BTC, ETH, INSTRUMENTS, USD, USDC, book, market
from portfolio_books import black, margined, plain_market, shipped
from portfolio_kinds import BYBIT, DERIBIT, OKX
from reference import reference
from scipy.optimize import brentq

from jaxmargin.book import Book
from jaxmargin.errors import InvalidInputError
from jaxmargin.instruments import (
    AmericanOptions,
    InversePerpetuals,
    LinearFutures,
    LinearOptions,
    LinearPerpetuals,
    Spot,
)
from jaxmargin.margin import (
    BybitUnified,
    DeribitPortfolio,
    OkxPortfolio,
    contract_deltas,
    contract_terms,
)
from jaxmargin.margin.add_ons import OracleConfidenceAddOn, WithAddOns
from jaxmargin.market import Market, QuotedVolatilities
from jaxmargin.scenarios import Shocks
from jaxmargin.valuation import contract_pnl

CONFIDENCE = WithAddOns(RULE, (next(a for a in ADD_ONS if isinstance(a, OracleConfidenceAddOn)),))


@pytest.mark.parametrize(
    ("kind", "name"),
    [(DeribitPortfolio, "deribit-pm"), (OkxPortfolio, "okx-pm"), (BybitUnified, "bybit-uta")],
)
def test_settings_that_come_with_the_package_serve_two_coins_and_refuse_others(kind, name):
    rule = shipped(kind, name, ["BTC", "ETH", "USDC", "USD"], {"BTC", "ETH"})
    assert isinstance(rule, kind)
    if kind is BybitUnified:  # it has a table for all other coins
        return
    with pytest.raises(InvalidInputError, match=r"assets\.SOL\.\w+: no value"):
        shipped(kind, name, ["SOL", "USD"], {"SOL"})


def test_deltas_are_slopes_of_the_profit_by_the_price_of_the_coin_alone():
    """Central differences, for every kind, whatever it settles in and whatever prices it reads."""
    held, step = book(2, kinds=INSTRUMENTS), 1e-4
    spot = jnp.zeros((5, 4)).at[BTC, :2].set(jnp.array([step, -step]))
    spot = spot.at[ETH, 2:].set(jnp.array([step, -step]))
    one = jnp.ones(4)
    moves = Shocks(spot=spot, time=jnp.zeros(4), weight=one, overlap=jnp.ones(()))
    pnl, terms = contract_pnl(held, market(), moves), contract_terms(held, market())
    slopes = (pnl[:, ::2] - pnl[:, 1::2]) / (2.0 * step)
    on_coin = terms.base[:, None] == jnp.array([[BTC, ETH]])
    expected = jnp.sum(jnp.where(on_coin, slopes, 0.0), axis=1) / market().spot[terms.asset]
    found = jnp.where(jnp.any(on_coin, axis=1), contract_deltas(held, market()), 0.0)
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-9)
    assert int(jnp.sum(found != 0.0)) > 26


def test_a_put_that_is_exercised_today_has_a_delta_of_minus_one():
    """A strike of 120,000 at a spot of 60,000."""
    terms = {
        "pillar": jnp.array([1]),
        "strike": jnp.array([120_000.0]),
        "sign": jnp.array([-1.0]),
        "settlement": jnp.array([USDC]),
        "multiplier": jnp.array([1.0]),
    }
    held = Book((AmericanOptions(**terms),), book(1).positions)
    np.testing.assert_allclose(contract_deltas(held, market()), [-1.0], rtol=1e-12)


@pytest.mark.parametrize("rule", [DERIBIT, OKX, CONFIDENCE], ids=["deribit", "okx", "confidence"])
def test_perpetuals_need_the_same_margin_in_a_market_without_expiries(rule):
    swaps = LinearPerpetuals(
        asset=jnp.array([BTC, ETH]), settlement=jnp.array([USD] * 2), multiplier=jnp.ones(2)
    )
    state, none = market(), jnp.zeros(0)
    surface = QuotedVolatilities(none[:, None], none[:, None], none)
    bare = Market(
        state.spot, state.perpetual, jnp.zeros(0, int), none, none, none, surface,
        funding=state.funding, base=state.base,
    )  # fmt: skip
    other = rule
    if isinstance(rule, WithAddOns):  # its confidences are by expiry
        (add_on,) = rule.add_ons
        other = WithAddOns(rule.rulebook, (dataclasses.replace(add_on, expiry=none),))
    quantities = [[2.0, -30.0], [-1.0, 0.0]]
    expected = margined(rule, (swaps,), quantities, state)
    found = margined(other, (swaps,), quantities, bare)
    np.testing.assert_allclose(found.initial, expected.initial, rtol=1e-12)
    assert float(jnp.min(found.initial)) > 0.0


def test_okx_by_hand():
    """Perpetuals 60,024 and 2,500.75, a future in 200 days 61,500; half of MR6 exceeds MR1."""
    swaps = LinearPerpetuals(
        asset=jnp.array([BTC, BTC, ETH]),
        settlement=jnp.array([USD, USDC, USD]),
        multiplier=jnp.array([1.0, 1.0, 1.0]),
    )
    dated = LinearFutures(
        pillar=jnp.array([2]), settlement=jnp.array([USD]), multiplier=jnp.array([1.0])
    )
    found = margined(
        OKX,
        (swaps, dated),
        [
            [1.0, 0.0, 0.0, 0.0],  # MR6 and the basis
            [1.0, 0.0, 0.0, -1.0],  # a hedge, of which the minimum is all
            [1.0, -1.0, 0.0, 0.0],  # two currencies: nothing offsets but in the minimum's tiers
            [1.0, 0.0, -10.0, 0.0],  # two units
        ],
        market(),
    )
    swap, future, ether = 60_024.0, 61_500.0, 25_007.5
    basis = [0.002 * swap, 0.002 * swap + 0.05 * 200 / 365 * future, 0.004 * swap,
             0.002 * swap + 0.008 * ether]  # fmt: skip
    price = [0.13 * swap, 0.13 * (future - swap), 0.26 * swap, 0.13 * swap + 0.2 * ether]
    raw = 0.02 * (swap + future)
    minimum = 1_000.0 + 3.0 * (raw - 1_000.0)
    lifted = [0.0, minimum - price[1] - basis[1], 0.0, 0.0]
    for name, expected in (("basis", basis), ("price_move", price), ("minimum_charge", lifted)):
        np.testing.assert_allclose(found.components[name], expected, rtol=1e-12, atol=1e-9)
    maintenance = np.sum([basis, price, lifted], axis=0)
    np.testing.assert_allclose(found.maintenance, maintenance, rtol=1e-12)
    np.testing.assert_allclose(found.initial, 1.3 * maintenance, rtol=1e-12)
    np.testing.assert_array_equal(found.worst_scenario[:2], [6, 5])  # the fall, and the rise


def test_okx_margins_both_units_of_the_position_builder_example():
    """The venue's MR4 and MR7 are of the delta that it gives, MR1 of a price 1.5e-4 apart."""
    payload = json.loads(reference("data/exchange_margin_payloads.json").read_text())
    units = payload["okx_position_builder"]["risk_units"]
    coins = np.array([-0.1, 10.0])
    price = [abs(unit["delta"] / size) for unit, size in zip(units, coins, strict=True)]

    def with_tiers(content):  # of LTC, whose minimum is far below the rest whatever they are
        for key in ("minimum_lower", "minimum_multiplier"):
            content["assets"]["LTC"][key] = content["assets"]["BTC"][key]

    names = [unit["riskUnit"] for unit in units]
    rule = shipped(OkxPortfolio, "okx-pm", [*names, "USD"], set(names), with_tiers)
    swaps = LinearPerpetuals(
        asset=jnp.array([0, 1]), settlement=jnp.array([2, 2]), multiplier=jnp.ones(2)
    )
    found = margined(rule, (swaps,), np.diag(coins), plain_market(price, price, [0.1], [9.0]))
    np.testing.assert_allclose(
        found.components["basis"], [unit["mr4"] for unit in units], rtol=1e-12
    )
    np.testing.assert_allclose(found.maintenance, [unit["mmr"] for unit in units], rtol=2e-4)
    np.testing.assert_allclose(found.initial, [unit["imr"] for unit in units], rtol=2e-4)
    alone = dataclasses.replace(rule, minimum_rate=1e4 * rule.minimum_rate)
    raised = margined(alone, (swaps,), np.diag(coins), plain_market(price, price, [0.1], [9.0]))
    first, second = (1e4 * unit["mr7"] for unit in units)  # in the fifth tier and the third
    assert 300e3 < first < 470e3 and 70e3 < second < 170e3
    tiered = [
        10e3 + 60e3 * 2 + 100e3 * 4 + 130e3 * 6 + (first - 300e3) * 8,
        10e3 + 60e3 * 2 + (second - 70e3) * 4,
    ]
    np.testing.assert_allclose(raised.maintenance, tiered, rtol=1e-9)


INDEX, STRIKE, MARK = 20_250.0, 18_500.0, 290.0


def bybit(quantities):
    """Margins, by the shipped settings, of a put at 290, a far call, two perpetuals and coins."""
    years = 30.0 / 365.0
    root = np.sqrt(years)
    implied = brentq(lambda v: black(-1.0, INDEX, STRIKE, v * root)[0] - MARK, 0.05, 3.0)
    state = plain_market([INDEX], [INDEX], [years], [INDEX], implied)
    option = LinearOptions(
        pillar=jnp.array([0, 0]),
        strike=jnp.array([STRIKE, 24_000.0]),
        sign=jnp.array([-1.0, 1.0]),
        settlement=jnp.array([1, 1]),
        multiplier=jnp.array([1.0, 0.1]),
    )
    swap = LinearPerpetuals(
        asset=jnp.array([0]), settlement=jnp.array([1]), multiplier=jnp.array([1.0])
    )
    inverse = InversePerpetuals(
        asset=jnp.array([0]), settlement=jnp.array([0]), multiplier=jnp.array([100.0])
    )
    coins = Spot(asset=jnp.array([0]), settlement=jnp.array([1]), multiplier=jnp.array([1.0]))
    rule = shipped(BybitUnified, "bybit-uta", ["BTC", "USD"], {"BTC"})
    call = black(1.0, INDEX, 24_000.0, implied * root)[0]
    return margined(rule, (option, swap, inverse, coins), quantities, state), call


def test_bybit_margins_the_printed_put_and_hand_counts():
    """The page's put needs 2,315 and 938 beside its value of -290, which equity counts here."""
    found, call = bybit(
        [
            [-1.0, 0.0, 0.0, 0.0, 0.0],
            [2.0, -20.0, 0.0, 0.0, 0.0],  # two puts bought, two calls of a coin sold
            [0.0, 0.0, -25e6 / INDEX, 0.0, 0.0],  # the third tier: 2 % of all
            [0.0, 0.0, 1.0, -INDEX / 100.0, 0.0],  # two contracts do not offset
            [0.0, 0.0, 0.0, 0.0, 35.0],
            [0.0, 0.0, 0.0, 0.0, -100.0],
            [0.0, 0.0, 0.0, 0.0, -391.5],
        ]
    )
    fee = 0.002 * INDEX
    spare = 0.10 * INDEX  # 15 % less 3,750 out of the money would be below zero
    initial = [
        2_315.0 - MARK,
        2 * MARK + 2 * spare,
        0.02 * 25e6,
        0.02 * INDEX,
        (35.0 - 32.55) * INDEX,  # 10 at 98 %, 95 % and 90 %, 5 at 85 %
        0.2 * 100 * INDEX,
        0.33333333 * 391.5 * INDEX,
    ]
    maintenance = [
        938.0 - MARK,
        2 * MARK + 2 * (max(0.03 * INDEX, 0.03 * call) + fee),
        0.005 * 10e6 + 0.0075 * 10e6 + 0.01 * 5e6,
        0.01 * INDEX,
        (35.0 - 32.55) * INDEX,
        0.04 * 100 * INDEX,
        0.04 * 391.5 * INDEX,
    ]
    np.testing.assert_allclose(found.initial, initial, rtol=1e-10)
    np.testing.assert_allclose(found.maintenance, maintenance, rtol=1e-10)
    np.testing.assert_allclose(found.components["long_options"][1], 2 * MARK, rtol=1e-10)


def test_unified_accounts_take_the_same_contract_in_parts():
    """Two positions in one contract are margined as one, whatever lies between them."""
    swaps = LinearPerpetuals(
        asset=jnp.array([BTC, ETH, BTC]), settlement=jnp.array([USD] * 3), multiplier=jnp.ones(3)
    )
    for rule in (BYBIT, OKX, DERIBIT):
        found = margined(rule, (swaps,), [[3.0, 1.0, -1.0], [2.0, 1.0, 0.0]], market())
        np.testing.assert_allclose(found.initial[0], found.initial[1], rtol=1e-12)
