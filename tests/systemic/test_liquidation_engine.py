"""Liquidation against plain loops, closed forms, hand counts, and conservation at every step."""

import dataclasses

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from liquidation_loops import Venue

from jaxmargin.systemic import (
    DeleveragingPolicy,
    LiquidationAccounts,
    LiquidationPolicy,
    LiquidationSettings,
    allocate_positions,
    price_breaker,
    run_liquidation,
    split_moves,
    start_liquidation,
    step_liquidation,
)

PRICE = np.array([100.0, 10.0])
STEPS, PAUSE, WINDOW, BAND = 5, 2, 2, 0.09
BREAKER = price_breaker(BAND, window=WINDOW, pause=PAUSE)
MOVES = np.array([[-0.3, 0.35, -0.45], [-0.5, 0.2, 0.3]])  # coin, scenario
DEPTH = np.array([1.0, 0.5, 0.2])
PLAIN = {
    "policy": 0, "buffer": 0.5, "discount": 0.05, "fee": 0.004, "impact": 0.8,
    "volatility": np.array([0.04, 0.08]), "daily_volume": np.array([400.0, 900.0]),
    "retained": 0.6, "deleveraging": 0, "socialize": False, "breaker_on": False,
}  # fmt: skip
EQUITY = np.array([90.0, 300.0, 150.0, 60.0, 400.0, 2000.0, 220.0, 50.0])
POSITION = np.array(
    [[8.0, 0.0], [10.0, 40.0], [-7.0, 30.0], [0.0, -45.0],
     [-9.0, -20.0], [-4.0, -30.0], [5.0, -8.0], [0.0, 20.0]]
)  # fmt: skip
ENTRY = PRICE * np.array(
    [
        [1.0, 1.0],
        [1.1, 0.9],
        [1.05, 1.2],
        [1.0, 1.1],
        [0.97, 1.3],
        [1.2, 1.0],
        [0.8, 1.0],
        [1.0, 0.7],
    ]
)
MAINTENANCE = np.full(POSITION.shape, 0.05) * np.array([1.0, 1.5])
FUND = 15.0


def settings(**changes):
    values = {name: jnp.asarray(np.asarray(value)) for name, value in (PLAIN | changes).items()}
    return LiquidationSettings(**values, breaker=BREAKER)


ACCOUNTS = LiquidationAccounts(jnp.asarray(ENTRY), jnp.asarray(MAINTENANCE))
PATHS = split_moves(jnp.asarray(PRICE), jnp.asarray(MOVES), steps=STEPS)


def started(rules, *, equity=EQUITY, position=POSITION, fund=FUND):
    return start_liquidation(
        jnp.asarray(equity), jnp.asarray(position), jnp.asarray(PRICE), jnp.asarray(fund), rules
    )


def run(rules, *, equity=EQUITY, position=POSITION, fund=FUND):
    start = started(rules, equity=equity, position=position, fund=fund)
    return run_liquidation(start, PATHS, ACCOUNTS, rules, jnp.asarray(DEPTH))


CASES = [
    {"policy": policy, "deleveraging": deleveraging, "socialize": socialize, "breaker_on": on}
    for policy, deleveraging, socialize, on in [
        (0, 0, False, False), (0, 0, True, True), (1, 0, True, False), (1, 1, False, True),
        (2, 0, True, False), (0, 1, True, False), (0, 2, True, False), (0, 3, False, False),
        (1, 2, True, True), (2, 3, True, True),
    ]
]  # fmt: skip


def test_every_policy_does_what_plain_loops_do():
    taken_over = paused = socialized = 0.0
    for changes in CASES:
        state, steps = run(settings(**changes))
        for scenario in range(MOVES.shape[1]):
            own = {key: value for key, value in (PLAIN | changes).items() if key != "daily_volume"}
            volume = PLAIN["daily_volume"] * DEPTH[scenario]
            venue = Venue(
                EQUITY, POSITION, PRICE, ENTRY, MAINTENANCE, FUND,
                volume=volume, band=BAND, pause=PAUSE, window=WINDOW, **own,
            )  # fmt: skip
            for step in range(STEPS):
                expected = venue.step(list(np.asarray(PATHS[step, :, scenario])))
                for name, value in expected.items():
                    found = np.asarray(getattr(steps, name))[step, ..., scenario]
                    np.testing.assert_allclose(
                        found, value, rtol=1e-9, atol=1e-8, err_msg=f"{changes} {name} {step}"
                    )
                taken_over += sum(expected["deleveraged"])
                paused += sum(expected["paused"])
                socialized += expected["socialized"]
            np.testing.assert_allclose(
                state.position[..., scenario], venue.position, rtol=1e-9, atol=1e-9
            )
            np.testing.assert_allclose(state.cash[:, scenario], venue.cash, rtol=1e-9, atol=1e-8)
    assert taken_over > 0.0 and paused > 0.0 and socialized > 0.0  # the cases reach everything


def test_contracts_and_money_are_conserved_at_every_step():
    one_step = eqx.filter_jit(step_liquidation)
    for changes in CASES:
        rules = settings(**changes)
        state = started(rules)
        money = float(jnp.sum(state.cash) + state.market_cash + state.fund)
        for step in range(STEPS):
            state, _ = one_step(state, PATHS[step, :, 2], ACCOUNTS, rules)
            np.testing.assert_allclose(
                np.asarray(state.position).sum(axis=0) + np.asarray(state.market_position),
                POSITION.sum(axis=0), rtol=1e-12, atol=1e-10,
            )  # fmt: skip
            now = np.asarray(state.cash).sum() + float(state.market_cash) + float(state.fund)
            np.testing.assert_allclose(now, money, rtol=1e-12, atol=1e-9)


