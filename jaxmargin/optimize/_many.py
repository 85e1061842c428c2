"""Many requirements, one inventory: optima of what-ifs that share their bases."""

from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Bool, Float

from jaxmargin.errors import require
from jaxmargin.optimize._basis import Basis, find_basis
from jaxmargin.optimize._linear import optimize_allocation
from jaxmargin.optimize._problem import AllocationProblem

__all__ = ["ManyAllocations", "optimize_many"]

_NEAREST = 24  # bounds that are asked first


@dataclass(frozen=True, eq=False)
class ManyAllocations:
    """The optimum of each case.

    Attributes:
        cost: of the cheapest allocation, for one period.
        shortfall: collateral value that all venues together lack.
        margin_price: derivative of the cost by each requirement.
        solved: number of programs solved; the other cases share a basis with one of them.
    """

    cost: Float[np.ndarray, " case"]
    shortfall: Float[np.ndarray, " case"]
    margin_price: Float[np.ndarray, "case venue"]
    solved: int


def optimize_many(problem: AllocationProblem, requirement: np.ndarray) -> ManyAllocations:
    """The optimum for each row of `requirement`, all else as in `problem`.

    Exact: a basis of an optimum is optimal wherever its basic variables stay within their bounds,
    and these are linear in the requirements (ranging of right sides). Each program that is solved
    gives a basis, which settles all cases inside its region by one product of matrices; a case that
    no region holds is solved itself. Cases that move all requirements far share few bases, and then
    this takes as long as a loop of solves.

    Args:
        problem: inventory, lines, costs and limits.
        requirement: [case, venue], finite and not negative.

    Raises:
        InvalidInputError: if a shape or value of `requirement` cannot be used.
        RuntimeError: see `optimize_allocation`.

    References:
        Gal, T. (1979), Postoptimal Analyses, Parametric Programming, and Related Topics,
        McGraw-Hill, chapter 4.
    """
    cases = np.asarray(requirement, np.float64)
    venues = problem.requirement.size
    require(
        cases.ndim == 2 and cases.shape[1] == venues,
        f"requirement must have shape (cases, {venues}); got {cases.shape}.",
    )
    bad = np.argwhere(~(np.isfinite(cases) & (cases >= 0.0)))
    require(
        not bad.size,
        f"requirement must be finite and not negative; {len(bad)} are not, the first of case and "
        f"venue {bad[0].tolist() if bad.size else None}.",
    )
    cost, shortfall = np.empty(len(cases)), np.zeros(len(cases))
    price = np.empty(cases.shape)
    pending, solved = np.arange(len(cases)), 0
    while pending.size:
        case = pending[0]
        one = replace(problem, requirement=cases[case])
        answer = optimize_allocation(one)
        solved += 1
        cost[case], price[case] = answer.cost, answer.margin_price
        shortfall[case] = answer.shortfall.sum()
        pending = pending[1:]
        basis = find_basis(one, answer) if pending.size else None
        if basis is None:
            continue
        inside = _inside(basis, cases[pending] - cases[case])
        same = pending[inside]
        cost[same] = answer.cost + (cases[same] - cases[case]) @ answer.margin_price
        price[same] = answer.margin_price
        pending = pending[~inside]
    return ManyAllocations(cost, shortfall, price, solved)


def _inside(basis: Basis, change: Float[np.ndarray, "case venue"]) -> Bool[np.ndarray, " case"]:
    """Cases in which every basic variable stays within its bounds.

    The bounds that are nearest are asked first: most cases outside the region break one of them.
    """
    room = basis.room + basis.tolerance
    steepness = np.abs(basis.slope).sum(axis=1)
    distance = np.divide(room, steepness, out=np.full(room.size, np.inf), where=steepness > 0.0)
    order = np.argsort(distance)
    inside = np.ones(len(change), bool)
    for bound in (order[:_NEAREST], order[_NEAREST:]):
        at = np.flatnonzero(inside)
        inside[at] = np.all(change[at] @ basis.slope[bound].T >= -room[bound], axis=1)
    return inside
