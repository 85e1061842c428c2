"""Deribit, OKX and Bybit by their rulebooks: venues' own figures, hand counts, a plain loop."""

import copy
import dataclasses
import json
from datetime import datetime

import equinox as eqx
import jax.numpy as jnp
import numpy as np
import pytest
from kinds import BTC, ETH, PLAIN, USD, USDC, book, market
from portfolio_kinds import BYBIT, DERIBIT, OKX
from reference import oracle, reference
from scipy.optimize import brentq
from scipy.stats import norm

from jaxmargin.book import Book, build_positions
from jaxmargin.errors import InvalidInputError
from jaxmargin.instruments import (
    InverseFutures,
    InverseOptions,
    InversePerpetuals,
    LinearFutures,
    LinearOptions,
    LinearPerpetuals,
    Spot,
)
from jaxmargin.io import Problems, build_rulebook, read_rulebook_file, rulebook_library
from jaxmargin.margin import (
    BybitUnified,
    DeribitPortfolio,
    OkxPortfolio,
    contract_deltas,
    contract_terms,
)
from jaxmargin.market import Market, QuotedVolatilities
from jaxmargin.scenarios import Shocks
from jaxmargin.valuation import contract_pnl


def shipped(kind, name, assets, needed, change=lambda content: None):
    """A rule from the first set that comes with the package, after a change."""
    problems = Problems()
    settings = next(iter(read_rulebook_file(rulebook_library()[name], problems).sets.values()))
    content = copy.deepcopy(settings.content)
    change(content)
    settings = dataclasses.replace(settings, content=content)
    rule = build_rulebook(kind, settings, assets, needed, problems)
    problems.raise_if_any()
    return rule


def margined(rule, batches, quantities, state):
    """Margins of accounts from a row of quantities each, one per contract."""
    table = np.array(quantities, float)
    account, column = np.nonzero(table)
    positions = build_positions(account, column, table[account, column], accounts=len(table))
    return rule.requirement(Book(tuple(batches), positions), state)


def plain_market(spot, perpetual, years, forward, volatility=0.6):
    """Coins and USD, the last asset; a flat volatility for each future, one by coin at most."""
    coins, pillars = len(spot), len(years)
    return Market(
        spot=jnp.array([*spot, 1.0]),
        perpetual=jnp.array([*perpetual, 1.0]),
        asset=jnp.arange(pillars),
        time=jnp.array(years),
        forward=jnp.array(forward),
        rate=jnp.zeros(pillars),
        surface=QuotedVolatilities(
            jnp.array(forward)[:, None] * jnp.array([[0.9, 1.1]]),
            jnp.full((pillars, 2), volatility),
            jnp.ones(pillars),
        ),
        base=jnp.arange(coins + 1),
    )


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


def test_deribit_reproduces_both_answers_of_the_venue():
    """Inverse futures; 1e-8, since the venue rounds the worst case to 9 decimals of a coin."""
    cases = oracle("margin/deribit_pme.json")["cases"]
    by_coin = {case["positions"][0]["instrument"][:3]: case for case in cases}
    bitcoin, ether = by_coin["BTC"], by_coin["ETH"]
    future = bitcoin["positions"][1]
    moment = datetime.fromisoformat(future["expiry"]).timestamp()
    years = (moment - bitcoin["timestamp_ms"] / 1000.0) / (365.0 * 86_400.0)
    state = plain_market(
        [bitcoin["index_price"], ether["index_price"]],
        [case["positions"][0]["mark"] for case in (bitcoin, ether)],
        [years],
        [future["mark"]],
    )
    swaps = InversePerpetuals(
        asset=jnp.array([0, 1]), settlement=jnp.array([0, 1]), multiplier=jnp.array([10.0, 1.0])
    )
    dated = InverseFutures(
        pillar=jnp.array([0]), settlement=jnp.array([0]), multiplier=jnp.array([10.0])
    )
    perpetual, held, other = bitcoin["positions"][0], future, ether["positions"][0]
    quantities = [
        [perpetual["size"] * perpetual["mark"] / 10.0, 0.0, held["size"] * held["mark"] / 10.0],
        [0.0, other["size"] * other["mark"], 0.0],
    ]
    quantities.append(list(np.sum(quantities, axis=0)))
    rule = shipped(DeribitPortfolio, "deribit-pm", ["BTC", "ETH", "USD"], {"BTC", "ETH"})
    found = margined(rule, (swaps, dated), quantities, state)
    for place, words in enumerate(("risk_matrix_margin", "maintenance_margin")):
        coins = [case["expected"][words] for case in (bitcoin, ether)]
        usd = np.multiply(coins, [bitcoin["index_price"], ether["index_price"]])
        margin = (found.initial, found.maintenance)[place]
        np.testing.assert_allclose(margin, [*usd, usd.sum()], rtol=1e-8)
    roll = np.multiply(
        [case["expected"]["roll_shock"] for case in (bitcoin, ether)],
        [bitcoin["index_price"], ether["index_price"]],
    )
    np.testing.assert_allclose(found.components["roll_shock"][:2], roll, rtol=1e-12)
    np.testing.assert_array_equal(found.worst_scenario[:2], [0, 24])  # the fall, and the rise


