"""The basis of an optimum, and how far requirements may move before another one takes over."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float

from jaxmargin.optimize._linear import Allocation
from jaxmargin.optimize._problem import AllocationProblem

__all__ = ["Basis", "find_basis"]

_ZERO = 1e-9  # of the largest cost or amount: as little as counts as nothing
_MOST_ROWS = 600  # the factorization is dense; beyond, it takes longer than a program


class Basis(NamedTuple):
    """Room of every basic variable to its bounds, and its derivative by the requirements.

    Attributes:
        room: amounts that must not become negative.
        slope: derivative of each by each requirement.
        tolerance: rounding of `room`.
    """

    room: Float[np.ndarray, " bound"]
    slope: Float[np.ndarray, "bound venue"]
    tolerance: Float[np.ndarray, " bound"]


def find_basis(problem: AllocationProblem, allocation: Allocation) -> Basis | None:
    """The basis of `allocation`, or None where it is short or the program large and degenerate.

    Lines without a reduced cost are basic, and rows with a price are not. Where several allocations
    cost the same, that are too many lines: those within their bounds stay, and a QR factorization
    with pivots picks what completes them, among the other lines and the rows without a price.
    """
    if allocation.shortfall.any():
        return None
    rows, x = allocation.rows, allocation.posted
    price = _ZERO * float(problem.cost.max(initial=0.0))
    slack = rows.bound - rows.matrix @ x
    full = allocation.reduced_cost < -price
    basic = np.flatnonzero(np.abs(allocation.reduced_cost) <= price)
    tight = np.flatnonzero(allocation.row_price > price)
    if tight.size != basic.size:
        amount = _ZERO * max(float(x.max(initial=0.0)), np.finfo(float).tiny)
        full = x >= rows.upper - amount
        binds = (slack <= amount) | (allocation.row_price > price)
        inside = ~full & (x > amount)
        chosen = _completed(allocation, basic, inside, binds, price)
        if chosen is None:
            return None
        basic, tight = chosen
        full[basic] = False
    return _ranged(problem, allocation, basic, tight, full, slack)


def _completed(
    allocation: Allocation,
    free: np.ndarray,
    inside: Bool[np.ndarray, " line"],
    binds: Bool[np.ndarray, " row"],
    price: float,
) -> tuple[np.ndarray, np.ndarray] | None:
    """Lines and rows of a basis that holds every line within its bounds; None if too large."""
    from scipy.linalg import qr

    row = np.flatnonzero(binds)
    must, may = free[inside[free]], free[~inside[free]]
    unpriced = np.flatnonzero(allocation.row_price[row] <= price)
    if row.size > _MOST_ROWS or not must.size <= row.size <= free.size + unpriced.size:
        return None
    matrix = allocation.rows.matrix[row]
    candidates = np.concatenate([matrix[:, may].toarray(), np.eye(row.size)[:, unpriced]], axis=1)
    span = np.linalg.qr(matrix[:, must].toarray())[0]
    candidates -= span @ (span.T @ candidates)
    order = np.asarray(qr(candidates, mode="economic", pivoting=True)[-1])
    pick = order[: row.size - must.size]
    lines = may[pick[pick < may.size]]
    dropped = unpriced[pick[pick >= may.size] - may.size]
    return np.concatenate([must, lines]), np.delete(row, dropped)


def _ranged(
    problem: AllocationProblem,
    allocation: Allocation,
    basic: np.ndarray,
    tight: np.ndarray,
    full: Bool[np.ndarray, " line"],
    slack: Float[np.ndarray, " row"],
) -> Basis | None:
    """Room and slope of basic lines, of rows that do not bind, and of which bound is the lower."""
    from scipy import sparse
    from scipy.sparse.linalg import splu

    rows, venues = allocation.rows, problem.requirement.size
    at_upper = np.flatnonzero(full)
    moves = sparse.csr_array(
        (rows.upper_slope[at_upper], (at_upper, problem.venue[at_upper])),
        shape=(full.size, venues),
    )
    change = np.zeros((full.size, venues))
    change[at_upper] = moves[at_upper].toarray()
    right = rows.slope[tight].toarray() - rows.matrix[tight] @ moves.toarray()
    if basic.size:
        try:
            change[basic] = splu(sparse.csc_array(rows.matrix[tight][:, basic])).solve(right)
        except RuntimeError:  # singular
            return None
    x = allocation.posted
    loose = np.ones(rows.bound.size, bool)
    loose[tight] = False
    row_room, row_slope = slack[loose], (rows.slope.toarray() - rows.matrix @ change)[loose]
    own = np.zeros((full.size, venues))
    own[np.arange(full.size), problem.venue] = np.where(
        np.isfinite(rows.upper_share), rows.upper_share, 0.0
    )
    by_share = own[np.arange(full.size), problem.venue] * problem.requirement[problem.venue]
    in_money = basic[np.isfinite(rows.upper_money[basic])]
    in_share = basic[np.isfinite(rows.upper_share[basic])]
    both = at_upper[
        np.isfinite(rows.upper_money[at_upper]) & np.isfinite(rows.upper_share[at_upper])
    ]
    sign = np.where(rows.by_share[both], 1.0, -1.0)  # the lower of two bounds stays the lower
    room = [
        x[basic],
        rows.upper_money[in_money] - x[in_money],
        by_share[in_share] - x[in_share],
        sign * (rows.upper_money[both] - by_share[both]),
        row_room,
    ]
    slope = [
        change[basic],
        -change[in_money],
        own[in_share] - change[in_share],
        -sign[:, None] * own[both],
        row_slope,
    ]
    joined = np.concatenate(room)
    amount = max(float(x.max(initial=0.0)), float(problem.requirement.max(initial=0.0)))
    return Basis(joined, np.concatenate(slope), np.full(joined.size, 1e-12 * amount))
