"""Whole lots and rules on movements against enumeration of every possibility."""

import itertools
from dataclasses import replace

import numpy as np
import pytest

from jaxmargin.errors import InvalidInputError
from jaxmargin.optimize import (
    AllocationProblem,
    Limit,
    build_problem,
    greedy_allocation,
    measure_postings,
    optimize_allocation,
    optimize_lots,
    round_allocation,
)


def small_problem(seed, **changes):
    """3 assets of at most 4 lots, 2 venues: few enough to try them all."""
    random = np.random.default_rng(seed)
    lot = random.uniform(8.0, 15.0, 3)
    settings = {
        "available": lot * random.uniform(2.0, 4.9, 3),
        "requirement": random.uniform(15.0, 30.0, 2),
        "haircut": random.uniform(0.0, 0.3, (3, 2)),
        "cost": random.uniform(0.01, 0.05, (3, 2)),
        "eligible": np.ones((3, 2), bool),
        "lot_value": lot,
        "limits": (Limit("first", np.array([True, False, False]), 0.6),),
    }
    return build_problem(**(settings | changes))


def tried_all(problem, limit_share=0.6):
    """Smallest total shortfall and then cost, by enumeration of the lots on six lines."""
    lot = problem.lot_value[problem.asset]
    most = np.floor(problem.available / problem.lot_value + 1e-9).astype(int)[problem.asset]
    best = (np.inf, np.inf)
    for lots in itertools.product(*(range(m + 1) for m in most)):
        x = lot * np.array(lots)
        used = np.bincount(problem.asset, x, 3)
        value = np.bincount(problem.venue, problem.worth * x, 2)
        first = np.bincount(problem.venue, problem.worth * x * (problem.asset == 0), 2)
        moved = np.abs(x - problem.posted)
        moves = moved > 1e-9
        if (
            np.any(used > problem.available * (1 + 1e-12))
            or np.any(first > limit_share * problem.requirement * (1 + 1e-12))
            or np.any(moves & (moved < problem.least))
            or (problem.most_movements is not None and moves.sum() > problem.most_movements)
        ):
            continue
        lack = np.maximum(problem.requirement - value, 0.0)
        lack = lack[lack > 1e-12].sum()
        best = min(best, (round(lack, 9), problem.cost @ x + problem.ticket_cost @ moves))
    return best


@pytest.mark.parametrize("seed", range(6))
def test_lots_are_the_best_of_all_combinations(seed):
    problem = small_problem(seed)
    lack, cost = tried_all(problem)
    answer = optimize_lots(problem, gap=0.0)
    assert answer.status == "optimal" and answer.postings.broken == ()
    assert answer.postings.shortfall.sum() == pytest.approx(lack, abs=1e-8)
    assert answer.postings.cost == pytest.approx(cost, rel=1e-9)
    assert answer.bound <= answer.postings.cost and answer.gap < 1e-6


@pytest.mark.parametrize("seed", range(10))
def test_tickets_and_few_movements_are_the_best_of_all_combinations(seed):
    problem = small_problem(seed, ticket_cost=0.2, least=12.0, most_movements=4)
    before = np.where(np.arange(6) == 1, problem.lot_value[0], 0.0)
    problem = replace(problem, posted=before)
    lack, cost = tried_all(problem)
    answer = optimize_lots(problem, gap=0.0)
    assert answer.postings.broken == () and answer.postings.movements <= 4
    assert answer.postings.shortfall.sum() == pytest.approx(lack, abs=1e-8)
    assert answer.postings.cost == pytest.approx(cost, rel=1e-9)


def larger_problem(seed):
    """12 assets, 3 venues, caps on classes and on a share of what is posted, small lots."""
    random = np.random.default_rng(seed)
    available = random.lognormal(6.0, 0.7, 12)
    kind = np.arange(12) % 3
    return build_problem(
        available,
        random.dirichlet(np.full(3, 4.0)) * available.sum() * 0.3,
        random.uniform(0.0, 0.4, (12, 3)),
        random.uniform(0.001, 0.05, (12, 3)),
        random.random((12, 3)) < 0.9,
        limits=(Limit("class", kind, 0.5), Limit("two", kind < 2, 0.9, basis="posted")),
        lot_value=np.where(np.arange(12) < 9, available * random.uniform(0.01, 0.05, 12), 0.0),
    )


