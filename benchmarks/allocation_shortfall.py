"""How fast is the cheapest collateral that covers the expected shortfall of every venue?

Collateral is revalued in the scenarios of the book, ES 99 %. Tail cuts against the textbook program
of Rockafellar and Uryasev (2000), which has a variable and a row for every venue and scenario, on
HiGHS through SciPy and, where CVXPY is installed, on Clarabel. Optima are compared first, and every
answer is checked against a sort in NumPy. Sizes: ES-S, ES-M, ES-L; each also with collateral that
falls with the books (correlation 0.95).
Run: python benchmarks/allocation_shortfall.py [--small]
"""

import argparse
import importlib.metadata
import time

import jax
import numpy as np
from harness import others_seconds, shown, time_in_turn, write_result
from scipy import sparse
from scipy.optimize import linprog

from jaxmargin.optimize import Limit, TailRule, build_problem, optimize_joint, rows_of
from jaxmargin.risk import ExpectedShortfall

SIZES = {"ES-S": (20, 5, 1_000), "ES-M": (50, 10, 10_000), "ES-L": (100, 20, 100_000)}
LEVEL, CORRELATION, SEED = 0.99, 0.95, 1
TEXTBOOK = ("ES-S", "ES-M")  # ES-L would have two million rows
CLARABEL = ("ES-S", "ES-M")
SECONDS = 900.0  # after which the textbook program is given up
# relative difference of optima; Clarabel, an interior point method, ends 4e-6 above at its defaults
OPTIMUM = {"highs": 1e-6, "clarabel": 1e-5}


def instance(size, *, wrong_way=False, seed=SEED):
    """Problem, rule and liquidation cost.

    Moves of markets have the tails of Student's t with 4 degrees of freedom. Collateral: daily
    volatilities of 0.1 % to 12 %, the less volatile the dearer; six classes, of which each is 40 %
    of what is posted at a venue at most. Books: their ES together is 30 % of the inventory.
    """
    assets, venues, scenarios = SIZES[size]
    random = np.random.default_rng(seed)
    tail = np.sqrt(random.chisquare(4, scenarios) / 4.0)
    market = random.normal(size=scenarios) / tail

    def mixed(share):
        own = random.normal(size=(share.size, scenarios)) / tail
        return share[:, None] * market + np.sqrt(1.0 - share[:, None] ** 2) * own

    books = mixed(random.uniform(-0.9, 0.9, venues))
    volatility = random.choice([0.001, 0.03, 0.06, 0.12], assets) * random.uniform(0.7, 1.3, assets)
    moves = mixed(random.uniform(0.2, 0.9, assets))
    if wrong_way:
        common = books.mean(axis=0) / books.mean(axis=0).std()
        own = random.normal(size=(assets, scenarios))
        moves = -CORRELATION * common + np.sqrt(1.0 - CORRELATION**2) * own
    growth = np.exp(np.clip(volatility[:, None] * moves, -1.5, 1.5))
    available = random.lognormal(np.log(3e6), 0.7, assets)
    call = random.dirichlet(np.full(venues, 4.0)) * available.sum() * 0.3
    worst = np.sort(books, axis=1)[:, -round((1.0 - LEVEL) * scenarios) :].mean(axis=1)
    cost = random.uniform(0.01, 0.02, (assets, venues)) * (0.3 + 0.1 / (0.05 + volatility))[:, None]
    problem = build_problem(
        available,
        0.3 * call,
        random.uniform(0.0, 0.15, (assets, venues)),
        cost,
        random.random((assets, venues)) < 0.6,
        limits=(Limit("class", np.arange(assets) % 6, 0.4, basis="posted"),),
    )
    rule = TailRule(
        books * (call / worst)[:, None], growth, np.ones(scenarios), ExpectedShortfall(LEVEL)
    )
    return problem, rule, random.uniform(0.001, 0.01, problem.asset.size)


def gain_of(problem, rule, liquidation, venue):
    """[scenario, line] what a unit of each line brings to the venue."""
    line = np.flatnonzero(problem.venue == venue)
    return line, ((1.0 - liquidation[line])[:, None] * rule.growth[problem.asset[line]]).T


