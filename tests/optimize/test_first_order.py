"""Placement under rules that are not convex, against a fine grid of placements."""

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxmargin.errors import InvalidInputError
from jaxmargin.optimize import (
    Limit,
    MovablePositions,
    TailRule,
    build_problem,
    optimize_first_order,
    optimize_placement,
)
from jaxmargin.risk import WorstCase

KEY = jax.random.key(3)
LOSSES = np.array([[6.0, -4.0, 1.0], [-2.0, 5.0, 0.5]])  # of the book that stays, by venue
UNITS = np.array([[1.0, -1.0, 0.2], [-0.5, 0.8, 0.4]])  # P&L of one unit
QUICK = {"starts": 4, "rounds": 3, "steps": 100}


def problem(available=100.0, coin=100.0):
    """Cash at 10 % a period; coin, counted for half, at 4 %."""
    return build_problem(
        np.array([available, coin]),
        np.zeros(2),
        np.array([[0.0, 0.0], [0.5, 0.5]]),
        np.array([[0.1, 0.1], [0.04, 0.04]]),
        np.ones((2, 2), bool),
    )


def positions(first=3.0, second=-2.0, cost=0.0):
    """Two positions that lie nowhere yet."""
    return MovablePositions(
        np.array([first, second]), np.zeros((2, 2)), np.full((2, 2), cost), np.ones((2, 2), bool)
    )


def worst(quantity):
    """Largest loss of each venue."""
    return jnp.max(jnp.asarray(LOSSES) - quantity.T @ jnp.asarray(UNITS), axis=-1)


def grid_rule(quantity, posted):
    """The worst of the grid: convex."""
    del posted
    return jnp.maximum(worst(quantity), 0.0)


def fee_rule(quantity, posted):
    """The worst of the grid, and a charge for every venue that holds anything: not convex."""
    del posted
    gross = jnp.abs(quantity)
    charge = 3.0 * jnp.sum(gross / (0.5 + gross), axis=0)
    return jnp.maximum(worst(quantity), 0.0) + charge


def coin_rule(quantity, posted):
    """More of the grid where coin is posted: a quarter of its value on top."""
    return grid_rule(quantity, posted) + 0.25 * posted[2:]


def relaxed(which=None, allocation=None):
    """The placement under the grid; a unit of coin is worth half in every scenario."""
    growth = np.array([[1.0, 1.0, 1.0], [0.5, 0.5, 0.5]])
    rule = TailRule(LOSSES, growth, np.ones(3), WorstCase(), units=UNITS)
    return optimize_placement(allocation or problem(), rule, which or positions())


def cheapest_on_a_grid(rule, quantity, cost=0.0, steps=60):
    """Exact cost of the best of many placements: coin at 0.08 of value, as long as it lasts."""
    shares = np.linspace(0.0, 1.0, steps + 1)
    placed = np.stack(np.meshgrid(shares, shares, indexing="ij"), axis=-1).reshape(-1, 2)
    placed = np.stack([placed, 1.0 - placed], axis=-1) * quantity[None, :, None]
    demands = jax.vmap(lambda one: rule(one, jnp.zeros(4)))(jnp.asarray(placed))
    trading = cost * np.abs(placed).sum(axis=(1, 2))
    return float((0.08 * np.asarray(demands).sum(axis=1) + trading).min())


def test_a_convex_rule_reaches_its_own_bound():
    answer = optimize_first_order(grid_rule, problem(), positions(), relaxed(), key=KEY, **QUICK)
    assert answer.covered and 0.0 <= answer.gap <= 1e-7
    expected = cheapest_on_a_grid(grid_rule, np.array([3.0, -2.0]))
    assert answer.cost <= expected * (1.0 + 1e-9)