def black(sign, forward, strike, total):
    d1 = np.log(forward / strike) / total + 0.5 * total
    return sign * (forward * norm.cdf(sign * d1) - strike * norm.cdf(sign * (d1 - total))), d1


# what is held: kind, pillar (of a perpetual: its coin), strike, sign, whether settled in its coin
CONTRACTS = [
    ("option", 1, 3, 1.0, True),
    ("option", 1, 1, -1.0, True),
    ("option", 2, 2, -1.0, True),
    ("option", 3, 4, 1.0, True),
    ("option", 1, 2, 1.0, False),
    ("option", 2, 0, -1.0, False),
    ("option", 3, 1, -1.0, False),
    ("future", 2, 0, 0.0, True),
    ("future", 3, 0, 0.0, False),
    ("swap", BTC, 0, 0.0, True),
    ("swap", ETH, 0, 0.0, False),
]
TAILED = dataclasses.replace(  # with powers that differ, and a dampener that leaves something
    DERIBIT,
    long_power=jnp.array([0.13, 0.1, 0.1, 0.0, 0.0]),
    extended_dampener=jnp.array([100.0, 20.0, 20.0, 0.0, 0.0]),
    extended_factor=jnp.array([1.5, 1.4, 1.4, 0.0, 0.0]),
)


def built(state):
    """The contracts above as batches, and their rows in the order above."""
    batches, order = [], []
    for kind, inside, batch in (
        ("option", True, InverseOptions),
        ("option", False, LinearOptions),
        ("future", True, InverseFutures),
        ("future", False, LinearFutures),
        ("swap", True, InversePerpetuals),
        ("swap", False, LinearPerpetuals),
    ):
        rows = [i for i, c in enumerate(CONTRACTS) if c[0] == kind and c[4] is inside]
        place = jnp.array([CONTRACTS[i][1] for i in rows])
        coin = place if kind == "swap" else state.asset[place]
        terms = {
            "settlement": coin if inside else jnp.full_like(coin, USD),
            "multiplier": jnp.full(len(rows), 10.0 if inside and kind != "option" else 0.5),
        }
        if kind == "option":
            node = jnp.array([CONTRACTS[i][2] for i in rows])
            terms |= {
                "strike": state.surface.strike[place, node],
                "sign": jnp.array([CONTRACTS[i][3] for i in rows]),
            }
        batches.append(batch(**{"asset" if kind == "swap" else "pillar": place}, **terms))
        order += rows
    return batches, order


def plain_contract(contract, state, move, volatility_move, rule):
    """P&L of one contract, in coins or USD, its delta in coins, its coin and years."""
    kind, place, node, sign, inside = contract
    coin = place if kind == "swap" else int(state.asset[place])
    size = 10.0 if inside and kind != "option" else 0.5
    if kind != "option":
        price = float(state.perpetual[coin] if kind == "swap" else state.forward[place])
        coins = size / price if inside else size
        gain = coins * move / (1.0 + move) if inside else coins * move * price
        years = 0.0 if kind == "swap" else float(state.time[place])
        return gain, coins * (1.0 if inside else price / float(state.spot[coin])), coin, years
    forward, years = float(state.forward[place]), float(state.time[place])
    days, discount = years * 365.0, np.exp(-float(state.rate[place]) * years)
    strike = float(state.surface.strike[place, node])
    volatility = float(state.surface.quote[place, node])
    power = (rule.short_power if days <= 30.0 else rule.long_power)[coin]
    scale = (30.0 / max(days, 1.0)) ** float(power)
    moved = {
        "up": max(volatility * (1.0 + float(rule.range_up[coin]) * scale), rule.minimum_up[coin]),
        "same": volatility,
        "down": max(volatility * (1.0 - float(rule.range_down[coin]) * scale), 1e-9),
    }[volatility_move]
    root = np.sqrt(years)
    today, d1 = black(sign, forward, strike, volatility * root)
    then, _ = black(sign, forward * (1.0 + move), strike, float(moved) * root)
    slope = sign * norm.cdf(sign * d1)
    if inside:
        gain = discount * (then / (forward * (1.0 + move)) - today / forward)
        delta = discount * (slope - today / forward)
    else:
        gain, delta = (
            discount * (then - today),
            discount * slope * forward / float(state.spot[coin]),
        )
    return size * gain, size * delta, coin, years


