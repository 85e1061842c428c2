"""Placement of positions by hand, and against a program with a variable for every scenario."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.optimize import linprog

from jaxmargin.errors import InvalidInputError
from jaxmargin.optimize import (
    MovablePositions,
    TailRule,
    build_problem,
    optimize_joint,
    optimize_placement,
)
from jaxmargin.risk import ExpectedShortfall, WorstCase

VENUES, ASSETS, POSITIONS, SCENARIOS, LEVEL, TAIL = 3, 4, 5, 120, 0.9, 12


def cash(available=100.0):
    """Two venues without requirements; cash costs 10 %."""
    return build_problem(
        np.array([available]),
        np.zeros(2),
        np.zeros((1, 2)),
        np.full((1, 2), 0.1),
        np.ones((1, 2), bool),
    )


def up_or_down():
    """The first venue loses 10 if the market rises and gains 10 if it falls; the hedge gains 1."""
    return TailRule(
        np.array([[10.0, -10.0], [0.0, 0.0]]),
        np.ones((1, 2)),
        np.ones(2),
        WorstCase(),
        units=np.array([[1.0, -1.0]]),
    )


def hedge(quantity=4.0, held=(0.0, 0.0), cost=(0.0, 0.0), eligible=(True, True)):
    """One position."""
    return MovablePositions(
        np.array([quantity]), np.array([held]), np.array([cost]), np.array([eligible])
    )


def test_a_hedge_belongs_where_the_risk_is():
    # There it leaves 6 to cover; at the other venue 10 and 4. One more takes one more off.
    answer = optimize_placement(cash(), up_or_down(), hedge())
    np.testing.assert_allclose(answer.quantity, [[4.0, 0.0]], atol=1e-8)
    assert answer.cost == pytest.approx(0.6, rel=1e-8)
    np.testing.assert_allclose(answer.position_price, [-0.1], rtol=1e-9)
    # the opposite position doubles the risk there, and adds as much at the other venue
    other = optimize_placement(cash(), up_or_down(), hedge(-4.0))
    assert other.cost == pytest.approx(1.4, rel=1e-8)
    np.testing.assert_allclose(other.position_price, [0.1], rtol=1e-9)


def test_a_hedge_moves_only_if_that_pays():
    # At the other venue: 14 to cover. A unit that moves saves 2 of collateral, 0.2.
    cheap = hedge(held=(0.0, 4.0), cost=(0.05, 0.02))
    moved = optimize_placement(cash(), up_or_down(), cheap)
    np.testing.assert_allclose(moved.quantity, [[4.0, 0.0]], atol=1e-8)
    assert moved.trading_cost == pytest.approx(0.28, rel=1e-8)
    assert moved.cost == pytest.approx(0.6 + 0.28, rel=1e-8)
    assert moved.joint.allocation.certificate.bound == pytest.approx(moved.cost, rel=1e-8)
    dear = hedge(held=(0.0, 4.0), cost=(0.15, 0.1))
    stays = optimize_placement(cash(), up_or_down(), dear)
    np.testing.assert_allclose(stays.quantity, [[0.0, 4.0]], atol=1e-8)
    assert stays.cost == pytest.approx(1.4, rel=1e-8) and stays.trading_cost == 0.0


def test_where_it_may_not_stay_it_moves_at_its_cost():
    banned = hedge(held=(0.0, 4.0), cost=(0.15, 0.1), eligible=(True, False))
    answer = optimize_placement(cash(), up_or_down(), banned)
    np.testing.assert_allclose(answer.quantity, [[4.0, 0.0]], atol=1e-8)
    assert answer.trading_cost == pytest.approx(1.0, rel=1e-8)
    assert answer.cost == pytest.approx(1.6, rel=1e-8)
    assert answer.joint.allocation.certificate.bound == pytest.approx(1.6, rel=1e-8)


def test_too_little_collateral_places_the_hedge_where_least_is_missing():
    answer = optimize_placement(cash(5.0), up_or_down(), hedge())
    np.testing.assert_allclose(answer.quantity, [[4.0, 0.0]], atol=1e-6)
    np.testing.assert_allclose(answer.joint.shortfall, [1.0, 0.0], atol=1e-6)
    assert not answer.joint.covered


def random_case(seed):
    """A problem, a rule and positions of both directions, some of them held."""
    random = np.random.default_rng(seed)
    market = random.normal(size=(2, SCENARIOS))
    delta = random.normal(size=(POSITIONS, 2))
    units = delta @ market + 0.3 * random.normal(size=(POSITIONS, SCENARIOS))
    losses = random.normal(size=(VENUES, 2)) @ market * 5.0
    growth = np.exp(0.08 * random.normal(size=(ASSETS, 2)) @ market)
    quantity = random.normal(size=POSITIONS) * 3.0
    held = random.uniform(0.0, 0.4, (POSITIONS, VENUES)) * quantity[:, None]
    problem = build_problem(
        np.full(ASSETS, 30.0),
        np.full(VENUES, 1.0),
        random.uniform(0.0, 0.2, (ASSETS, VENUES)),
        random.uniform(0.01, 0.03, (ASSETS, VENUES)),
        np.ones((ASSETS, VENUES), bool),
    )
    rule = TailRule(losses, growth, np.ones(SCENARIOS), ExpectedShortfall(LEVEL), units=units)
    cost = random.uniform(0.0, 0.01, (POSITIONS, VENUES))
    eligible = random.random((POSITIONS, VENUES)) < 0.8
    eligible[:, 0] = True
    return problem, rule, MovablePositions(quantity, held, cost, eligible)


def written_out(problem, rule, positions, quantity=None):
    """Cost with variables for postings, positions, moves, thresholds and excesses."""
    lines, cells, excesses = problem.asset.size, POSITIONS * VENUES, VENUES * SCENARIOS
    quantity = positions.quantity if quantity is None else quantity
    starts = np.cumsum([0, lines, cells, cells, VENUES, excesses])
    columns = starts[-1]
    matrix, bound, equal, total = [], [], [], []
    for venue in range(VENUES):
        row = np.zeros(columns)
        row[:lines] = np.where(problem.venue == venue, -problem.worth, 0.0)
        matrix.append(row)
        bound.append(-problem.requirement[venue])
    for asset in range(ASSETS):
        row = np.zeros(columns)
        row[:lines] = problem.asset == asset
        matrix.append(row)
        bound.append(problem.available[asset])
    for position in range(POSITIONS):
        row = np.zeros(columns)
        row[lines + position * VENUES : lines + (position + 1) * VENUES] = 1.0
        equal.append(row)
        total.append(quantity[position])
        for venue in range(VENUES):
            cell = position * VENUES + venue
            for sign in (1.0, -1.0):  # a move is at least the change in either direction
                row = np.zeros(columns)
                row[lines + cell] = sign
                row[starts[2] + cell] = -1.0
                matrix.append(row)
                bound.append(sign * positions.held[position, venue])
    for venue in range(VENUES):
        average = np.zeros(columns)
        average[starts[3] + venue] = 1.0
        for scenario in range(SCENARIOS):
            row = np.zeros(columns)
            row[:lines] = np.where(
                problem.venue == venue, -rule.growth[problem.asset, scenario], 0.0
            )
            row[lines + venue : lines + cells : VENUES] = -rule.units[:, scenario]
            row[starts[3] + venue] = -1.0
            row[starts[4] + venue * SCENARIOS + scenario] = -1.0
            matrix.append(row)
            bound.append(-rule.losses[venue, scenario])
            average[starts[4] + venue * SCENARIOS + scenario] = 1.0 / TAIL
        matrix.append(average)
        bound.append(0.0)
    box = [(0.0, None)] * lines
    for position in range(POSITIONS):
        for venue in range(VENUES):
            reach = quantity[position] if positions.eligible[position, venue] else 0.0
            box.append((min(reach, 0.0), max(reach, 0.0)))
    box += [(0.0, None)] * cells + [(None, None)] * VENUES + [(0.0, None)] * excesses
    cost = np.concatenate(
        [problem.cost, np.zeros(cells), positions.cost.ravel(), np.zeros(VENUES + excesses)]
    )
    result = linprog(cost, np.array(matrix), bound, np.array(equal), total, box)
    assert result.status == 0
    return result.fun


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_cost_equals_the_program_with_a_variable_for_every_scenario(seed):
    problem, rule, positions = random_case(seed)
    expected = written_out(problem, rule, positions)
    answer = optimize_placement(problem, rule, positions)
    assert answer.joint.covered and answer.joint.converged
    assert answer.cost == pytest.approx(expected, rel=1e-7)
    assert 0.0 <= answer.cost - answer.joint.allocation.certificate.bound <= 2e-9 * answer.cost
    # what is placed adds up, keeps its direction and its venues, and is covered
    np.testing.assert_allclose(answer.quantity.sum(axis=1), positions.quantity, rtol=1e-9)
    assert np.all(answer.quantity * np.sign(positions.quantity)[:, None] >= -1e-9)
    assert np.all(np.abs(answer.quantity[~positions.eligible]) < 1e-9)
    posted = np.zeros((VENUES, ASSETS))
    posted[problem.venue, problem.asset] = answer.joint.allocation.posted
    left = rule.losses - answer.quantity.T @ rule.units - posted @ rule.growth
    assert np.all(np.sort(left)[:, -TAIL:].mean(axis=1) <= 0.0)


def test_position_prices_lie_between_the_slopes_of_the_cost():
    problem, rule, positions = random_case(2)
    answer = optimize_placement(problem, rule, positions, gap=1e-12)
    base, step = written_out(problem, rule, positions), 1e-3
    for position in range(POSITIONS):
        change = np.zeros(POSITIONS)
        change[position] = step * np.sign(positions.quantity[position])
        right = (written_out(problem, rule, positions, positions.quantity + change) - base) / step
        left = (base - written_out(problem, rule, positions, positions.quantity - change)) / step
        assert left - 1e-5 <= answer.position_price[position] <= right + 1e-5


def test_positions_that_may_not_move_are_losses():
    problem, rule, positions = random_case(3)
    home = np.zeros((POSITIONS, VENUES), bool)
    home[np.arange(POSITIONS), np.arange(POSITIONS) % VENUES] = True
    placed = np.where(home, positions.quantity[:, None], 0.0)
    answer = optimize_placement(
        problem, rule, replace(positions, eligible=home, held=placed, cost=np.zeros(home.shape))
    )
    plain = optimize_joint(problem, replace(rule, losses=rule.losses - placed.T @ rule.units))
    np.testing.assert_allclose(answer.quantity, placed, atol=1e-8)
    assert answer.cost == pytest.approx(plain.allocation.cost, rel=2e-9)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"quantity": np.array([np.nan])}, r"quantity must be finite; 1 of 1 .* \[0\]: nan"),
        ({"cost": np.array([[0.1, -0.1]])}, r"cost must not be negative; .* \[0, 1\]: -0.1"),
        ({"held": np.array([[-1.0, 0.0]])}, "held must have the sign of quantity.*two positions"),
        ({"held": np.zeros((2, 2))}, "held must have a row for each of 1 positions"),
        ({"eligible": np.ones((1, 2))}, "eligible must be true or false"),
        ({"eligible": np.zeros((1, 2), bool)}, "quantity must be zero where no venue is eligible"),
        ({"cost": np.zeros((1, 3))}, r"cost must have the shape of held"),
    ],
)
def test_bad_positions_are_named(changes, message):
    with pytest.raises(InvalidInputError, match=message):
        replace(hedge(), **changes)


def test_units_and_venues_must_fit():
    with pytest.raises(InvalidInputError, match=r"rules\[0\].units must have a row for each of 1"):
        optimize_placement(cash(), replace(up_or_down(), units=np.zeros((2, 2))), hedge())
    three = MovablePositions(np.ones(1), np.zeros((1, 3)), np.zeros((1, 3)), np.ones((1, 3), bool))
    with pytest.raises(InvalidInputError, match="held must have a column for each of 2 venues"):
        optimize_placement(cash(), up_or_down(), three)
