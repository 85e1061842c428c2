"""Stressed and repaired correlation matrices: no negative eigenvalue comes out of any of them."""

from collections.abc import Sequence

import jax.numpy as jnp
import numpy as np

from jaxmargin.errors import require
from jaxmargin.numerics import nearest_correlation
from jaxmargin.scenarios._covariance import Covariance

__all__ = ["break_correlation", "repair_correlation", "shift_correlation"]

_ROUNDING = 1e-6  # of entries in single precision


def repair_correlation(matrix: np.ndarray, *, limit: float) -> tuple[np.ndarray, float]:
    """The nearest correlation matrix, if it is near enough.

    Args:
        matrix: symmetric, ones on the diagonal; may have negative eigenvalues.
        limit: largest Frobenius distance that may be repaired.

    Returns:
        Correlation matrix, and its Frobenius distance from `matrix`; zero if nothing was wrong.

    Raises:
        InvalidInputError: the distance is above `limit`, or `matrix` is not symmetric with ones
            on its diagonal.
    """
    require(
        matrix.ndim == 2 and bool(np.allclose(matrix, matrix.T, rtol=0.0, atol=_ROUNDING)),
        "A correlation matrix must be symmetric. Give each pair one value.",
    )
    repaired, distance = nearest_correlation(0.5 * (matrix + matrix.T))
    require(
        distance <= limit,
        f"The correlation matrix has negative eigenvalues; the nearest correlation matrix is at "
        f"Frobenius distance {distance:.4g}, above the limit of {limit:.4g}. Correct its entries, "
        "or raise the limit.",
    )
    return repaired, distance


def shift_correlation(
    covariance: Covariance, share: float, *, among: Sequence[int] | None = None
) -> tuple[Covariance, float]:
    r"""Correlations moved towards one, or towards minus one.

    Each becomes $\rho + s (1 - \rho)$ for a share $s > 0$ and $\rho + |s| (-1 - \rho)$ for
    $s < 0$, then the nearest correlation matrix is taken: three factors cannot all be opposed to
    each other.

    Args:
        covariance: volatilities, which stay, and correlations.
        share: $s$, in [-1, 1]; zero changes nothing.
        among: factors whose correlations with each other are moved; None for all.

    Returns:
        Covariance, and the Frobenius distance of the repair.

    Raises:
        InvalidInputError: `share` or a factor is out of range.
    """
    require(-1.0 <= share <= 1.0, f"shift_correlation: share must lie in [-1, 1]; got {share!r}.")
    correlation = np.array(covariance.correlation, np.float64)
    factors = correlation.shape[0]
    rows = list(range(factors)) if among is None else list(among)
    require(
        all(0 <= row < factors for row in rows),
        f"shift_correlation: among must name factors 0 to {factors - 1}; got {rows}.",
    )
    block = np.ix_(rows, rows)
    correlation[block] += abs(share) * (np.sign(share) - correlation[block])
    np.fill_diagonal(correlation, 1.0)
    return _with_nearest(covariance, correlation)


def break_correlation(
    covariance: Covariance, blocks: Sequence[int], *, between: float = 0.0
) -> tuple[Covariance, float]:
    """Correlations between blocks of factors replaced by one number; within blocks they stay.

    Args:
        covariance: volatilities, which stay, and correlations.
        blocks: block of each factor; equal numbers belong together.
        between: correlation of factors of different blocks, in [-1, 1].

    Returns:
        Covariance, and the Frobenius distance of the repair; zero for `between` = 0.

    Raises:
        InvalidInputError: `between` is out of range, or there is not one block per factor.
    """
    require(
        -1.0 <= between <= 1.0, f"break_correlation: between must lie in [-1, 1]; got {between!r}."
    )
    correlation = np.array(covariance.correlation, np.float64)
    block = np.asarray(blocks)
    require(
        block.shape == correlation.shape[:1],
        f"break_correlation needs one block per factor; got {block.size} for "
        f"{correlation.shape[0]} factors.",
    )
    correlation[block[:, None] != block[None, :]] = between
    return _with_nearest(covariance, correlation)


def _with_nearest(covariance: Covariance, correlation: np.ndarray) -> tuple[Covariance, float]:
    repaired, distance = repair_correlation(correlation, limit=np.inf)
    return Covariance(covariance.volatility, jnp.asarray(repaired)), distance
