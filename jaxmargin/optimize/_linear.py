"""The cheapest allocation as a linear program, its prices and its certificate.

Shortfall comes before cost. A penalty on shortfall would have to be large against every price,
which costs digits, and its size would show in every price. Instead the program is solved without
any slack, which settles all problems that can be covered. Only where that is impossible the
smallest total shortfall is found first, and then the cheapest allocation on the face of all
allocations that reach it, which complementary slackness gives from the multipliers of the first
program: rows with a price are tight, lines with a reduced cost stay at their bound. No tolerance on
a total enters.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float

from jaxmargin.optimize._certificate import Certificate, certify
from jaxmargin.optimize._problem import AllocationProblem
from jaxmargin.optimize._rows import Rows, rows_of
from jaxmargin.optimize._shortfall import ShortfallReason, find_reasons
from jaxmargin.optimize._simplex import solve_vertex

if TYPE_CHECKING:
    from scipy.sparse import csr_array

__all__ = ["Allocation", "LinearSolution", "optimize_allocation", "solve_rows"]

_ZERO = 1e-7  # of a multiplier of total shortfall, which lies in [0, 1 / worth]


@dataclass(frozen=True, eq=False)
class LinearSolution:
    """The optimum of `solve_rows`.

    Attributes:
        posted: market value on each line.
        cost: of all lines together, for one period.
        shortfall: what each row lacks; zero for rows that may not be short.
        row_price: fall of the cost when the bound of a row rises by one; not negative, but where
            the shortfall is not zero.
        reduced_cost: of each line: what one unit more would add to the cost.
        shortfall_price: fall of the total shortfall when the bound of a row rises by one.
        shortfall_reduced: what one unit more on a line would add to the total shortfall.
        certificate: proof of optimality; of both programs where there were two.
    """

    posted: Float[np.ndarray, " line"]
    cost: float
    shortfall: Float[np.ndarray, " row"]
    row_price: Float[np.ndarray, " row"]
    reduced_cost: Float[np.ndarray, " line"]
    shortfall_price: Float[np.ndarray, " row"]
    shortfall_reduced: Float[np.ndarray, " line"]
    certificate: Certificate


@dataclass(frozen=True, eq=False)
class Allocation:
    """The cheapest postings that cover every requirement, or come as near as is possible.

    Attributes:
        posted: market value on each line.
        cost: of all postings, for one period.
        shortfall: collateral value that each venue lacks; the smallest possible in total.
        reasons: why, one for each constraint that keeps a venue short.
        margin_price: what one unit more of each requirement adds to the cost of a period, in the
            limits that scale with it too.
        asset_price: what one unit more market value of each asset takes off the cost.
        line_price: what one unit more of room on each line takes off the cost.
        row_price: of every row of `rows`; those of limits say what more room under a cap is worth.
        reduced_cost: what one unit more on each line would add to the cost.
        certificate: proof of optimality.
        rows: the constraints, with labels.
    """

    posted: Float[np.ndarray, " line"]
    cost: float
    shortfall: Float[np.ndarray, " venue"]
    reasons: tuple[ShortfallReason, ...]
    margin_price: Float[np.ndarray, " venue"]
    asset_price: Float[np.ndarray, " asset"]
    line_price: Float[np.ndarray, " line"]
    row_price: Float[np.ndarray, " row"]
    reduced_cost: Float[np.ndarray, " line"]
    certificate: Certificate
    rows: Rows


def optimize_allocation(problem: AllocationProblem) -> Allocation:
    """Cover every requirement at the least cost, lots and tickets aside; see `Allocation`.

    Where several optima exist, prices are those of one of them; `cost_slopes` tells how far
    they may differ.

    Raises:
        RuntimeError: if HiGHS fails, which no input is known to bring about.

    References:
        Giron, Korpas et al. (2023), "Approaching Collateral Optimization for NISQ and
        Quantum-Inspired Computing", arXiv 2305.16395; here without integers.
    """
    rows = rows_of(problem)
    return allocation_of(problem, rows, solve_rows(rows, problem.cost))


def allocation_of(problem: AllocationProblem, rows: Rows, solution: LinearSolution) -> Allocation:
    """The answer in terms of venues and assets."""
    venues, assets = problem.requirement.size, problem.available.size
    line_price = np.maximum(-solution.reduced_cost, 0.0)
    scaled = np.bincount(problem.venue, line_price * rows.upper_slope, venues)
    return Allocation(
        posted=solution.posted,
        cost=solution.cost,
        shortfall=solution.shortfall[:venues],
        reasons=find_reasons(
            problem,
            rows,
            solution.shortfall[:venues],
            solution.shortfall_price,
            solution.shortfall_reduced,
        ),
        margin_price=-(rows.slope.T @ solution.row_price) - scaled + 0.0,
        asset_price=solution.row_price[venues : venues + assets],
        line_price=line_price,
        row_price=solution.row_price,
        reduced_cost=solution.reduced_cost,
        certificate=solution.certificate,
        rows=rows,
    )


def solve_rows(rows: Rows, cost: Float[np.ndarray, " line"]) -> LinearSolution:
    """Minimize the total shortfall of elastic rows, then `cost @ posted`; see the module.

    Raises:
        RuntimeError: see `optimize_allocation`.
    """
    unit = float(-rows.bound[rows.elastic].min(initial=0.0))
    vertex = solve_vertex(cost, rows.matrix, rows.bound, rows.upper, unit=unit)
    if vertex is not None:
        return _covered(rows, cost, vertex.x, vertex.price)
    return _short(rows, cost, unit)


def _covered(
    rows: Rows,
    cost: Float[np.ndarray, " line"],
    posted: Float[np.ndarray, " line"],
    price: Float[np.ndarray, " row"],
) -> LinearSolution:
    count, lines = rows.bound.size, rows.upper.size
    price = np.maximum(price, 0.0)
    reduced, certificate = certify(
        cost, rows.matrix, rows.bound, np.zeros(lines), rows.ceiling, posted, price
    )
    return LinearSolution(
        posted=posted,
        cost=float(cost @ posted),
        shortfall=np.zeros(count),
        row_price=price,
        reduced_cost=reduced,
        shortfall_price=np.zeros(count),
        shortfall_reduced=np.zeros(lines),
        certificate=certificate,
    )


def _short(rows: Rows, cost: Float[np.ndarray, " line"], unit: float) -> LinearSolution:
    """The smallest shortfall, then the cheapest way to it."""
    from scipy import sparse

    count, lines = rows.bound.size, rows.upper.size
    elastic = np.flatnonzero(rows.elastic)
    slack = sparse.csr_array(
        (-np.ones(elastic.size), (elastic, np.arange(elastic.size))), shape=(count, elastic.size)
    )
    matrix = sparse.csr_array(sparse.hstack([rows.matrix, slack]))
    most_short = np.maximum(-rows.bound[elastic], 0.0)
    upper = np.concatenate([rows.upper, most_short])
    ceiling = np.concatenate([rows.ceiling, most_short])
    zero = np.zeros(upper.size)

    total = np.concatenate([np.zeros(lines), np.ones(elastic.size)])
    first = _solved(total, matrix, rows.bound, upper, unit=unit)
    price = np.maximum(first[1], 0.0)
    reduced, of_shortfall = certify(total, matrix, rows.bound, zero, ceiling, first[0], price)

    low = np.where(reduced < -_ZERO, ceiling, 0.0)
    high = np.where(reduced > _ZERO, 0.0, ceiling)
    tight = price > _ZERO
    both = np.concatenate([cost, np.zeros(elastic.size)])
    x, second = _solved(both, matrix, rows.bound, high, lower=low, tight=tight, unit=unit)
    second = np.where(tight, second, np.maximum(second, 0.0))
    slope, of_cost = certify(both, matrix, rows.bound, low, high, x, second)
    shortfall = np.zeros(count)
    shortfall[elastic] = x[lines:]
    return LinearSolution(
        posted=x[:lines],
        cost=float(cost @ x[:lines]),
        shortfall=shortfall,
        row_price=second,
        reduced_cost=slope[:lines],
        shortfall_price=price,
        shortfall_reduced=reduced[:lines],
        certificate=of_shortfall.with_worst(of_cost),
    )


def _solved(
    cost: Float[np.ndarray, " column"],
    matrix: "csr_array",
    bound: Float[np.ndarray, " row"],
    upper: Float[np.ndarray, " column"],
    *,
    lower: Float[np.ndarray, " column"] | None = None,
    tight: np.ndarray | None = None,
    unit: float,
) -> tuple[np.ndarray, np.ndarray]:
    """A vertex of a program that cannot be empty."""
    vertex = solve_vertex(cost, matrix, bound, upper, lower=lower, tight=tight, unit=unit)
    if vertex is None:
        raise RuntimeError("HiGHS found no allocation at all, though posting nothing is one.")
    return vertex.x, vertex.price