@pytest.mark.parametrize("seed", range(12))
def test_rounding_covers_every_requirement_and_keeps_every_rule(seed):
    problem = larger_problem(seed)
    linear = optimize_allocation(problem)
    assert not linear.shortfall.any()
    x = round_allocation(problem, linear).posted
    value = [np.sum(problem.worth[problem.venue == v] * x[problem.venue == v]) for v in range(3)]
    assert np.all(np.array(value) >= problem.requirement)
    assert np.all(np.bincount(problem.asset, x) <= problem.available * (1.0 + 1e-9))
    lots = (x / np.maximum(problem.lot_value, 1e-300)[problem.asset])[problem.asset < 9]
    np.testing.assert_allclose(lots, np.round(lots), atol=1e-9)
    for venue in range(3):
        here = (problem.venue == venue) * problem.worth * x
        kind = problem.asset % 3
        for group in range(3):
            assert here[kind == group].sum() <= 0.5 * problem.requirement[venue] * (1 + 1e-9)
        assert here[kind < 2].sum() <= 0.9 * here.sum() * (1.0 + 1e-9)
    assert problem.cost @ x >= linear.cost * (1.0 - 1e-9)


def test_rounding_by_hand():
    # Coin in lots of 30 (24 of value), 100 in all: three lots, 72 of 80. The rest is cash, exactly
    # 8 where it is divisible and two lots where it comes in fives.
    problem = build_problem(
        np.array([100.0, 100.0]),
        np.array([80.0]),
        np.array([[0.0], [0.2]]),
        np.array([[0.04], [0.01]]),
        np.ones((2, 1), bool),
        lot_value=np.array([0.0, 30.0]),
    )
    rounded = round_allocation(problem, optimize_allocation(problem))
    np.testing.assert_allclose(rounded.posted, [8.0, 90.0], rtol=1e-9)
    problem = replace(problem, lot_value=np.array([5.0, 30.0]))
    rounded = round_allocation(problem, optimize_allocation(problem))
    np.testing.assert_allclose(rounded.posted, [10.0, 90.0], rtol=1e-12)
    assert rounded.cost == pytest.approx(1.3, rel=1e-12) and rounded.broken == ()


def test_lots_that_cover_exactly_are_enough():
    # Five lots of 20 coins at 0.8 are 80 of 80; a sixth, or cash, would be waste.
    problem = build_problem(
        np.array([100.0, 200.0]),
        np.array([80.0, 80.0]),
        np.array([[0.0, 0.0], [0.2, 0.2]]),
        np.array([[0.04, 0.04], [0.01, 0.01]]),
        np.ones((2, 2), bool),
        lot_value=np.array([5.0, 20.0]),
    )
    for postings in (
        round_allocation(problem, optimize_allocation(problem)),
        optimize_lots(problem, gap=0.0).postings,
    ):
        np.testing.assert_allclose(postings.posted, [0.0, 0.0, 100.0, 100.0], rtol=1e-12)


def test_what_lots_cannot_cover_is_short():
    # Three lots of 30 at 0.8 are 72 of 75, though 100 coins would be 80.
    problem = build_problem(
        np.array([100.0]), np.array([75.0]), np.array([[0.2]]), np.array([[0.01]]),
        np.ones((1, 1), bool), lot_value=30.0,
    )  # fmt: skip
    rounded = round_allocation(problem, optimize_allocation(problem))
    np.testing.assert_allclose(rounded.shortfall, [3.0], rtol=1e-9)
    answer = optimize_lots(problem)
    np.testing.assert_allclose(answer.postings.shortfall, [3.0], rtol=1e-9)
    assert answer.postings.cost == pytest.approx(0.9) and answer.bound <= 0.9 + 1e-9


def divisible(**changes):
    """Cash at 4 %, coin at 1 %, both worth 1, one venue; 50 of cash lie there."""
    settings = {
        "available": np.array([100.0, 100.0]),
        "requirement": np.array([50.0]),
        "asset": np.array([0, 1]),
        "venue": np.array([0, 0]),
        "worth": np.ones(2),
        "cost": np.array([0.04, 0.01]),
        "posted": np.array([50.0, 0.0]),
    }
    return AllocationProblem(**(settings | changes))


