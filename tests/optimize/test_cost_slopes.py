"""Derivatives of the optimal cost against re-solves, kinks included."""

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxmargin.errors import InvalidInputError
from jaxmargin.optimize import (
    Limit,
    build_problem,
    cost_sensitivities,
    cost_slopes,
    marginal_funding_cost,
    optimal_cost,
    optimize_allocation,
    optimize_many,
)


def random_problem(seed=0, assets=12, venues=3):
    """Caps on classes and single names bind, the latter by way of the bounds of lines."""
    random = np.random.default_rng(seed)
    available = random.lognormal(3.0, 0.7, assets)
    return build_problem(
        available,
        random.dirichlet(np.full(venues, 4.0)) * available.sum() * 0.35,
        random.uniform(0.0, 0.4, (assets, venues)),
        random.uniform(0.001, 0.05, (assets, venues)),
        random.random((assets, venues)) < 0.9,
        limits=(Limit("class", np.arange(assets) % 3, 0.5), Limit("name", np.arange(assets), 0.3)),
    )


def cost_of(problem, field, place, step):
    values = getattr(problem, field).copy()
    values[place] += step
    return optimize_allocation(replace(problem, **{field: values})).cost


def between_differences(problem, field, place, derivative, sign=1.0):
    """Whether it lies between the differences to the left and to the right."""
    step = 1e-5 * max(getattr(problem, field)[place], 1e-2)
    base = optimize_allocation(problem).cost
    left = sign * (base - cost_of(problem, field, place, -step)) / step
    right = sign * (cost_of(problem, field, place, step) - base) / step
    room = 1e-4 * abs(derivative) + 1e-7 * base / step * 1e-3 + 1e-9
    return min(left, right) - room <= derivative <= max(left, right) + room


@pytest.mark.parametrize("seed", range(2))
def test_sensitivities_lie_between_one_sided_differences(seed):
    problem = random_problem(seed)
    answer = optimize_allocation(problem)
    slope = cost_sensitivities(problem, answer)
    assert (answer.line_price > 0.0).any() and not answer.shortfall.any()
    for venue in range(3):
        assert between_differences(problem, "requirement", venue, slope.requirement[venue])
    for asset in range(12):
        assert between_differences(problem, "available", asset, slope.available[asset])
    for line in range(problem.asset.size):
        assert between_differences(problem, "worth", line, slope.haircut[line], sign=-1.0)
        assert between_differences(problem, "cost", line, slope.cost[line])


@pytest.mark.parametrize("seed", range(4))
def test_slopes_are_the_one_sided_differences(seed):
    problem = random_problem(seed)
    answer = optimize_allocation(problem)
    slopes = cost_slopes(problem, answer)
    for venue in range(3):
        step = 1e-5 * problem.requirement[venue]
        left = (answer.cost - cost_of(problem, "requirement", venue, -step)) / step
        right = (cost_of(problem, "requirement", venue, step) - answer.cost) / step
        np.testing.assert_allclose(slopes.left[venue], left, rtol=1e-6)
        np.testing.assert_allclose(slopes.right[venue], right, rtol=1e-6)


def kinked(requirement=80.0, cash=100.0):
    """100 coins worth 0.8 for 1 % cover 80 exactly; beyond, cash costs 4 %."""
    return build_problem(
        np.array([cash, 100.0]),
        np.array([requirement]),
        np.array([[0.0], [0.2]]),
        np.array([[0.04], [0.01]]),
        np.ones((2, 1), bool),
    )


def test_both_slopes_at_a_kink_by_hand():
    answer = optimize_allocation(kinked())
    slopes = cost_slopes(kinked(), answer)
    np.testing.assert_allclose(slopes.left, [0.0125], rtol=1e-12)
    np.testing.assert_allclose(slopes.right, [0.04], rtol=1e-12)
    assert slopes.left[0] <= answer.margin_price[0] <= slopes.right[0]


def test_where_no_more_can_be_covered_the_right_slope_is_infinite():
    problem = kinked(requirement=180.0)
    slopes = cost_slopes(problem, optimize_allocation(problem))
    np.testing.assert_allclose(slopes.left, [0.04], rtol=1e-12)
    assert slopes.right[0] == np.inf


def test_a_requirement_of_zero_has_no_left_side():
    problem = replace(kinked(), requirement=np.array([0.0]))
    slopes = cost_slopes(problem, optimize_allocation(problem))
    assert slopes.left[0] == -np.inf
    np.testing.assert_allclose(slopes.right, [0.0125], rtol=1e-12)


def test_a_limit_that_scales_with_the_requirement_adds_its_own_price():
    # Coin may be half of the call: one more of the call is half coin (0.00625), half cash (0.02).
    problem = replace(kinked(60.0), limits=(Limit("coin", np.array([False, True]), 0.5),))
    answer = optimize_allocation(problem)
    np.testing.assert_allclose(answer.margin_price, [0.02625], rtol=1e-12)
    slopes = cost_slopes(problem, answer)
    np.testing.assert_allclose([slopes.left, slopes.right], 0.02625, rtol=1e-12)


