"""Tail cuts against the linear program with a variable for every scenario, written out plainly."""

from dataclasses import replace

import numpy as np
import pytest
from allocation_problems import ASSETS, CLASSES, LEVEL, SCENARIOS, TAIL, VENUES, rule, small
from scipy.optimize import linprog

from jaxmargin.optimize import Limit, build_problem, optimize_joint
from jaxmargin.risk import ExpectedShortfall, WorstCase


def gains(problem, growth, liquidation_cost):
    """[venue, scenario, line] what a unit of each line brings."""
    table = (1.0 - liquidation_cost)[:, None] * growth[problem.asset]
    return np.stack([np.where(problem.venue == v, table.T, 0.0) for v in range(VENUES)])


def base_rows(problem):
    """Requirements, inventory and class limits on what is posted, as dense rows."""
    matrix, bound = [], []
    for venue in range(VENUES):
        matrix.append(np.where(problem.venue == venue, -problem.worth, 0.0))
        bound.append(-problem.requirement[venue])
    for asset in range(ASSETS):
        matrix.append((problem.asset == asset) * 1.0)
        bound.append(problem.available[asset])
    for limit in problem.limits:
        for venue in range(VENUES):
            for group in range(limit.group.max() + 1):
                member = (limit.group[problem.asset] == group) - limit.most
                matrix.append(np.where(problem.venue == venue, member * problem.worth, 0.0))
                bound.append(0.0)
    return np.array(matrix), np.array(bound)


def rockafellar_uryasev(problem, losses, growth, liquidation_cost, weight=None, tolerance=0.0):
    """Cost with an excess variable for each venue and scenario; None if nothing covers."""
    lines, excesses = problem.asset.size, VENUES * SCENARIOS
    weight = np.ones(SCENARIOS) if weight is None else weight
    matrix, bound = base_rows(problem)
    rows = [np.hstack([matrix, np.zeros((len(bound), VENUES + excesses))])]
    right = [bound]
    brings = gains(problem, growth, liquidation_cost)
    for venue in range(VENUES):
        # loss - gain - threshold - excess <= 0, and threshold + mean excess / tail <= tolerance
        block = np.zeros((SCENARIOS + 1, lines + VENUES + excesses))
        at = lines + VENUES + venue * SCENARIOS
        block[:-1, :lines] = -brings[venue]
        block[:-1, lines + venue] = -1.0
        block[:-1, at : at + SCENARIOS] = -np.eye(SCENARIOS)
        block[-1, lines + venue] = 1.0
        block[-1, at : at + SCENARIOS] = weight / weight.sum() / (1.0 - LEVEL)
        rows.append(block)
        right.append(np.append(-losses[venue], tolerance))
    free = (-np.inf, np.inf)
    result = linprog(
        np.concatenate([problem.cost, np.zeros(VENUES + excesses)]),
        A_ub=np.vstack(rows),
        b_ub=np.concatenate(right),
        bounds=[(0, m) for m in problem.most] + [free] * VENUES + [(0, None)] * excesses,
        method="highs",
    )
    return result.fun if result.status == 0 else None


def shortfall_of(problem, losses, growth, liquidation_cost, posted):
    """Mean of the worst losses of each venue after collateral, by sorting."""
    left = losses - gains(problem, growth, liquidation_cost) @ posted
    return np.sort(left)[:, -TAIL:].mean(axis=1)


@pytest.mark.parametrize("dependence", [0.0, 0.95, -0.95])
@pytest.mark.parametrize("seed", [5, 6])
def test_cost_equals_the_program_with_a_variable_for_every_scenario(seed, dependence):
    limits = (Limit("class", CLASSES, 0.7, basis="posted"),)
    problem, losses, growth, liquidation = small(seed, dependence, limits=limits)
    expected = rockafellar_uryasev(problem, losses, growth, liquidation)
    joint = optimize_joint(problem, rule(losses, growth), liquidation_cost=liquidation)
    answer = joint.allocation
    assert answer.cost == pytest.approx(expected, rel=1e-7)
    assert joint.covered and joint.converged
    assert 0.0 <= answer.cost - answer.certificate.bound <= 1e-9 * answer.cost
    assert answer.certificate.primal_residual < 1e-9 and answer.certificate.gap <= 1e-9
    # never less than covered, whoever adds up the scenarios
    after = shortfall_of(problem, losses, growth, liquidation, answer.posted)
    assert np.all(after <= 0.0)
    np.testing.assert_allclose(joint.risk, after, atol=1e-12)
    matrix, bound = base_rows(problem)
    assert np.all(matrix @ answer.posted <= bound + 1e-9)