@pytest.mark.parametrize("quantity", [(3.0, -2.0), (-1.5, 4.0), (2.0, 2.0)])
def test_a_rule_that_is_not_convex_is_met_at_the_best_of_a_fine_grid(quantity):
    moved = positions(*quantity, cost=0.01)
    start = relaxed(moved)
    answer = optimize_first_order(fee_rule, problem(), moved, start, key=KEY, **QUICK)
    expected = cheapest_on_a_grid(fee_rule, np.array(quantity), 0.01)
    assert answer.covered and answer.cost <= expected * (1.0 + 1e-9)
    assert answer.bound <= answer.cost
    assert answer.gap == pytest.approx((answer.cost - answer.bound) / answer.cost)
    assert answer.trading_cost == pytest.approx(0.01 * np.abs(quantity).sum(), rel=1e-9)
    # covered by the exact rule, written anew
    value = answer.allocation.posted @ np.array([[1.0, 0.0], [0.0, 1.0], [0.5, 0.0], [0.0, 0.5]])
    gross = np.abs(answer.quantity)
    need = np.maximum((LOSSES - answer.quantity.T @ UNITS).max(axis=1), 0.0)
    need += 3.0 * (gross / (0.5 + gross)).sum(axis=0)
    assert np.all(value >= need)
    np.testing.assert_allclose(answer.quantity.sum(axis=1), quantity, rtol=1e-9)


def test_it_is_never_worse_than_the_convex_solution_under_the_exact_rule():
    start = relaxed()
    once = optimize_first_order(fee_rule, problem(), positions(), start, key=KEY, **QUICK)
    need = np.asarray(fee_rule(jnp.asarray(start.quantity), jnp.zeros(4)))
    assert once.cost <= 0.08 * need.sum() * (1.0 + 1e-9)


def test_a_margin_that_depends_on_what_is_posted_is_covered_too():
    answer = optimize_first_order(coin_rule, problem(), positions(), relaxed(), key=KEY, **QUICK)
    assert answer.covered
    posted = answer.allocation.posted
    value = np.array([posted[0] + 0.5 * posted[2], posted[1] + 0.5 * posted[3]])
    need = np.maximum((LOSSES - answer.quantity.T @ UNITS).max(axis=1), 0.0) + 0.25 * posted[2:]
    assert posted[2:].sum() > 1.0 and np.all(value >= need)


def test_what_cannot_be_covered_is_never_called_covered():
    poor = problem(1.0, 1.0)
    answer = optimize_first_order(
        fee_rule, poor, positions(), relaxed(allocation=poor), key=KEY, **QUICK
    )
    assert not answer.covered and answer.gap == np.inf
    assert answer.allocation.shortfall.sum() > 1.0


def test_limits_hold_at_the_answer():
    capped = replace(
        problem(), limits=(Limit("coin", np.array([False, True]), 0.6, basis="posted"),)
    )
    answer = optimize_first_order(
        fee_rule, capped, positions(), relaxed(allocation=capped), key=KEY, **QUICK
    )
    posted = answer.allocation.posted
    assert answer.covered
    assert np.all(0.5 * posted[2:] <= 0.6 * (posted[:2] + 0.5 * posted[2:]) + 1e-9)


def test_the_same_key_gives_the_same_answer():
    start = relaxed()
    first, again = (
        optimize_first_order(fee_rule, problem(), positions(), start, key=KEY, **QUICK)
        for _ in range(2)
    )
    np.testing.assert_array_equal(first.quantity, again.quantity)
    assert first.cost == again.cost


def test_a_relaxation_of_another_rule_is_refused():
    def half(quantity, posted):
        return 0.5 * grid_rule(quantity, posted)

    with pytest.raises(InvalidInputError, match="relaxation is no relaxation of margin"):
        optimize_first_order(half, problem(), positions(), relaxed(), key=KEY, **QUICK)


@pytest.mark.parametrize(
    ("rule", "settings", "message"),
    [
        (lambda q, x: jnp.full(2, jnp.nan), {}, "margin must be finite and not negative"),
        (lambda q, x: -jnp.ones(2), {}, "margin must be finite and not negative"),
        (lambda q, x: jnp.ones(3), {}, "one for each of 2 venues"),
        (grid_rule, {"starts": 0}, "starts must be at least 1"),
        (grid_rule, {"rounds": 0}, "rounds must be at least 1"),
        (grid_rule, {"learning_rate": 0.0}, "learning_rate must be above 0"),
    ],
)
def test_bad_margins_and_settings_are_named(rule, settings, message):
    with pytest.raises(InvalidInputError, match=message):
        optimize_first_order(rule, problem(), positions(), relaxed(), key=KEY, **settings)