def test_slopes_of_a_short_allocation_are_refused():
    problem = kinked(requirement=200.0)
    with pytest.raises(InvalidInputError, match=r"venue \[0\] is short"):
        cost_slopes(problem, optimize_allocation(problem))


def test_gradient_through_a_margin_function_equals_bumps():
    problem = random_problem(1)
    positions = jnp.array([3.0, -2.0, 1.5, 4.0])
    exposure = jnp.asarray(np.random.default_rng(5).normal(size=(3, 4)))
    base = jnp.asarray(problem.requirement)

    def margin(q):
        return base * (1.0 + 0.001 * jnp.square(exposure @ q))

    def funding(q):
        return optimal_cost(margin(q), problem)

    gradient = jax.jit(jax.grad(funding))(positions)
    bumps = [
        (funding(positions.at[i].add(1e-4)) - funding(positions.at[i].add(-1e-4))) / 2e-4
        for i in range(4)
    ]
    np.testing.assert_allclose(gradient, np.array(bumps), rtol=1e-6)
    price = optimize_allocation(
        replace(problem, requirement=np.asarray(margin(positions)))
    ).margin_price
    chained = marginal_funding_cost(price, jax.jacobian(margin)(positions))
    np.testing.assert_allclose(gradient, chained, rtol=1e-12)


def test_cost_is_batched_and_keeps_single_precision():
    problem = random_problem(1)
    batch = jnp.asarray(problem.requirement * np.array([[0.9], [1.0], [1.02]]), jnp.float32)
    cost = jax.vmap(lambda r: optimal_cost(r, problem))(batch)
    assert cost.dtype == jnp.float32 and cost.shape == (3,)
    expected = [
        optimize_allocation(replace(problem, requirement=np.asarray(r, float))).cost for r in batch
    ]
    np.testing.assert_allclose(cost, expected, rtol=1e-6)


def test_cost_of_what_cannot_be_covered_is_infinite():
    value, slope = jax.value_and_grad(lambda r: optimal_cost(r, kinked()))(jnp.array([500.0]))
    assert value == jnp.inf and bool(jnp.isnan(slope[0]))
    with pytest.raises(InvalidInputError, match="requirement must have shape"):
        optimal_cost(jnp.ones(2), kinked())


@pytest.mark.parametrize(("equal_costs", "seed"), [(False, 0), (False, 1), (True, 2), (True, 3)])
def test_many_cases_equal_a_loop_of_solves(equal_costs, seed):
    problem = random_problem(seed)
    if equal_costs:  # many optimal allocations
        problem = replace(problem, cost=0.01 * (1 + problem.asset % 3), worth=np.array(0.9))
    random = np.random.default_rng(seed)
    cases = problem.requirement * (1.0 + 0.05 * random.uniform(-1.0, 1.0, (60, 3)))
    cases[0] *= 3.0  # cannot be covered
    answer = optimize_many(problem, cases)
    assert answer.solved < 60
    for number, case in enumerate(cases):
        alone = optimize_allocation(replace(problem, requirement=case))
        np.testing.assert_allclose(answer.cost[number], alone.cost, rtol=1e-9)
        np.testing.assert_allclose(answer.shortfall[number], alone.shortfall.sum(), atol=1e-9)
        if number > 0:
            next_to = optimize_allocation(replace(problem, requirement=cases[1]))
            bound = next_to.cost + next_to.margin_price @ (case - cases[1])
            assert answer.cost[number] >= bound - 1e-9  # convex: every price is a bound
    assert answer.shortfall[0] > 0.0


def test_a_bound_that_changes_its_source_ends_a_basis():
    # Cash may be 30 in money and half of the call: below a call of 60 the share is the lower.
    limits = (
        Limit("money", np.array([True, False]), 30.0, basis="absolute"),
        Limit("share", np.array([True, False]), 0.5),
    )
    problem = replace(kinked(), limits=limits, cost=np.array([0.001, 0.01]))
    cases = np.array([[50.0], [55.0], [70.0], [75.0]])
    answer = optimize_many(problem, cases)
    # By hand: cash min(30, call / 2) at 0.001, the rest coin at 0.0125.
    expected = [25 * 0.0135, 27.5 * 0.0135, 0.03 + 40 * 0.0125, 0.03 + 45 * 0.0125]
    np.testing.assert_allclose(answer.cost, expected, rtol=1e-12)
    assert answer.solved == 2


@pytest.mark.parametrize(
    ("cases", "message"),
    [
        (np.ones(1), r"shape \(cases, 1\)"),
        (np.array([[1.0], [-1.0]]), r"case and venue \[1, 0\]"),
        (np.array([[np.nan]]), "finite and not negative"),
    ],
)
def test_bad_cases_are_named(cases, message):
    with pytest.raises(InvalidInputError, match=message):
        optimize_many(kinked(), cases)
