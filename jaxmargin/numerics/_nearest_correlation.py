"""The nearest matrix that is a correlation matrix, on the host."""

import numpy as np
from jaxtyping import Float

from jaxmargin.errors import InvalidInputError, require

__all__ = ["nearest_correlation"]

_SLACK = 1e-8  # departures of the input from symmetry and from a unit diagonal that are rounding
_NEGLIGIBLE = 5e-13  # size of a negative eigenvalue that is rounding
_STEPS = 100  # Newton takes about ten
_HALVINGS = 30  # of one step
_CLOSE = 1e-10  # of the diagonal to one, where the iteration ends

_Matrix = Float[np.ndarray, "factor factor"]
_Vector = Float[np.ndarray, " factor"]


def nearest_correlation(matrix: _Matrix) -> tuple[_Matrix, float]:
    r"""The correlation matrix nearest to `matrix` in the Frobenius norm, and how far it is.

    Solves $\min_X \lVert A - X \rVert_F$ over positive semidefinite $X$ with unit diagonal through
    its dual: $X = (A + \mathrm{diag}\,y)_+$, the part of the sum with positive eigenvalues, for the
    $y$ at which it has a unit diagonal, found by Newton's method. The smallest eigenvalue of $X$ is
    not below -1e-12; a jitter of 1e-12 makes its Cholesky factor exist. A correlation matrix is
    returned as it is, at distance zero.

    Args:
        matrix: symmetric, with unit diagonal; both to 1e-8.

    Raises:
        InvalidInputError: if `matrix` is not finite, not symmetric or has another diagonal; or if
            the iteration did not converge.

    References:
        Higham, N. (2002), "Computing the nearest correlation matrix: a problem from finance", IMA
        Journal of Numerical Analysis 22, 329-343: the problem.
        Qi, H. and Sun, D. (2006), "A quadratically convergent Newton method for computing the
        nearest correlation matrix", SIAM Journal on Matrix Analysis and Applications 28, 360-385:
        algorithm 5.1.
    """
    given = _checked(np.asarray(matrix, np.float64))
    if np.linalg.eigvalsh(given)[0] >= -_NEGLIGIBLE:
        return given, 0.0
    shift = _solve_dual(given)
    nearest, _ = _project(given, shift)
    root = np.sqrt(np.diag(nearest))  # one up to _CLOSE; this keeps the eigenvalues positive
    nearest = _unit(nearest / np.outer(root, root))
    return nearest, float(np.linalg.norm(given - nearest))


def _checked(matrix: _Matrix) -> _Matrix:
    """`matrix`, exactly symmetric and with an exact unit diagonal."""
    require(
        bool(np.isfinite(matrix).all()),
        "nearest_correlation: matrix must be finite; "
        f"{np.count_nonzero(~np.isfinite(matrix))} of its entries are not. "
        "Estimate them or leave their factors out.",
    )
    gap = float(np.abs(matrix - matrix.T).max(initial=0.0))
    require(
        gap <= _SLACK,
        f"nearest_correlation: matrix must be symmetric; entries differ by up to {gap:.3g} from "
        "their mirror images. Give (matrix + matrix.T) / 2 if that is what is meant.",
    )
    off = float(np.abs(np.diag(matrix) - 1.0).max(initial=0.0))
    require(
        off <= _SLACK,
        f"nearest_correlation: matrix must have ones on its diagonal; it is off by up to {off:.3g}."
        " Divide a covariance by the standard deviations of its rows and columns first.",
    )
    return _unit(matrix)


def _unit(matrix: _Matrix) -> _Matrix:
    matrix = 0.5 * (matrix + matrix.T)
    np.fill_diagonal(matrix, 1.0)
    return matrix


def _solve_dual(matrix: _Matrix) -> _Vector:
    r"""Minimum of $\tfrac12 \lVert (A + \mathrm{diag}\,y)_+ \rVert_F^2 - \sum y$, by Newton."""
    shift = np.zeros(matrix.shape[0])
    positive, spectrum = _project(matrix, shift)
    residual = 1.0
    for _ in range(_STEPS):
        slope = np.diag(positive) - 1.0
        residual = float(np.abs(slope).max())
        if residual <= _CLOSE:
            return shift
        step = _newton_step(spectrum, slope)
        value, descent = _dual(positive, shift), float(slope @ step)
        moved, length = shift, 1.0
        for _ in range(_HALVINGS):
            moved = shift + length * step
            positive, spectrum = _project(matrix, moved)
            # Armijo's rule, with room for the rounding of the value near the minimum.
            bound = value + 1e-4 * length * descent + 1e-14 * max(1.0, abs(value))
            if _dual(positive, moved) <= bound:
                break
            length *= 0.5
        shift = moved
    raise InvalidInputError(
        f"nearest_correlation: no convergence in {_STEPS} steps; the diagonal is off by "
        f"{residual:.3g}. Look for entries far outside [-1, 1]."
    )


def _project(matrix: _Matrix, shift: _Vector) -> tuple[_Matrix, tuple[_Vector, _Matrix]]:
    """Positive part of the shifted matrix, and the eigenvalues and vectors of the whole."""
    values, vectors = np.linalg.eigh(matrix + np.diag(shift))
    positive = (vectors * np.maximum(values, 0.0)) @ vectors.T
    return positive, (values, vectors)


def _dual(positive: _Matrix, shift: _Vector) -> float:
    return float(0.5 * np.sum(np.square(positive)) - np.sum(shift))


def _newton_step(spectrum: tuple[_Vector, _Matrix], slope: _Vector) -> _Vector:
    """Solution of Newton's equations by conjugate gradients, which need no second derivatives."""
    values, vectors = spectrum
    rising = np.maximum(values, 0.0)
    gap = np.abs(values[:, None]) + np.abs(values[None, :])
    # Share of a move that passes the projection: 1 within the positive part, 0 within the rest.
    weight = np.add.outer(rising, rising) / np.where(gap > 0.0, gap, 1.0)
    tolerance = min(0.1, float(np.linalg.norm(slope))) * np.linalg.norm(slope)

    def curvature(move: _Vector) -> _Vector:
        inner = vectors.T @ (move[:, None] * vectors)
        passed = np.sum((vectors @ (weight * inner)) * vectors, axis=1)
        return passed + 1e-10 * move  # where nothing passes there is no curvature

    step = np.zeros_like(slope)
    rest = -slope
    direction = rest
    for _ in range(2 * slope.size):
        if np.linalg.norm(rest) <= tolerance:
            break
        along = curvature(direction)
        length = (rest @ rest) / (direction @ along)
        step = step + length * direction
        left = rest - length * along
        direction = left + direction * (left @ left) / (rest @ rest)
        rest = left
    return step
