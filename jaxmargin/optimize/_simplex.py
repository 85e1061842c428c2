"""One call of the HiGHS simplex method through SciPy, scaled to ordinary numbers."""

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from jaxtyping import Bool, Float

if TYPE_CHECKING:
    from scipy.sparse import csr_array

__all__ = ["Vertex", "solve_vertex"]

# HiGHS judges feasibility by absolute amounts, so money is counted in thousandths of the largest
# requirement; a residual at its tolerance is then 1e-12 of that requirement.
_LARGEST = 1e3
_TOLERANCE = 1e-9
_OPTIMAL, _INFEASIBLE, _DIFFICULT = 0, 2, 4


class Vertex(NamedTuple):
    """An optimal vertex: `x` and the multiplier of each row, >= 0 where the row is `<=`."""

    x: Float[np.ndarray, " column"]
    price: Float[np.ndarray, " row"]


def solve_vertex(
    cost: Float[np.ndarray, " column"],
    matrix: "csr_array",
    bound: Float[np.ndarray, " row"],
    upper: Float[np.ndarray, " column"],
    *,
    lower: Float[np.ndarray, " column"] | None = None,
    tight: Bool[np.ndarray, " row"] | None = None,
    unit: float,
) -> Vertex | None:
    """Minimize `cost @ x` with `matrix @ x <= bound` and `lower <= x <= upper`, or None if empty.

    Args:
        cost: of each column.
        matrix: CSR, [row, column].
        bound: right sides.
        upper: upper bounds, infinite for none.
        lower: lower bounds, None for zero.
        tight: rows that hold with equality.
        unit: amount of money that counts as large, such as the largest requirement.

    Raises:
        RuntimeError: if HiGHS ends otherwise than at an optimum or at a proof that there is none.
    """
    from scipy.optimize import linprog

    if not cost.size:  # SciPy wants a column
        return Vertex(np.zeros(0), np.zeros(bound.size)) if np.all(bound >= 0.0) else None
    money = unit / _LARGEST if unit > 0.0 else 1.0
    price = float(np.abs(cost).max(initial=0.0)) or 1.0
    low = np.zeros(cost.size) if lower is None else lower / money
    equal = np.zeros(bound.size, bool) if tight is None else tight
    rows: dict[str, object] = {"A_ub": matrix, "b_ub": bound / money}
    if equal.any():
        rows = {"A_ub": matrix[~equal], "b_ub": bound[~equal] / money}
        rows |= {"A_eq": matrix[equal], "b_eq": bound[equal] / money}
    box = np.stack([low, upper / money], axis=1)
    strict = {"primal_feasibility_tolerance": _TOLERANCE, "dual_feasibility_tolerance": _TOLERANCE}
    for options in (strict, {}, {"presolve": False}):
        result = linprog(cost / price, bounds=box, method="highs-ds", options=options, **rows)
        if result.status == _INFEASIBLE:
            return None
        if result.status == _OPTIMAL:
            multiplier = np.empty(bound.size)
            multiplier[~equal] = -result.ineqlin.marginals
            if equal.any():
                multiplier[equal] = -result.eqlin.marginals
            return Vertex(np.clip(result.x, low, box[:, 1]) * money, multiplier * price)
    raise RuntimeError(f"HiGHS found no optimum: {result.message}")
