"""Proof that a point is optimal, computed from the point and its multipliers alone."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float

if TYPE_CHECKING:
    from scipy.sparse import csr_array

__all__ = ["Certificate", "certify"]

_SMALLEST = 1e-6  # of the largest row: smaller ones are judged as rows of this size
_AT_BOUND = 1e-12  # of the bound: rounding of a point that is there


@dataclass(frozen=True)
class Certificate:
    """How far an answer may be from the optimum; by weak duality, whatever the solver says.

    Attributes:
        primal_residual: largest violation of a row or bound, over the size of the row's terms; that
            is a millionth of the largest row's at least.
        dual_residual: largest reduced cost of the wrong sign, over the largest cost.
        gap: cost less the dual bound, over the cost; the bound holds for any multipliers.
        bound: dual bound itself: no allocation costs less.
    """

    primal_residual: float
    dual_residual: float
    gap: float
    bound: float

    def with_worst(self, other: "Certificate") -> "Certificate":
        """The worst figures of this and of `other`, with the bound of `other`."""
        return Certificate(
            primal_residual=max(self.primal_residual, other.primal_residual),
            dual_residual=max(self.dual_residual, other.dual_residual),
            gap=max(self.gap, other.gap),
            bound=other.bound,
        )


def certify(
    cost: Float[np.ndarray, " column"],
    matrix: "csr_array",
    bound: Float[np.ndarray, " row"],
    lower: Float[np.ndarray, " column"],
    ceiling: Float[np.ndarray, " column"],
    x: Float[np.ndarray, " column"],
    price: Float[np.ndarray, " row"],
) -> tuple[Float[np.ndarray, " column"], Certificate]:
    """Reduced costs, and the certificate of `x` and `price` for `min cost @ x`.

    Args:
        cost: of each column.
        matrix: CSR, of rows `matrix @ x <= bound`.
        bound: right sides.
        lower: finite lower bounds.
        ceiling: finite upper bounds that every admissible `x` keeps.
        x: the point.
        price: multiplier of each row; negative only where the row must hold with equality.
    """
    reduced = cost + matrix.T @ price
    magnitude = abs(matrix)
    size = np.maximum(magnitude @ np.abs(x), np.abs(bound))
    size = np.maximum(size, _SMALLEST * np.max(size, initial=0.0))
    excess = np.maximum(matrix @ x - bound, 0.0)
    excess = np.where(price < 0.0, np.abs(matrix @ x - bound), excess)
    outside = np.maximum(np.maximum(lower - x, x - ceiling), 0.0)
    room = np.maximum(np.abs(ceiling), np.abs(x))
    least = np.where(reduced > 0.0, lower, ceiling)
    dual = float(reduced @ least - price @ bound)
    value = float(cost @ x)
    wrong = np.where(x < ceiling - _AT_BOUND * room, -reduced, 0.0)
    largest = max(float(np.abs(cost).max(initial=0.0)), np.finfo(float).tiny)
    terms = float(np.abs(reduced) @ np.abs(least) + np.abs(price) @ np.abs(bound))
    usual = largest * float(np.abs(bound).max(initial=0.0))  # where the optimum costs nothing
    scale = max(abs(value), abs(dual), 1e-6 * terms, 1e-6 * usual, np.finfo(float).tiny)
    return reduced, Certificate(
        primal_residual=float(
            max(_largest_ratio(excess, size), _largest_ratio(outside, room)),
        ),
        dual_residual=float(np.maximum(wrong, 0.0).max(initial=0.0)) / largest,
        gap=max(value - dual, 0.0) / scale,
        bound=dual,
    )


def _largest_ratio(part: np.ndarray, whole: np.ndarray) -> float:
    return float(np.max(part / np.where(whole > 0.0, whole, 1.0), initial=0.0))
