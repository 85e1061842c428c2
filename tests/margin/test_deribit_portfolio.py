"""Deribit by its rulebook: both answers of the venue, and a plain loop of options."""

import dataclasses
from datetime import datetime

import equinox as eqx
import jax.numpy as jnp
import numpy as np
import pytest
from kinds import BTC, ETH, USD, USDC, market
from portfolio_books import black, margined, plain_market, shipped
from portfolio_kinds import DERIBIT
from reference import oracle
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
)
from jaxmargin.margin import DeribitPortfolio


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
        with pytest.raises(InvalidInputError, match=r"margin 1 of 2 accounts, .*account 1, count"):
            margined(DERIBIT, swaps, [below, held], market())
    with pytest.raises(InvalidInputError, match=r"1 of 1 acc.*delta shock.* Take the account out"):
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