def test_weights_and_tolerance_equal_the_program_with_a_variable_for_every_scenario():
    problem, losses, growth, liquidation = small(7)
    weight = np.random.default_rng(0).uniform(0.5, 2.0, SCENARIOS)
    weighted = replace(rule(losses, growth), weight=weight, tolerance=np.full(1, 2.0))
    joint = optimize_joint(problem, weighted, liquidation_cost=liquidation)
    expected = rockafellar_uryasev(problem, losses, growth, liquidation, weight, 2.0)
    assert joint.allocation.cost == pytest.approx(expected, rel=1e-7)
    assert np.all(joint.risk <= 2.0)


def test_the_worst_of_a_grid_equals_a_row_for_every_scenario():
    problem, losses, growth, liquidation = small(8)
    losses, growth = losses[:, :16], growth[:, :16]
    brings = gains(problem, growth, liquidation)
    matrix, bound = base_rows(problem)
    result = linprog(
        problem.cost,
        A_ub=np.vstack([matrix, *(-brings[v] for v in range(VENUES))]),
        b_ub=np.concatenate([bound, *(-losses[v] for v in range(VENUES))]),
    )
    joint = optimize_joint(problem, rule(losses, growth, WorstCase()), liquidation_cost=liquidation)
    assert joint.allocation.cost == pytest.approx(result.fun, rel=1e-7)
    assert np.all(losses - brings @ joint.allocation.posted <= 0.0)


def test_several_rules_hold_together_and_name_their_venues():
    problem, losses, growth, liquidation = small(8)
    grid = rule(3.0 * losses[1:2, :16], growth[:, :16], WorstCase(), venue=np.array([1]))
    shortfall = rule(losses, growth)
    both = optimize_joint(problem, (shortfall, grid), liquidation_cost=liquidation)
    assert np.all(both.risk <= 0.0) and both.tail_price.shape == (VENUES + 1,)
    brings = gains(problem, growth[:, :16], liquidation)[1]
    assert np.all(3.0 * losses[1, :16] - brings @ both.allocation.posted <= 0.0)
    alone = optimize_joint(problem, shortfall, liquidation_cost=liquidation)
    assert both.allocation.cost > alone.allocation.cost


def test_cash_and_a_coin_by_hand():
    # One venue loses 10, 0, 0, 0; the coin is worth 0.5 on that day and 1 else; the measure is the
    # mean of the worst two. Cash x and coin y: the worst day leaves 10 - x - y / 2, the next
    # -x - y. Their sum is not positive if 2 x + 1.5 y >= 10: 5 cash for 0.5, or 6.67 coin for 0.6.
    problem = build_problem(
        np.array([100.0, 100.0]),
        np.zeros(1),
        np.zeros((2, 1)),
        np.array([[0.1], [0.09]]),
        np.ones((2, 1), bool),
    )
    losses = np.array([[10.0, 0.0, 0.0, 0.0]])
    growth = np.array([[1.0, 1.0, 1.0, 1.0], [0.5, 1.0, 1.0, 1.0]])
    halves = rule(losses, growth, ExpectedShortfall(0.5))
    joint = optimize_joint(problem, halves)
    np.testing.assert_allclose(joint.allocation.posted, [5.0, 0.0], rtol=1e-8, atol=1e-12)
    assert joint.tail_price[0] == pytest.approx(0.1)  # one more of cash for one more of loss
    cheap = optimize_joint(replace(problem, cost=np.array([0.1, 0.05])), halves)
    np.testing.assert_allclose(cheap.allocation.posted, [0.0, 20.0 / 3.0], rtol=1e-8, atol=1e-12)


def test_wrong_way_collateral_costs_more_than_right_way():
    problem, losses, growth, liquidation = small(5, 0.95)
    wrong = optimize_joint(problem, rule(losses, growth), liquidation_cost=liquidation)
    order = np.random.default_rng(1).permutation(SCENARIOS)
    apart = optimize_joint(problem, rule(losses, growth[:, order]), liquidation_cost=liquidation)
    _, _, right_growth, _ = small(5, -0.95)
    right = optimize_joint(problem, rule(losses, right_growth), liquidation_cost=liquidation)
    assert wrong.allocation.cost > 1.01 * apart.allocation.cost
    assert apart.allocation.cost > 1.01 * right.allocation.cost


