"""How fast and how near to the optimum is collateral allocated, and what does that save?

Seeded problems from 10 assets x 5 venues to 3,000 x 100. The linear optimum carries its own
certificate, and its cost is compared with cvxpy and Clarabel where they are installed; the smallest
cannot be covered and is a test of diagnosis. Whole lots are searched for five seconds. What-ifs on
requirements are compared with a loop of solves. Seconds contain the assembly of rows.
Run: python benchmarks/allocation.py (with cvxpy and clarabel, if installed)
"""

import time
from dataclasses import replace

import numpy as np
from allocation_instances import SIZES, allocation_instance
from allocation_peers import solve_with_cvxpy
from harness import others_seconds, shown, time_in_turn, write_result

from jaxmargin.optimize import (
    greedy_allocation,
    optimize_allocation,
    optimize_lots,
    optimize_many,
    round_allocation,
)

SECONDS, CASES, CHECKED = 5.0, 2_000, 40
ROUNDS = {"S": 9, "M": 9, "L": 7, "XL": 3}
TOLERANCE = 1e-6  # of the cost, against the peer
MOVES = {
    "one_venue_1_percent": 0.01,
    "one_venue_5_percent": 0.05,
    "all_venues_1_percent": 0.01,
    "all_venues_10_percent": 0.1,
}


def linear(size):
    """Seconds, certificate, and the cost of peers."""
    problem = allocation_instance(size)
    answer = optimize_allocation(problem)
    proof = answer.certificate
    assert max(proof.primal_residual, proof.dual_residual, proof.gap) < 1e-9, proof
    greedy = greedy_allocation(problem)
    calls = {
        "jaxmargin": lambda: optimize_allocation(problem),
        "greedy": lambda: greedy_allocation(problem),
    }
    start, others = time.perf_counter(), others_seconds()
    seconds = time_in_turn(calls, rounds=ROUNDS[size])
    busy = (others_seconds() - others) / (time.perf_counter() - start)
    short = float(answer.shortfall.sum())
    found = {
        "size": size,
        "assets": problem.available.size,
        "venues": problem.requirement.size,
        "lines": problem.asset.size,
        "rows": answer.rows.bound.size,
        "seconds": seconds,
        "cores_busy_with_others": busy,
        "cost": answer.cost,
        "shortfall": short,
        "reasons": len(answer.reasons),
        "primal_residual": proof.primal_residual,
        "dual_residual": proof.dual_residual,
        "gap": proof.gap,
        "greedy_cost": greedy.cost,
        "greedy_shortfall_share": float(greedy.shortfall.sum() / problem.requirement.sum()),
    }
    if size == "S":
        assert short > 0.0 and answer.reasons
        return found | {"clarabel": "not run: the problem cannot be covered"}
    assert short == 0.0
    peer = solve_with_cvxpy(problem)
    if peer is None:
        return found | {"clarabel": "not installed"}
    difference = abs(peer["cost"] / answer.cost - 1.0)
    assert difference < TOLERANCE, (size, peer)
    return found | {"clarabel": peer, "relative_difference_to_clarabel": difference}


def lots():
    """Gap of the rounded linear optimum and after five seconds of search, for three seeds."""
    found = []
    for seed in range(3):
        problem = allocation_instance("M", seed=seed, lots=True)
        bound = optimize_allocation(problem)
        start = time.perf_counter()
        rounded = round_allocation(problem, bound)
        seconds = time.perf_counter() - start
        others = others_seconds()
        answer = optimize_lots(problem, seconds=SECONDS)
        busy = (others_seconds() - others) / answer.seconds
        assert answer.postings.broken == () and not answer.postings.shortfall.any()
        assert rounded.broken == () and not rounded.shortfall.any()
        found.append(
            {
                "seed": seed,
                "seconds_of_rounding": seconds,
                "gap_of_rounding": 1.0 - bound.certificate.bound / rounded.cost,
                "seconds": answer.seconds,
                "gap": answer.gap,
                "cost": answer.postings.cost,
                "bound": answer.bound,
                "cores_busy_with_others": busy,
            }
        )
    return found


def cases_of(problem, name, random):
    """Requirements moved at one venue each, or at all."""
    cases = np.tile(problem.requirement, (CASES, 1))
    size, venues = MOVES[name], cases.shape[1]
    if name.startswith("one"):
        cases[np.arange(CASES), random.integers(0, venues, CASES)] *= 1.0 + size * random.uniform(
            -1.0, 1.0, CASES
        )
        return cases
    return cases * (1.0 + size * random.uniform(-1.0, 1.0, cases.shape))


def what_ifs():
    """Cases a second, and of a loop of solves over some of them, whose costs must be the same."""
    problem, random = allocation_instance("M"), np.random.default_rng(1)
    found = []
    for name in MOVES:
        cases = cases_of(problem, name, random)
        start = time.perf_counter()
        answer = optimize_many(problem, cases)
        seconds = time.perf_counter() - start
        some = random.choice(CASES, CHECKED, replace=False)
        start = time.perf_counter()
        alone = [optimize_allocation(replace(problem, requirement=cases[c])).cost for c in some]
        loop = (time.perf_counter() - start) / CHECKED
        difference = float(np.max(np.abs(answer.cost[some] / np.array(alone) - 1.0)))
        assert difference < 1e-9, difference
        found.append(
            {
                "moved": name,
                "cases": CASES,
                "programs_solved": answer.solved,
                "cases_per_second": CASES / seconds,
                "loop_cases_per_second": 1.0 / loop,
                "times_as_fast": loop * CASES / seconds,
                "largest_difference": difference,
            }
        )
    return found


def rows(content):
    """Rows of the README's table, of the numbers in `content` alone."""
    found = []
    for one in content["linear"]:
        if one["size"] not in ("L", "XL"):
            continue
        seconds = one["seconds"]["jaxmargin"]["median"]
        gap = "below 1e-12" if one["gap"] < 1e-12 else f"{one['gap']:.0e}"
        figure = f"{shown(seconds)} s, gap {gap}"
        peer = one["clarabel"]
        if isinstance(peer, dict):
            times = shown(peer["seconds"] / seconds)
            figure += f"; {times}x as fast as cvxpy + Clarabel, same cost to {TOLERANCE:.0e}"
        size = f"{one['assets']:,} assets x {one['venues']} venues, {one['lines']:,} lines"
        found.append({"question": f"optimal allocation of {size}", "figure": figure})
    worst = max(content["lots"], key=lambda one: one["gap"])
    found.append(
        {
            "question": "whole lots, 100 assets x 20 venues: proven gap, worst of three",
            "figure": f"{100 * worst['gap']:.3f} % in {worst['seconds']:.1f} s; rounding alone "
            f"{100 * worst['gap_of_rounding']:.2f} % in {worst['seconds_of_rounding']:.2f} s",
        }
    )
    cases = sorted(content["what_ifs"], key=lambda one: -one["cases_per_second"])
    found.append(
        {
            "question": f"{CASES:,} what-ifs on requirements, 100 assets x 20 venues: "
            + ", ".join(one["moved"].replace("_", " ").replace(" percent", " %") for one in cases),
            "figure": ", ".join(
                f"{shown(one['cases_per_second'])}/s ({shown(one['times_as_fast'])}x a loop)"
                for one in cases
            ),
        }
    )
    return found


def main():
    content = {
        "linear": [linear(size) for size in SIZES],
        "lots": lots(),
        "what_ifs": what_ifs(),
    }
    write_result("allocation", content | {"readme": rows(content)})


if __name__ == "__main__":
    main()