def test_a_ticket_dearer_than_the_saving_leaves_cash_where_it_is():
    # Substitution saves 50 * 0.03 = 1.5 and takes two movements.
    stays = optimize_lots(divisible(ticket_cost=np.array([0.8]))).postings
    np.testing.assert_allclose(stays.posted, [50.0, 0.0], atol=1e-9)
    assert stays.movements == 0 and stays.cost == pytest.approx(2.0)
    goes = optimize_lots(divisible(ticket_cost=np.array([0.7]))).postings
    np.testing.assert_allclose(goes.posted, [0.0, 50.0], atol=1e-6)
    assert goes.movements == 2 and goes.cost == pytest.approx(0.5 + 1.4, rel=1e-6)


def test_one_movement_can_only_add():
    only = optimize_lots(divisible(requirement=np.array([60.0]), most_movements=1)).postings
    np.testing.assert_allclose(only.posted, [50.0, 10.0], atol=1e-6)
    none = optimize_lots(divisible(requirement=np.array([60.0]), most_movements=0)).postings
    np.testing.assert_allclose(none.shortfall, [10.0], atol=1e-6)


def test_a_smallest_transfer_is_kept():
    # 10 more are needed: by 25 of coin at least, against which 25 of cash may leave.
    answer = optimize_lots(divisible(requirement=np.array([60.0]), least=np.array([25.0]))).postings
    np.testing.assert_allclose(answer.posted, [0.0, 60.0], atol=1e-6)
    dear = divisible(
        requirement=np.array([60.0]), least=np.array([25.0]), cost=np.array([0.01, 0.04])
    )
    np.testing.assert_allclose(optimize_lots(dear).postings.posted, [75.0, 0.0], atol=1e-6)


def test_shares_that_exclude_each_other_leave_nothing_posted():
    # Each of two groups may be 40 % of what is posted, and there is no third: only nothing fits.
    # Divisible assets and one in lots, so that taking back has no end but zero.
    limits = (Limit("share", np.array([0, 1]), 0.4, basis="posted"),)
    problem = divisible(posted=np.zeros(2), limits=limits, lot_value=np.array([7.0, 0.0]))
    linear = optimize_allocation(problem)
    np.testing.assert_allclose(linear.shortfall, [50.0], rtol=1e-12)
    rounded = round_allocation(problem, linear)
    assert rounded.broken == () and not rounded.posted.any()


def test_an_empty_inventory_ends_the_rounding():
    problem = divisible(available=np.array([0.0, 49.0]), posted=np.zeros(2))
    rounded = round_allocation(problem, optimize_allocation(problem))
    np.testing.assert_allclose(rounded.posted, [0.0, 49.0])
    assert rounded.broken == ()


def test_measured_rules_name_what_is_broken():
    problem = divisible(lot_value=np.array([20.0, 0.0]), most_movements=0)
    said = measure_postings(problem, np.array([110.0, 5.0])).broken
    assert len(said) == 3
    assert said[0] == "more of asset [0] is posted than available"
    assert any("5.5 lots" in one for one in said)
    assert any("movements are more than 0" in one for one in said)


def test_greedy_takes_the_cheapest_first_and_may_leave_a_venue_short():
    # The coin is cheapest at the first venue, which takes cash as well; the second takes coin only.
    problem = build_problem(
        np.array([100.0, 50.0]),
        np.array([50.0, 50.0]),
        np.zeros((2, 2)),
        np.array([[0.04, 0.04], [0.01, 0.02]]),
        np.array([[True, False], [True, True]]),
    )
    greedy = greedy_allocation(problem)
    np.testing.assert_allclose(greedy.posted, [0.0, 50.0, 0.0])
    np.testing.assert_allclose(greedy.shortfall, [0.0, 50.0])
    assert optimize_allocation(problem).cost == pytest.approx(50 * 0.04 + 50 * 0.02)


@pytest.mark.parametrize("seed", range(4))
def test_greedy_keeps_every_limit_and_is_never_cheaper(seed):
    problem = replace(larger_problem(seed), lot_value=np.array(0.0))
    greedy, linear = greedy_allocation(problem), optimize_allocation(problem)
    assert not [one for one in greedy.broken if "'two'" not in one]
    if not greedy.shortfall.any():
        assert greedy.broken == () and greedy.cost >= linear.cost * (1.0 - 1e-9)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"seconds": 0.0}, "seconds must be"),
        ({"gap": 5.0}, "0.1 % as 0.001"),
        ({"gap": -1.0}, "gap"),
    ],
)
def test_bad_settings_are_named(settings, message):
    with pytest.raises(InvalidInputError, match=message):
        optimize_lots(divisible(), **settings)