def test_prices_lie_between_the_slopes_of_the_cost():
    problem, losses, growth, liquidation = small(6, 0.5)
    joint = optimize_joint(problem, rule(losses, growth), liquidation_cost=liquidation, gap=1e-12)
    step = 1e-3
    for venue in range(VENUES):
        cost = {}
        for sign in (-1, 1):
            moved = losses.copy()
            moved[venue] += sign * step
            cost[sign] = rockafellar_uryasev(problem, moved, growth, liquidation)
        base = rockafellar_uryasev(problem, losses, growth, liquidation)
        left, right = (base - cost[-1]) / step, (cost[1] - base) / step
        assert left - 1e-5 <= joint.tail_price[venue] <= right + 1e-5
    assert joint.tail_price.max() > 1e-3


def test_without_losses_it_is_the_linear_allocation():
    from jaxmargin.optimize import optimize_allocation

    problem, losses, growth, _ = small(9, requirement=1.0)
    joint = optimize_joint(problem, rule(np.zeros_like(losses), growth))
    plain = optimize_allocation(problem)
    assert joint.allocation.cost == pytest.approx(plain.cost, rel=1e-9)
    np.testing.assert_allclose(joint.allocation.margin_price, plain.margin_price, rtol=1e-9)
    assert not joint.tail_price.any()


def test_a_venue_that_cannot_be_covered_is_short_by_the_cash_that_would_cure_it():
    # 4 cash for a loss of 10 in one of four days: the mean of the worst two is 10/2 - 4.
    problem = build_problem(
        np.array([4.0, 50.0]),
        np.array([0.0, 30.0]),
        np.zeros((2, 2)),
        np.array([[0.1, 0.1], [0.2, 0.2]]),
        np.array([[True, False], [False, True]]),
    )
    losses = np.array([[10.0, 0.0, 0.0, 0.0], [0.0, 0.0, 0.0, 8.0]])
    joint = optimize_joint(problem, rule(losses, np.ones((2, 4)), ExpectedShortfall(0.5)))
    assert not joint.covered and joint.converged
    np.testing.assert_allclose(joint.shortfall, [1.0, 0.0], atol=1e-6)
    np.testing.assert_allclose(joint.allocation.posted, [4.0, 30.0], atol=1e-6)
    np.testing.assert_allclose(joint.risk, [1.0, -26.0], atol=1e-6)
    assert joint.allocation.cost == pytest.approx(6.4, abs=1e-6)


def test_collateral_that_just_suffices_is_all_posted():
    problem = build_problem(
        np.array([10.0]), np.zeros(1), np.zeros((1, 1)), np.full((1, 1), 0.1), np.ones((1, 1), bool)
    )
    joint = optimize_joint(problem, rule(np.array([[10.0, 0.0]]), np.ones((1, 2)), WorstCase()))
    assert joint.shortfall[0] <= 1e-7
    np.testing.assert_allclose(joint.allocation.posted, [10.0], rtol=1e-8)


def test_the_total_shortfall_is_the_smallest():
    problem, losses, growth, liquidation = small(5, tightness=1.3)
    assert rockafellar_uryasev(problem, losses, growth, liquidation) is None
    joint = optimize_joint(problem, rule(losses, growth), liquidation_cost=liquidation)
    assert not joint.covered
    total, largest = joint.shortfall.sum(), losses.max()
    # with as much more tolerance it can be covered, with less it cannot: whatever is posted, the
    # tails of the venues add up to at least the smallest total
    after = shortfall_of(problem, losses, growth, liquidation, joint.allocation.posted)
    np.testing.assert_allclose(joint.shortfall, np.maximum(after, 0.0), atol=1e-7 * largest)
    eased = losses - joint.shortfall[:, None] * (1.0 + 1e-6)
    cost = rockafellar_uryasev(problem, eased, growth, liquidation)
    assert cost == pytest.approx(joint.allocation.cost, rel=1e-4)
    for venue in range(VENUES):
        if joint.shortfall[venue] > 0.01 * total:
            less = eased.copy()
            less[venue] += 1e-3 * total
            assert rockafellar_uryasev(problem, less, growth, liquidation) is None


def test_too_few_rounds_are_said():
    problem, losses, growth, liquidation = small(5, 0.5)
    joint = optimize_joint(
        problem, rule(losses, growth), liquidation_cost=liquidation, most_rounds=1
    )
    assert not joint.converged and not joint.covered
    after = shortfall_of(problem, losses, growth, liquidation, joint.allocation.posted)
    np.testing.assert_allclose(joint.shortfall, np.maximum(after, 0.0), atol=1e-12)