def textbook(problem, rule, liquidation):
    """Cost, matrix, bounds of the program with a variable for every venue and scenario."""
    rows, (venues, scenarios) = rows_of(problem), rule.losses.shape
    lines, excesses = problem.asset.size, venues * scenarios
    rest = sparse.csr_array((rows.bound.size, venues + excesses))
    blocks, bounds = [sparse.hstack([rows.matrix, rest])], [rows.bound]
    every = np.arange(scenarios)
    for venue in range(venues):
        line, gain = gain_of(problem, rule, liquidation, venue)
        excess = lines + venues + venue * scenarios + every
        row = np.concatenate([np.repeat(every, line.size), every, every])
        column = np.concatenate(
            [np.tile(line, scenarios), np.full(scenarios, lines + venue), excess]
        )
        value = np.concatenate([-gain.ravel(), -np.ones(2 * scenarios)])
        shape = (scenarios, lines + venues + excesses)
        blocks.append(sparse.csr_array((value, (row, column)), shape=shape))
        bounds.append(-rule.losses[venue])
        mean = np.full(scenarios, 1.0 / (1.0 - LEVEL) / scenarios)
        place = (np.zeros(scenarios + 1, int), np.append(excess, lines + venue))
        blocks.append(sparse.csr_array((np.append(mean, 1.0), place), shape=(1, shape[1])))
        bounds.append(np.zeros(1))
    cost = np.concatenate([problem.cost, np.zeros(venues + excesses)])
    low = np.concatenate([np.zeros(lines), np.full(venues, -np.inf), np.zeros(excesses)])
    high = np.concatenate([rows.upper, np.full(venues + excesses, np.inf)])
    return cost, sparse.csr_array(sparse.vstack(blocks)), np.concatenate(bounds), low, high


def with_highs(problem, rule, liquidation):
    """Optimum of the textbook program and seconds of the dual simplex method; None if given up."""
    cost, matrix, bound, low, high = textbook(problem, rule, liquidation)
    money = problem.requirement.max() / 1e3  # as HiGHS likes its numbers
    box = np.stack([low, high], axis=1) / money
    begin = time.perf_counter()
    result = linprog(
        cost, matrix, bound / money, bounds=box, method="highs-ds", options={"time_limit": SECONDS}
    )
    seconds = time.perf_counter() - begin
    return (result.fun * money if result.status == 0 else None), seconds


def with_clarabel(problem, rule, liquidation):
    """Optimum of the textbook program and seconds of CVXPY's call of Clarabel."""
    import cvxpy

    rows, money = rows_of(problem), problem.requirement.max() / 1e3
    x = cvxpy.Variable(problem.asset.size, nonneg=True)
    held = [rows.matrix @ x <= rows.bound / money]
    finite = np.flatnonzero(np.isfinite(rows.upper))
    if finite.size:
        held.append(x[finite] <= rows.upper[finite] / money)
    for venue in range(problem.requirement.size):
        line, gain = gain_of(problem, rule, liquidation, venue)
        left = rule.losses[venue] / money - gain @ x[line]
        held.append(cvxpy.cvar(left, LEVEL) <= 0.0)
    program = cvxpy.Problem(cvxpy.Minimize(problem.cost @ x), held)
    begin = time.perf_counter()
    program.solve(solver=cvxpy.CLARABEL, canon_backend=cvxpy.SCIPY_CANON_BACKEND)
    seconds = time.perf_counter() - begin
    return (program.value * money if program.status == "optimal" else None), seconds


def installed(name):
    """Its version, or None."""
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


def checked(problem, rule, liquidation, answer):
    """Largest ES left at a venue, by sorting, over the largest loss; asserted not positive."""
    left = rule.losses.copy()
    for venue in range(problem.requirement.size):
        line, gain = gain_of(problem, rule, liquidation, venue)
        left[venue] -= gain @ answer.allocation.posted[line]
    left.sort(axis=1)
    tail = round((1.0 - LEVEL) * left.shape[1])
    largest = float(left[:, -tail:].mean(axis=1).max() / np.abs(rule.losses).max())
    assert answer.covered and answer.converged and largest <= 0.0, largest
    certificate = answer.allocation.certificate
    assert certificate.gap <= 1e-9 and certificate.primal_residual <= 1e-9
    return largest