def plain_deribit(rule, state, quantities):
    """Initial margin by part, and the scenario, from the rule as it is written down."""
    worst_case, roll, largest, scenario = 0.0, 0.0, -1.0, 0
    for coin in (BTC, ETH):
        reach, index = float(rule.price_range[coin]), float(state.spot[coin])
        for inside in (True, False):
            losses = []
            standard = [
                (reach * step / 4, v) for step in range(-4, 5) for v in ("down", "same", "up")
            ]
            far = [(float(m), "up") for m in rule.extended_moves[coin]]
            for number, (move, volatility) in enumerate(standard + far):
                held = [
                    q * plain_contract(c, state, move, volatility, rule)[0]
                    for c, q in zip(CONTRACTS, quantities, strict=True)
                    if c[4] is inside and plain_contract(c, state, 0.0, "same", rule)[2] == coin
                ]
                pnl = sum(held)
                if number >= len(standard):
                    edge = 1.0 + np.sign(move) * reach
                    pnl *= float(rule.extended_factor[coin]) * reach / abs(move)
                    allowed = (abs(move) / reach - 1.0) * float(rule.extended_dampener[coin])
                    if inside:
                        pnl *= (1.0 + move) / edge
                        allowed /= edge * index
                    pnl = np.sign(pnl) * max(abs(pnl) - allowed, 0.0)
                losses.append(-pnl * (index if inside else 1.0))
            worst = int(np.argmax(losses))
            worst_case += max(losses[worst], 0.0)
            if losses[worst] > largest:
                largest, scenario = losses[worst], worst
    for contract, quantity in zip(CONTRACTS, quantities, strict=True):
        _, delta, coin, years = plain_contract(contract, state, 0.0, "same", rule)
        share = max(
            float(rule.least_annualized_move[coin]), years * float(rule.annualized_move_risk[coin])
        )
        roll += abs(quantity * delta) * share * float(state.spot[coin])
    return worst_case, roll, scenario


def test_deribit_of_options_equals_a_plain_loop():
    state = market()
    batches, order = built(state)
    quantities = np.random.default_rng(4).normal(0.0, 3.0, (6, len(CONTRACTS)))
    quantities[1, :7] = -np.abs(quantities[1, :7])  # options sold
    quantities[2, [0, 1, 2]], quantities[2, 3:] = [-4.0, 0.0, 0.0], 0.0  # the extended table
    found = margined(TAILED, batches, quantities[:, order], state)
    for account, held in enumerate(quantities):
        worst_case, roll, scenario = plain_deribit(TAILED, state, held)
        np.testing.assert_allclose(found.components["worst_case"][account], worst_case, rtol=1e-9)
        np.testing.assert_allclose(found.components["roll_shock"][account], roll, rtol=1e-9)
        assert int(found.worst_scenario[account]) == scenario
    np.testing.assert_allclose(found.maintenance, 0.8 * found.initial, rtol=1e-14)
    assert int(found.worst_scenario[2]) >= 27 and len(set(np.asarray(found.worst_scenario))) > 2


def test_deribit_refuses_accounts_whose_delta_shock_it_does_not_know():
    """20 m USD are 333.3 BTC; a hedge in another currency does not bring an account below it."""
    swaps = [
        InversePerpetuals(
            asset=jnp.array([BTC]), settlement=jnp.array([BTC]), multiplier=jnp.array([1e4])
        ),
        LinearPerpetuals(
            asset=jnp.array([BTC]), settlement=jnp.array([USDC]), multiplier=jnp.array([1.0])
        ),
    ]
    below = [1_900.0, 0.0]
    assert float(margined(DERIBIT, swaps, [below], market()).initial[0]) > 0.0
    for held in ([2_100.0, 0.0], [0.0, -340.0], [1_500.0, -100.0]):
        with pytest.raises(InvalidInputError, match=r"margin 1 accounts, .* account 1, counted fr"):
            margined(DERIBIT, swaps, [below, held], market())
    with pytest.raises(InvalidInputError, match=r"delta shock.* Take the account out of the book"):
        margined(DERIBIT, swaps, [[2_100.0, 0.0]], market())

    @eqx.filter_jit
    def traced(held):
        return DERIBIT.requirement(held, market())

    positions = build_positions(
        np.array([0, 1]), np.array([0, 0]), np.array([1_900.0, -2_100.0]), accounts=2
    )
    result = traced(Book(tuple(swaps), positions))
    for margin in (result.initial, result.maintenance):
        np.testing.assert_array_equal(np.isnan(margin), [False, True])


def test_deltas_are_slopes_of_the_profit_by_the_price_of_the_coin_alone():
    """Central differences, for every plain kind, whatever it settles in."""
    held, step = book(2, kinds=PLAIN), 1e-4
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
    assert int(jnp.sum(found != 0.0)) > 20


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
