"""The linear allocation against hand counts and a dense program written plainly."""

import numpy as np
import pytest
from allocation_problems import two_by_two
from scipy.optimize import linprog

from jaxmargin.optimize import (
    AllocationProblem,
    Limit,
    append_cuts,
    build_problem,
    optimize_allocation,
    rows_of,
    say_reason,
    solve_rows,
)

CLASSES = np.array([0, 0, 1, 1, 2, 2, 2, 3])


def random_tables(seed=3, assets=8, venues=4, tightness=0.3):
    """Tables of a small random problem."""
    random = np.random.default_rng(seed)
    available = random.lognormal(3.0, 0.7, assets)
    return {
        "available": available,
        "requirement": random.dirichlet(np.full(venues, 4.0)) * available.sum() * tightness,
        "haircut": random.uniform(0.0, 0.4, (assets, venues)),
        "cost": random.uniform(0.001, 0.05, (assets, venues)),
        "eligible": random.random((assets, venues)) < 0.8,
    }


def dense_program(tables, limits=()):
    """Cost of the optimum, every row written out by loops over assets and venues."""
    assets, venues = tables["haircut"].shape
    worth = 1.0 - tables["haircut"]
    matrix, bound = [], []

    def row(entries, right):
        line = np.zeros((assets, venues))
        for (asset, venue), value in entries.items():
            line[asset, venue] += value
        matrix.append(line.reshape(-1))
        bound.append(right)

    for venue in range(venues):
        row({(a, venue): -worth[a, venue] for a in range(assets)}, -tables["requirement"][venue])
    for asset in range(assets):
        row({(asset, v): 1.0 for v in range(venues)}, tables["available"][asset])
    for limit in limits:
        for group in range(limit.group.max() + 1):
            members = np.flatnonzero(limit.group == group)
            listed = range(venues) if limit.venues is None else limit.venues
            for pool in [list(listed)] if limit.pooled else [[v] for v in listed]:
                entries = {(a, v): worth[a, v] for a in members for v in pool}
                right = limit.most
                if limit.basis == "requirement":
                    right *= tables["requirement"][pool].sum()
                elif limit.basis == "posted":
                    right = 0.0
                    for a in range(assets):
                        for v in pool:
                            entries[a, v] = entries.get((a, v), 0.0) - limit.most * worth[a, v]
                row(entries, right)
    upper = np.where(tables["eligible"], np.inf, 0.0).reshape(-1)
    result = linprog(
        tables["cost"].reshape(-1),
        A_ub=np.array(matrix),
        b_ub=np.array(bound),
        bounds=np.stack([np.zeros(upper.size), upper], axis=1),
        method="highs-ipm",
    )
    return result.fun if result.status == 0 else None


def test_two_venues_by_hand():
    # Coin costs 0.0125 of value at the first venue and 0.02 at the second; cash 0.04 at both. Coin
    # covers all of the first (100 units) and 50 of value at the second with the other 100.
    answer = optimize_allocation(two_by_two())
    np.testing.assert_allclose(answer.posted, [0.0, 0.0, 100.0, 100.0], atol=1e-9)
    assert answer.cost == pytest.approx(2.0, rel=1e-12)
    assert not answer.shortfall.any() and answer.reasons == ()


def test_prices_by_hand_where_coin_runs_out():
    # 150 coins: 100 to the first venue and 50 (value 25) to the second; 25 of cash fill up. One
    # more unit of requirement is one cash, 0.04, at the second venue; at the first it takes 1.25
    # coins away from the second: 0.625 of value to be filled by cash for 0.025. One more coin
    # saves half a unit of cash for its own cost: 0.02 - 0.01.
    answer = optimize_allocation(two_by_two(available=np.array([100.0, 150.0])))
    np.testing.assert_allclose(answer.posted, [0.0, 25.0, 100.0, 50.0], atol=1e-9)
    np.testing.assert_allclose(answer.margin_price, [0.025, 0.04], rtol=1e-12)
    np.testing.assert_allclose(answer.asset_price, [0.0, 0.01], atol=1e-15)
    np.testing.assert_allclose(answer.reduced_cost, [0.015, 0.0, 0.0, 0.0], atol=1e-15)


@pytest.mark.parametrize(
    "limits",
    [
        (),
        (Limit("class", CLASSES, 0.6),),
        (Limit("class", CLASSES, 0.7, basis="posted"), Limit("name", np.arange(8), 0.5)),
        (Limit("issuer", CLASSES == 2, 20.0, basis="absolute", pooled=True),),
        (Limit("firm", CLASSES, 0.4, pooled=True), Limit("name", np.arange(8), 0.6, venues=(1, 2))),
        (Limit("pool", CLASSES == 0, 0.2, basis="posted", venues=(0, 3), pooled=True),),
    ],
)
@pytest.mark.parametrize("seed", [3, 4])
def test_cost_equals_a_dense_program_and_certifies_itself(limits, seed):
    tables = random_tables(seed)
    expected = dense_program(tables, limits)
    assert expected is not None
    answer = optimize_allocation(build_problem(**tables, limits=limits))
    assert answer.cost == pytest.approx(expected, rel=1e-7)
    certificate = answer.certificate
    assert max(certificate.primal_residual, certificate.dual_residual, certificate.gap) < 1e-9
    assert certificate.bound == pytest.approx(answer.cost, rel=1e-9)