def run(size, *, wrong_way, rounds):
    """Figures of one instance."""
    problem, rule, liquidation = instance(size, wrong_way=wrong_way)

    def cuts():
        return optimize_joint(problem, rule, liquidation_cost=liquidation)

    begin, others = time.perf_counter(), others_seconds()
    seconds = time_in_turn({"cuts": lambda: cuts().allocation.cost}, rounds=rounds)["cuts"]
    busy = (others_seconds() - others) / (time.perf_counter() - begin)
    answer = cuts()
    found = {
        "lines": problem.asset.size,
        "cost": answer.allocation.cost,
        "rounds": answer.rounds,
        "cuts": answer.cuts,
        "certificate": vars(answer.allocation.certificate),
        "largest_shortfall_by_sorting": checked(problem, rule, liquidation, answer),
        "cores_busy_with_others": busy,
        "seconds": seconds,
    }
    peers = {}
    if size in TEXTBOOK:
        peers["highs"] = with_highs(problem, rule, liquidation)
    if size in CLARABEL and installed("cvxpy") and installed("clarabel"):
        peers["clarabel"] = with_clarabel(problem, rule, liquidation)
    for name, (optimum, took) in peers.items():
        found[name] = {"seconds": took, "times_cuts": took / seconds["median"], "optimum": optimum}
        if optimum is not None:
            difference = abs(answer.allocation.cost / optimum - 1.0)
            assert difference < OPTIMUM[name], (name, optimum, answer.allocation.cost)
            found[name]["relative_difference"] = difference
    return found


def rows(content):
    """Rows of the README's table, of the numbers in `content` alone."""
    cases, level = content["instances"], content["level"]
    lines = []
    for kind, label in (("", ""), (" wrong way", ", collateral falling with the books")):
        ran = [size for size in SIZES if size + kind in cases]
        sizes = ", ".join("x".join(f"{n:,}" for n in content["sizes"][size]) for size in ran)
        seconds = (shown(cases[size + kind]["seconds"]["median"]) for size in ran)
        lines.append(
            {
                "question": f"cheapest collateral that covers ES {level:.0%} of each venue{label}, "
                f"assets x venues x scenarios {sizes}, proven gap below 1e-9",
                "figure": "; ".join(f"{each} s" for each in seconds),
            }
        )
    for peer, label in (("highs", "HiGHS simplex"), ("clarabel", "CVXPY and Clarabel")):
        ran = [size for size in SIZES if cases.get(size, {}).get(peer, {}).get("optimum")]
        if ran:
            times = (f"{shown(cases[size][peer]['times_cuts'])}x" for size in ran)
            lines.append(
                {
                    "question": "that collateral, times as fast as the Rockafellar-Uryasev program "
                    f"on {label}, {', '.join(ran)}",
                    "figure": "; ".join(times),
                }
            )
    return lines


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--small", action="store_true", help="ES-S alone, nothing is written")
    small = parser.parse_args().small
    instances = {}
    for size in ("ES-S",) if small else SIZES:
        for wrong_way in (False, True):
            name = size + (" wrong way" if wrong_way else "")
            instances[name] = run(size, wrong_way=wrong_way, rounds=3 if size == "ES-L" else 7)
            print(name, instances[name], flush=True)
    if small:
        return
    content = {
        "question": "cheapest collateral under a constraint on expected shortfall at every venue",
        "level": LEVEL,
        "sizes": SIZES,
        "dtype": "float64",
        "versions": {name: installed(name) for name in ("scipy", "cvxpy", "clarabel")},
        "textbook": "solved once an instance; HiGHS timed without building the matrix, Clarabel "
        f"with CVXPY's compilation; given up after {SECONDS:.0f} s",
        "checked": "ES of every venue by a sort in NumPy, never positive; optima of the textbook "
        + " and ".join(f"program on {name} within {each:g}" for name, each in OPTIMUM.items()),
        "instances": instances,
    }
    write_result("allocation_shortfall", content | {"readme": rows(content)})


if __name__ == "__main__":
    jax.config.update("jax_enable_x64", True)
    main()
