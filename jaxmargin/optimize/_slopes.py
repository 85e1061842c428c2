"""Derivatives of the optimal cost to the left and to the right of each requirement."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from jaxmargin.errors import require
from jaxmargin.optimize._linear import Allocation
from jaxmargin.optimize._problem import AllocationProblem
from jaxmargin.optimize._simplex import solve_vertex

__all__ = ["CostSlopes", "cost_slopes"]

_AT = 1e-9  # of the size of a row's terms, or of a line's bound: as near as counts as there


@dataclass(frozen=True, eq=False)
class CostSlopes:
    """What one unit less, and one unit more, of each requirement moves the cost by.

    Attributes:
        left: cost saved by one unit less; minus infinity where the requirement is zero.
        right: cost added by one unit more; infinite where a venue can take no more.
    """

    left: Float[np.ndarray, " venue"]
    right: Float[np.ndarray, " venue"]


def cost_slopes(problem: AllocationProblem, allocation: Allocation) -> CostSlopes:
    """Both one-sided derivatives of the optimal cost, exactly.

    The cost is convex and piecewise linear in the requirements, and `margin_price` lies between the
    two; they differ where a kink is at the optimum. The derivative in a direction is the optimum of
    a program over the moves from `allocation.posted` that keep every constraint that binds there.
    Where the optimum is not degenerate, prices are unique and no program is solved; otherwise two a
    venue.

    Raises:
        InvalidInputError: if a venue is short: the cost has no derivative there.

    References:
        Gauvin, J. (2001), "Formulae for the sensitivity analysis of linear programming problems",
        in Approximation, Optimization and Mathematical Economics, Physica, 117-120.
    """
    require(
        not allocation.shortfall.any(),
        "cost_slopes needs an allocation without shortfall; venue "
        f"[{int(np.argmax(allocation.shortfall))}] is short. Lower its requirement or raise the "
        "inventory.",
    )
    rows, x = allocation.rows, allocation.posted
    size = np.maximum(abs(rows.matrix) @ x, np.abs(rows.bound))
    tight = rows.bound - rows.matrix @ x <= _AT * size
    full = np.zeros(x.size, bool)
    finite = np.isfinite(rows.upper)
    full[finite] = x[finite] >= rows.upper[finite] * (1.0 - _AT)
    empty = x <= _AT * np.maximum(allocation.posted.max(initial=0.0), 1e-300)
    if np.sum(~full & ~empty) == np.sum(tight):
        price = allocation.margin_price
        return CostSlopes(np.where(problem.requirement > 0.0, price, -np.inf), price)
    matrix, slope = rows.matrix[tight], rows.slope[tight].toarray()
    lower = np.where(empty, 0.0, -np.inf)
    found = np.empty((2, problem.requirement.size))
    for venue in range(problem.requirement.size):
        for side, step in enumerate((-1.0, 1.0)):
            room = np.where(problem.venue == venue, step * rows.upper_slope, 0.0)
            vertex = solve_vertex(
                problem.cost,
                matrix,
                step * slope[:, venue],
                np.where(full, room, np.inf),
                lower=np.minimum(lower, np.where(full, room, np.inf)),
                unit=1.0,
            )
            change = np.inf if vertex is None else float(problem.cost @ vertex.x)
            found[side, venue] = step * change
    return CostSlopes(np.where(problem.requirement > 0.0, found[0], -np.inf), found[1])