def test_tiers_fill_the_best_first():
    # The first 30 are worth 0.9, the rest 0.5: 60 of value takes 30 and (60 - 27) / 0.5 = 66.
    tiers = AllocationProblem(
        available=np.array([100.0]),
        requirement=np.array([60.0]),
        asset=np.zeros(2, int),
        venue=np.zeros(2, int),
        worth=np.array([0.5, 0.9]),
        cost=np.array([0.01]),
        most=np.array([np.inf, 30.0]),
    )
    answer = optimize_allocation(tiers)
    np.testing.assert_allclose(answer.posted, [66.0, 30.0], rtol=1e-12)
    assert answer.margin_price[0] == pytest.approx(0.02, rel=1e-12)
    assert answer.line_price[1] == pytest.approx(0.9 * 0.02 - 0.01, rel=1e-9)


def test_money_and_costs_of_any_size_give_the_same_allocation():
    tables = random_tables()
    limits = (Limit("class", CLASSES, 0.6),)
    answer = optimize_allocation(build_problem(**tables, limits=limits))
    scaled = tables | {
        "available": tables["available"] * 1e9,
        "requirement": tables["requirement"] * 1e9,
        "cost": tables["cost"] * 1e-7,
    }
    other = optimize_allocation(build_problem(**scaled, limits=limits))
    np.testing.assert_allclose(other.posted, answer.posted * 1e9, rtol=1e-9, atol=1.0)
    np.testing.assert_allclose(other.margin_price, answer.margin_price * 1e-7, rtol=1e-9)


def test_shortfall_is_the_smallest_and_its_reason_the_inventory():
    # 10 cash and 20 coins reach 80 nowhere near: the first venue gets value 26, or the second 20.
    # Coin is worth more at the first, so all of it goes there; cash counts the same at both.
    problem = two_by_two(available=np.array([10.0, 20.0]))
    answer = optimize_allocation(problem)
    assert answer.shortfall.sum() == pytest.approx(130.0 - 26.0, rel=1e-12)
    assert answer.posted[2] == pytest.approx(20.0, rel=1e-12)
    first = [reason for reason in answer.reasons if reason.venue == 0]
    assert {(r.kind, r.asset) for r in first} == {
        ("eligibility", -1),
        ("inventory", 0),
        ("inventory", 1),
    }
    relief = {r.asset: r.relief for r in first if r.kind == "inventory"}
    assert relief == {0: pytest.approx(1.0), 1: pytest.approx(0.8)}
    assert answer.certificate.gap < 1e-9


def test_shortfall_names_the_limit_that_binds():
    # Single names may be 40 % of the call: two of them reach 80 % of each.
    problem = two_by_two(limits=(Limit("single name", np.arange(2), 0.4),))
    answer = optimize_allocation(problem)
    np.testing.assert_allclose(answer.shortfall, [16.0, 10.0], rtol=1e-9)
    assert {(r.kind, r.limit, r.asset) for r in answer.reasons} == {
        ("limit", 0, 0),
        ("limit", 0, 1),
    }
    said = say_reason(
        answer.reasons[0], problem, venues=["Deribit", "Derive"], assets=["USDC", "BTC"]
    )
    assert said.startswith("Deribit is short by 16.00: limit 'single name' binds for USDC")


def test_cheapest_among_the_smallest_shortfalls():
    # One venue, cap of 50 on both assets together: short by 30 whatever is posted, so coin, which
    # costs 0.0125 of value, covers all of the 50.
    limits = (Limit("all", np.ones(2, bool), 50.0, basis="absolute", venues=(0,)),)
    problem = two_by_two(requirement=np.array([80.0, 0.0]), limits=limits)
    answer = optimize_allocation(problem)
    np.testing.assert_allclose(answer.shortfall, [30.0, 0.0], rtol=1e-12)
    np.testing.assert_allclose(answer.posted, [0.0, 0.0, 62.5, 0.0], atol=1e-9)
    assert answer.margin_price[0] == pytest.approx(0.0, abs=1e-12)


def test_a_venue_without_lines_is_short_of_everything():
    eligible = np.array([[True, False], [True, False]])
    answer = optimize_allocation(two_by_two(eligible=eligible))
    np.testing.assert_allclose(answer.shortfall, [0.0, 50.0], atol=1e-9)
    assert [r.kind for r in answer.reasons] == ["eligibility"]
    nothing = optimize_allocation(two_by_two(eligible=np.zeros((2, 2), bool)))
    np.testing.assert_allclose(nothing.shortfall, [80.0, 50.0])


def test_a_cut_is_one_row_more():
    # Without it the first venue gets 100 coins; the cut asks for 40 of cash there.
    problem = two_by_two()
    rows = append_cuts(
        rows_of(problem), np.array([[1.0, 0.0, 0.0, 0.0]]), np.array([40.0]), np.array([0])
    )
    answer = solve_rows(rows, problem.cost)
    np.testing.assert_allclose(answer.posted, [40.0, 0.0, 50.0, 100.0], atol=1e-9)
    assert answer.row_price[-1] == pytest.approx(0.04 - 0.0125, rel=1e-9)
    too_much = append_cuts(rows, np.eye(4)[:1], np.array([130.0]), np.array([0]))
    assert solve_rows(too_much, problem.cost).shortfall[-1] == pytest.approx(30.0, rel=1e-9)


def test_no_requirement_costs_nothing():
    answer = optimize_allocation(two_by_two(requirement=np.zeros(2)))
    assert answer.cost == 0.0 and not answer.posted.any() and not answer.shortfall.any()
