"""Covariance of risk factors: its form, and its estimators."""

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from jaxmargin.errors import require

__all__ = [
    "Covariance",
    "ewma_covariance",
    "ledoit_wolf_covariance",
    "mix_covariances",
    "sample_covariance",
]


class Covariance(eqx.Module):
    """Covariance of one-day moves, as volatilities and correlations.

    Attributes:
        volatility: standard deviation of each factor's one-day move, not negative.
        correlation: correlation matrix: symmetric, ones on the diagonal, no negative eigenvalue.
    """

    volatility: Float[Array, " factor"]
    correlation: Float[Array, "factor factor"]

    def matrix(self) -> Float[Array, "factor factor"]:
        """The covariance matrix."""
        return self.volatility[:, None] * self.correlation * self.volatility[None, :]

    def root(self, components: int | None = None) -> Float[Array, "factor component"]:
        r"""A matrix $R$ with $R R^\top$ = covariance, to multiply standard normals with.

        Without `components` it is the Cholesky factor, differentiable by every entry. With them,
        the leading principal components of the correlation matrix, and one more column for each
        factor with what they leave of its variance, so that no volatility is understated.

        Args:
            components: number of principal components to keep, from 1 to the number of factors.
        """
        factors = self.volatility.shape[0]
        eps = float(jnp.finfo(self.correlation.dtype).eps)
        if components is None:
            jitter = 8.0 * factors * eps * jnp.eye(factors, dtype=self.correlation.dtype)
            return self.volatility[:, None] * jnp.linalg.cholesky(self.correlation + jitter)
        require(
            1 <= components <= factors,
            f"Covariance.root keeps from 1 to {factors} components; got {components}.",
        )
        value, vector = jnp.linalg.eigh(self.correlation)
        largest = jnp.maximum(value[-components:][::-1], 0.0)
        kept = vector[:, -components:][:, ::-1] * jnp.sqrt(largest)[None, :]
        left = jnp.maximum(1.0 - jnp.sum(jnp.square(kept), axis=1), 0.0)
        return self.volatility[:, None] * jnp.concatenate([kept, jnp.diag(jnp.sqrt(left))], axis=1)

    def explained(self, components: int) -> Float[Array, ""]:
        """Share of the correlation matrix's trace in its leading principal components."""
        value = jnp.linalg.eigvalsh(self.correlation)
        return jnp.sum(value[-components:]) / jnp.sum(value)


def _from_matrix(matrix: np.ndarray) -> Covariance:
    volatility = np.sqrt(np.diag(matrix))
    matrix = 0.5 * (matrix + matrix.T)
    correlation = matrix / np.outer(volatility, volatility)
    np.fill_diagonal(correlation, 1.0)
    return Covariance(jnp.asarray(volatility), jnp.asarray(correlation))


def _centered(moves: Float[Array | np.ndarray, "day factor"], days: int) -> np.ndarray:
    require(
        moves.shape[0] >= days,
        f"A covariance needs at least {days} days of history; got {moves.shape[0]}.",
    )
    table = np.asarray(moves, np.float64)
    still = np.flatnonzero(np.ptp(table, axis=0) == 0.0)
    require(
        not still.size,
        f"Factors {still.tolist()} do not move in the window, so they have no correlation. Take a "
        "longer window or leave them out.",
    )
    return table - table.mean(axis=0)


def sample_covariance(moves: Float[Array | np.ndarray, "day factor"]) -> Covariance:
    """Covariance of the moves about their mean, with divisor `days - 1`.

    Raises:
        InvalidInputError: there are fewer than two days, or a factor does not move.
    """
    table = _centered(moves, 2)
    return _from_matrix(table.T @ table / (table.shape[0] - 1))


def ewma_covariance(moves: Float[Array | np.ndarray, "day factor"], decay: float) -> Covariance:
    r"""Exponentially weighted covariance about zero: weights $\propto \lambda^{\text{age}}$.

    Args:
        moves: one-day moves, oldest first.
        decay: $\lambda$, in (0, 1); 0.94 is the daily decay of RiskMetrics.

    Raises:
        InvalidInputError: `decay` is out of range, or a factor does not move.

    References:
        J.P. Morgan/Reuters (1996), "RiskMetrics Technical Document", 4th edition, section 5.2.
    """
    require(0.0 < decay < 1.0, f"ewma_covariance: decay must lie in (0, 1); got {decay!r}.")
    _centered(moves, 2)
    table = np.asarray(moves, np.float64)
    weight = decay ** np.arange(table.shape[0] - 1, -1, -1, dtype=np.float64)
    return _from_matrix((table * (weight / weight.sum())[:, None]).T @ table)


def ledoit_wolf_covariance(
    moves: Float[Array | np.ndarray, "day factor"],
) -> tuple[Covariance, float]:
    """Sample variances, with correlations shrunk towards none by the Ledoit-Wolf intensity.

    The moves are scaled to unit variance first, so that factors in different units (prices,
    volatilities, funding) count alike; the shrinkage target is then the identity.

    Returns:
        Covariance, and the shrinkage intensity in [0, 1].

    Raises:
        InvalidInputError: there are fewer than two days, or a factor does not move.

    References:
        Ledoit, O. and Wolf, M. (2004), "A well-conditioned estimator for large-dimensional
        covariance matrices", Journal of Multivariate Analysis 88, 365-411, lemmas 3.2 to 3.4.
    """
    table = _centered(moves, 2)
    days, factors = table.shape
    deviation = np.sqrt((table**2).mean(axis=0))
    unit = table / deviation
    sample = unit.T @ unit / days
    target = np.trace(sample) / factors * np.eye(factors)
    spread = np.sum((sample - target) ** 2)
    # mean squared distance of one day's outer product from the sample matrix
    noise = (np.sum(np.sum(unit**2, axis=1) ** 2) / days - np.sum(sample**2)) / days
    intensity = float(np.clip(noise / spread, 0.0, 1.0)) if spread > 0.0 else 1.0
    volatility = deviation * np.sqrt(days / (days - 1))
    shrunk = intensity * target + (1.0 - intensity) * sample
    return _from_matrix(shrunk * np.outer(volatility, volatility)), intensity


def mix_covariances(calm: Covariance, stressed: Covariance, stressed_weight: float) -> Covariance:
    """Covariance with a stated weight on a stressed window.

    Args:
        calm: of the whole window.
        stressed: of the stressed window.
        stressed_weight: weight of `stressed`, in [0, 1]; EMIR asks for at least 0.25.

    Raises:
        InvalidInputError: the weight is out of range.
    """
    require(
        0.0 <= stressed_weight <= 1.0,
        f"mix_covariances: stressed_weight must lie in [0, 1]; got {stressed_weight!r}.",
    )
    return _from_matrix((1.0 - stressed_weight) * _host(calm) + stressed_weight * _host(stressed))


def _host(covariance: Covariance) -> np.ndarray:
    """The matrix in double precision, whatever JAX is set to."""
    volatility = np.asarray(covariance.volatility, np.float64)
    correlation = np.asarray(covariance.correlation, np.float64)
    return volatility[:, None] * correlation * volatility[None, :]
