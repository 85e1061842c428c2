"""The cheapest collateral that still covers when it falls in the scenarios of the book."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from jaxmargin.errors import require
from jaxmargin.optimize._linear import Allocation, LinearSolution, allocation_of
from jaxmargin.optimize._problem import AllocationProblem
from jaxmargin.optimize._rows import RowKind, Rows, rows_of
from jaxmargin.optimize._tail_program import (
    Cuts,
    TailProgram,
    TailSolution,
    evaluate_tails,
    solve_tails,
    tail_tables,
)
from jaxmargin.optimize._tail_rule import TailRule

__all__ = ["JointAllocation", "optimize_joint"]

_KEPT = 1e-11  # of the unit: HiGHS keeps a row to 1e-12 of it
_SPARE = 1e-9  # of the unit: more total shortfall than the smallest, so that rounding has room


@dataclass(frozen=True, eq=False)
class JointAllocation:
    """The cheapest postings that meet requirements, limits and tail rules, with the proof.

    Attributes:
        allocation: as of `optimize_allocation`; `shortfall` is of the requirements alone.
        risk: of each row of the rules, one rule after another: the measure of what its venue loses
            with its collateral, by the measure's own evaluation. At most the tolerance where
            `shortfall` is zero.
        shortfall: cash that each venue lacks to meet its requirement and its rules; the smallest
            possible in total, to 1e-9 of the largest loss.
        tail_price: of each row of the rules: what one unit more of loss in all scenarios adds to
            the cost of a period.
        cuts: rows that were added.
        rounds: programs that were solved.
        covered: whether no venue is short.
        converged: whether the gap asked for was reached before the rounds ran out.
    """

    allocation: Allocation
    risk: Float[np.ndarray, " row"]
    shortfall: Float[np.ndarray, " venue"]
    tail_price: Float[np.ndarray, " row"]
    cuts: int
    rounds: int
    covered: bool
    converged: bool


def optimize_joint(
    problem: AllocationProblem,
    rules: TailRule | Sequence[TailRule],
    *,
    liquidation_cost: Float[np.ndarray, " line"] | float = 0.0,
    gap: float = 1e-9,
    most_rounds: int = 1000,
) -> JointAllocation:
    """Post at the least cost so that, scenario by scenario, collateral covers the book's tail.

    Collateral that falls when the book loses counts for less, and hedges count for more: wrong-way
    and right-way risk of every line. Haircuts and requirements of the venues hold besides; give a
    requirement of zero where there is none. Where venues cannot all be covered, they are short of
    the smallest total of cash, and the cost is the smallest for that total.

    The first call for new sizes compiles. `allocation.certificate` proves optimality: its bound
    holds for any multipliers, and its primal residual counts the cuts as well.

    Args:
        problem: inventory, requirements, limits and costs; lots and tickets aside.
        rules: conditions on tails; several where a venue has more than one.
        liquidation_cost: of each line, lost on selling, as a share of the value then; in [0, 1).
        gap: relative distance from the optimum at which to stop, above 0.
        most_rounds: programs solved at most; `converged` says whether they sufficed.

    Raises:
        InvalidInputError: if shapes do not fit or a cost or setting is out of range.
        RuntimeError: see `optimize_allocation`.

    References:
        Rockafellar, R. and Uryasev, S. (2000), "Optimization of conditional value-at-risk", Journal
        of Risk 2(3), 21-41. Cuts: Kunzi-Bay, A. and Mayer, J. (2006), "Computational aspects of
        minimizing conditional value-at-risk", Computational Management Science 3, 3-27.
    """
    given = (rules,) if isinstance(rules, TailRule) else tuple(rules)
    rows = rows_of(problem)
    program = joint_program(problem, rows, given, liquidation_cost)
    require_settings("optimize_joint", gap, most_rounds)
    cuts = start_cuts(program)
    program = replace(program, unit=large_amount(problem, program, cuts))
    found = solve_tails(program, cuts, gap=gap, most_rounds=most_rounds)
    if found is None:
        found = solve_short(problem, program, cuts, gap=gap, most_rounds=most_rounds)
    return joint_answer(problem, rows, program, found)


def joint_program(
    problem: AllocationProblem,
    rows: Rows,
    rules: tuple[TailRule, ...],
    liquidation_cost: Float[np.ndarray, " line"] | float,
) -> TailProgram:
    """The program whose columns are the lines of `problem`; its unit is yet to be set."""
    assets, venues = problem.available.size, problem.requirement.size
    require(len(rules) > 0, "rules must hold one TailRule at least.")
    for number, rule in enumerate(rules):
        require(
            rule.growth.shape[0] == assets,
            f"rules[{number}].growth must have a row for each of {assets} assets; got "
            f"{rule.growth.shape[0]}.",
        )
        fits = (rule.venue >= 0) & (rule.venue < venues)
        require(
            bool(np.all(fits)),
            f"rules[{number}].venue must be one of the {venues} venues, counted from 0; got "
            f"{rule.venue[~fits][:1]}. Give venue where losses has not one row for each.",
        )
    share = np.asarray(liquidation_cost, np.float64)
    require(
        share.shape in ((), (problem.asset.size,)) and bool(np.all((share >= 0.0) & (share < 1.0))),
        f"liquidation_cost must be one share in [0, 1) or one for each of {problem.asset.size} "
        "lines. Write 0.5 % as 0.005.",
    )
    return TailProgram(
        cost=problem.cost,
        matrix=rows.matrix,
        bound=rows.bound,
        upper=rows.upper,
        ceiling=rows.ceiling,
        venue=problem.venue,
        factor=problem.asset,
        scale=np.broadcast_to(1.0 - share, problem.asset.shape),
        tables=tail_tables(rules),
        tolerance=np.concatenate([rule.tolerance for rule in rules]),
        unit=0.0,
    )


def require_settings(name: str, gap: float, most_rounds: int) -> None:
    """Raise `InvalidInputError` unless both can be used."""
    require(0.0 < gap < 1.0, f"{name}: gap must lie in (0, 1); got {gap!r}.")
    require(most_rounds >= 1, f"{name}: most_rounds must be at least 1; got {most_rounds!r}.")


def start_cuts(program: TailProgram) -> Cuts:
    """Those where nothing is posted."""
    return evaluate_tails(program, np.zeros(program.cost.size))[1]


def large_amount(problem: AllocationProblem, program: TailProgram, cuts: Cuts) -> float:
    """The largest requirement or loss in a tail."""
    return float(
        max(
            problem.requirement.max(),
            np.abs(cuts.least).max(),
            np.abs(program.tolerance).max(),
        )
    )


def solve_short(
    problem: AllocationProblem, program: TailProgram, cuts: Cuts, *, gap: float, most_rounds: int
) -> TailSolution:
    """The smallest total shortfall, then the cheapest way to it.

    A venue's shortfall is a column of cash that costs nothing there and exists nowhere; these
    columns come last.
    """
    from scipy import sparse

    venues, columns = problem.requirement.size, program.cost.size
    every = np.arange(venues)
    most = np.full(venues, 2.0 * program.unit + _most_lost(program))
    zero, one = np.zeros(venues), np.ones(venues)
    in_rows = sparse.csr_array((-one, (every, every)), shape=(program.bound.size, venues))
    cash = replace(
        program,
        cost=np.concatenate([np.zeros(columns), one]),
        matrix=sparse.csr_array(sparse.hstack([program.matrix, in_rows])),
        upper=np.concatenate([program.upper, most]),
        ceiling=np.concatenate([program.ceiling, most]),
        venue=np.concatenate([program.venue, every]),
        factor=np.concatenate(
            [program.factor, np.full(venues, program.tables[0].table.shape[0] - 1)]
        ),
        scale=np.concatenate([program.scale, one]),
    )
    first = _never_empty(solve_tails(cash, start_cuts(cash), gap=gap, most_rounds=most_rounds))
    total = np.concatenate([np.zeros(columns), one])[None, :]
    spare = float(first.x[columns:].sum()) + _SPARE * program.unit
    cheapest = replace(
        cash,
        cost=np.concatenate([program.cost, zero]),
        matrix=sparse.csr_array(sparse.vstack([cash.matrix, sparse.csr_array(total)])),
        bound=np.append(cash.bound, spare),
    )
    second = _never_empty(solve_tails(cheapest, first.cuts, gap=gap, most_rounds=most_rounds))
    return replace(
        second,
        certificate=first.certificate.with_worst(second.certificate),
        rounds=first.rounds + second.rounds,
        covered=first.covered and second.covered,
        row_price=second.row_price[:-1],
    )


def _most_lost(program: TailProgram) -> float:
    """What all columns together may add to the losses of a venue; collateral adds nothing."""
    lost = np.zeros(program.cost.size)
    for table in program.tables:
        least, most = (np.asarray(f(table.table, axis=1)) for f in (jnp.min, jnp.max))
        worst = np.where(program.scale > 0.0, least[program.factor], most[program.factor])
        lost = np.maximum(lost, -program.scale * worst)
    return float(lost @ program.ceiling)


def _never_empty(found: TailSolution | None) -> TailSolution:
    if found is None:
        raise RuntimeError("HiGHS found no allocation at all, though cash would cover everything.")
    return found


def joint_answer(
    problem: AllocationProblem, rows: Rows, program: TailProgram, found: TailSolution
) -> JointAllocation:
    """In terms of venues and assets; columns and rows of `program` begin with those of `rows`."""
    lines, venues, columns = problem.asset.size, problem.requirement.size, program.cost.size
    posted = found.x[:lines]
    short = found.x.size > columns
    risk = evaluate_tails(program, found.x[:columns])[0] if short else found.risk
    lacks = problem.requirement - np.bincount(problem.venue, problem.worth * posted, venues)
    lacks = np.where(short & (lacks > _KEPT * program.unit), lacks, 0.0)
    shortfall = lacks.copy()
    if short or not found.covered:
        venue = np.concatenate([table.venue for table in program.tables])
        np.maximum.at(shortfall, venue, risk - program.tolerance)
    zero = np.zeros(rows.bound.size)
    of_rows = zero.copy()
    of_rows[rows.kind == RowKind.REQUIREMENT] = lacks
    solution = LinearSolution(
        posted=posted,
        cost=float(problem.cost @ posted),
        shortfall=of_rows,
        row_price=found.row_price[: zero.size],
        reduced_cost=found.reduced_cost[:lines],
        shortfall_price=zero,
        shortfall_reduced=np.zeros(lines),
        certificate=found.certificate,
    )
    return JointAllocation(
        allocation=allocation_of(problem, rows, solution),
        risk=risk,
        shortfall=shortfall,
        tail_price=found.tail_price,
        cuts=found.cuts.least.size,
        rounds=found.rounds,
        covered=not shortfall.any(),
        converged=found.covered,
    )