def test_without_impact_a_bankrupt_account_costs_the_fund_what_its_price_says():
    rules = settings(impact=0.0, fee=0.0)
    equity = np.full(8, 1e6)
    equity[0] = 45.0  # long 8 of the first coin: below 5 % of 8 x price from 98.6 on
    state, steps = run(rules, equity=equity)
    path = np.asarray(PATHS[:, 0, :])
    for scenario in range(3):
        own = equity[0] + 8.0 * (path[:, scenario] - 100.0)
        hit = np.flatnonzero(own < 0.05 * 8.0 * path[:, scenario])
        loss = max(-own[hit[0]], 0.0) if hit.size else 0.0
        np.testing.assert_allclose(FUND - state.fund[scenario], min(loss, FUND), atol=1e-9)
        np.testing.assert_allclose(steps.price[..., scenario], PATHS[..., scenario], rtol=1e-12)


def test_more_impact_costs_the_fund_no_less():
    rich = {"fund": 1e6}
    losses = [1e6 - np.asarray(run(settings(impact=y, fee=0.0), **rich)[0].fund)
              for y in (0.0, 0.3, 0.6, 1.2)]  # fmt: skip
    assert (np.diff(losses, axis=0) >= -1e-9).all() and losses[-1].sum() > losses[0].sum()


def test_a_breaker_delays_the_first_liquidation_or_leaves_it_where_it_is():
    calls = [
        np.asarray(run(settings(breaker_on=on))[1].liquidated).sum(axis=1) for on in (False, True)
    ]
    calls = [np.concatenate([call, np.ones((1, 3))]) for call in calls]  # never: after the last
    first = [np.argmax(call > 0.0, axis=0) for call in calls]
    assert (first[1] >= first[0]).all() and (first[1] > first[0]).any()
    wide = dataclasses.replace(  # a band that no move reaches changes nothing
        settings(breaker_on=True), breaker=price_breaker(9.0, window=2, pause=2)
    )
    np.testing.assert_array_equal(
        np.asarray(run(wide)[1].fund), np.asarray(run(settings())[1].fund)
    )


def test_long_and_short_liquidations_of_equal_size_do_not_move_the_price():
    equity = np.full(8, 1e6)
    equity[:2] = 1.0
    position = POSITION.copy()
    position[:2] = [[8.0, 0.0], [-8.0, 0.0]]
    rules = settings(fee=0.0)
    state, steps = eqx.filter_jit(step_liquidation)(
        started(rules, equity=equity, position=position), jnp.asarray(PRICE), ACCOUNTS, rules
    )
    assert int(steps.below) == 2
    np.testing.assert_allclose(steps.price, PRICE, rtol=1e-15)
    np.testing.assert_allclose(state.cash[:2], [1.0, 1.0], rtol=1e-12)


@pytest.mark.parametrize(
    ("policy", "expected"),
    [  # capacities 4, 10, 6, profits 60, 20, 20, scores 1, 3, 2; 10 to place
        (DeleveragingPolicy.PROFIT, [4.0, 3.0, 3.0]),  # 6, 2, 2, but only 4: 3 each of the rest
        (DeleveragingPolicy.RANKING, [0.0, 10.0, 0.0]),
        (DeleveragingPolicy.QUEUE, [4.0, 6.0, 0.0]),
    ],
)
def test_winners_take_over_as_counted_by_hand(policy, expected):
    capacity = jnp.array([4.0, 10.0, 6.0, 0.0])[None, :, None]
    profit = jnp.array([60.0, 20.0, 20.0, -5.0])[:, None]
    score = jnp.array([1.0, 3.0, 2.0, 9.0])[:, None]
    took = allocate_positions(
        capacity, profit, score, jnp.array([[10.0]]), jnp.asarray(int(policy))
    )
    np.testing.assert_allclose(took[0, :, 0], [*expected, 0.0], rtol=1e-12)
    whole = allocate_positions(
        capacity, profit, score, jnp.array([[25.0]]), jnp.asarray(int(policy))
    )
    np.testing.assert_allclose(whole, capacity, rtol=1e-12)  # 5 stay unplaced


def test_a_partial_liquidation_restores_maintenance_margin_and_the_buffer():
    equity = np.full(8, 1e6)
    equity[0] = 30.0  # of 40 asked for: 800 x 5 %
    rules = settings(policy=LiquidationPolicy.PARTIAL, impact=0.0, fee=0.0)
    state, _ = eqx.filter_jit(step_liquidation)(
        started(rules, equity=equity), jnp.asarray(PRICE), ACCOUNTS, rules
    )
    np.testing.assert_allclose(state.position[0], [4.0, 0.0], rtol=1e-12)  # 30 = 1.5 x 5 % x 400


def test_the_fund_s_loss_by_the_impact_factor_agrees_with_differences():
    def loss(impact):
        rules = dataclasses.replace(settings(fee=0.0), impact=impact)
        return -jnp.sum(run(rules, fund=1e6)[0].fund)

    at, small = jnp.asarray(np.float64(0.8)), 1e-5
    _, slope = jax.jvp(loss, (at,), (jnp.ones_like(at),))
    bumped = (float(loss(at + small)) - float(loss(at - small))) / (2.0 * small)
    np.testing.assert_allclose(slope, bumped, rtol=1e-5)
    assert slope > 0.0
