"""Fits of a t-copula and of the distributions that it joins."""

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from jaxmargin.errors import require
from jaxmargin.scenarios._copula import REACH, Marginals
from jaxmargin.scenarios._covariance import Covariance

__all__ = ["fit_degrees", "fit_marginals", "fit_student_degrees", "rank_correlation"]

_NODES = 4097
_BLEND = 1e-6  # of the identity in a correlation matrix, which may be singular
_DEGREES = (3, 4, 5, 6, 7, 8, 10, 12, 15, 20, 30, 50)


def fit_marginals(
    moves: Float[Array | np.ndarray, "day factor"], degrees: int, *, tail: float = 0.05
) -> Marginals:
    r"""The empirical distribution of each factor, with generalized Pareto tails.

    Between the tails the quantile function runs straight between order statistics at
    $(i - 1/2) / n$. Beyond a share `tail` of the days on either side, the excesses over the
    threshold follow a generalized Pareto distribution by probability-weighted moments, so that
    moves larger than any in the history happen. A tail of equal moves stays as it is.

    Args:
        moves: one-day moves.
        degrees: degrees of freedom of the copula.
        tail: share of the days in each tail, in (0, 0.5).

    Raises:
        InvalidInputError: fewer than 10 days lie in a tail, or a setting is out of range.

    References:
        Hosking, J. and Wallis, J. (1987), "Parameter and quantile estimation for the generalized
        Pareto distribution", Technometrics 29, 339-349, section 3. McNeil, A. and Frey, R. (2000),
        "Estimation of tail-related risk measures for heteroscedastic financial time series",
        Journal of Empirical Finance 7, 271-300.
    """
    import scipy.stats

    require(degrees >= 1, f"fit_marginals: degrees must be at least 1; got {degrees!r}.")
    require(0.0 < tail < 0.5, f"fit_marginals: tail must lie in (0, 0.5); got {tail!r}.")
    table = np.sort(np.asarray(moves, np.float64), axis=0)
    days = table.shape[0]
    count = int(tail * days)
    require(
        count >= 10,
        f"fit_marginals: {days} days leave {count} in each tail, and 10 are needed. Give a longer "
        "history.",
    )
    x = np.sinh(np.linspace(-REACH, REACH, _NODES))
    below, above = scipy.stats.t.cdf(x, degrees), scipy.stats.t.sf(x, degrees)
    place, edge = (np.arange(days) + 0.5) / days, count / days
    lower, upper = below < edge, above < edge
    rows = []
    for column in table.T:
        row = np.interp(below, place, column)
        row[lower] = -_tail_quantile(-column[::-1], below[lower] / edge, count)
        row[upper] = _tail_quantile(column, above[upper] / edge, count)
        rows.append(row)
    return Marginals(jnp.asarray(np.stack(rows)), degrees)


def _tail_quantile(ascending: np.ndarray, survival: np.ndarray, count: int) -> np.ndarray:
    """Quantiles of the upper tail of `count` values, at survival probabilities within it."""
    threshold = 0.5 * (ascending[-count - 1] + ascending[-count])
    excess = ascending[-count:] - threshold
    if not excess.any():  # a price on a grid: all of the tail is one value
        return np.full_like(survival, threshold)
    within = 1.0 - (np.arange(1, count + 1) - 0.35) / count
    mean, weighted = excess.mean(), np.mean(excess * within)
    shape = 2.0 - mean / (mean - 2.0 * weighted)
    scale = 2.0 * mean * weighted / (mean - 2.0 * weighted)
    depth = -np.log(survival)
    reach = np.expm1(shape * depth) / shape if abs(shape) > 1e-9 else depth
    return threshold + scale * reach


def rank_correlation(moves: Float[Array | np.ndarray, "day factor"]) -> np.ndarray:
    r"""Correlation matrix of a t-copula from Kendall's rank correlations, $\sin(\pi \tau / 2)$.

    Outliers do not distort it, but it may have negative eigenvalues; see `nearest_correlation`.

    Raises:
        InvalidInputError: there are fewer than 10 days.

    References:
        Demarta, S. and McNeil, A. (2005), "The t copula and related copulas", International
        Statistical Review 73, 111-129, section 4.2.
    """
    import scipy.stats

    table = np.asarray(moves, np.float64)
    days, factors = table.shape
    require(days >= 10, f"rank_correlation needs at least 10 days of history; got {days}.")
    result = np.eye(factors)
    for i in range(factors):
        for j in range(i):
            tau = np.asarray(scipy.stats.kendalltau(table[:, i], table[:, j]), np.float64)[0]
            result[i, j] = result[j, i] = np.sin(0.5 * np.pi * tau)
    return result


def fit_degrees(moves: Float[Array | np.ndarray, "day factor"], correlation: np.ndarray) -> int:
    r"""Degrees of freedom of a t-copula by maximum pseudo-likelihood, of 3 to 50.

    A single factor has no copula, whose degrees then do not matter: 3.

    Args:
        moves: one-day moves; only their ranks count.
        correlation: correlation matrix of the copula.

    References:
        Demarta, S. and McNeil, A. (2005), as in `rank_correlation`, section 4.2.
    """
    import scipy.stats

    table = np.asarray(moves, np.float64)
    if table.shape[1] == 1:
        return _DEGREES[0]
    uniform = scipy.stats.rankdata(table, axis=0) / (table.shape[0] + 1)

    def likelihood(degrees: int) -> float:
        x = scipy.stats.t.ppf(uniform, degrees)
        joint = _log_density(x, correlation, degrees)
        return float(np.sum(joint) - np.sum(scipy.stats.t.logpdf(x, degrees)))

    return max(_DEGREES, key=likelihood)


def fit_student_degrees(
    moves: Float[Array | np.ndarray, "day factor"], covariance: Covariance
) -> int:
    r"""Degrees of freedom of jointly Student-t moves by maximum likelihood, of 3 to 50.

    With the covariance given, the scale of the t distribution is $(\nu - 2) / \nu$ times it. The
    size of the moves counts, not only their ranks.

    Args:
        moves: one-day moves.
        covariance: of the moves.
    """
    table = np.asarray(moves, np.float64)
    unit = (table - table.mean(axis=0)) / np.asarray(covariance.volatility, np.float64)
    correlation = np.asarray(covariance.correlation, np.float64)

    def likelihood(degrees: int) -> float:
        shrink = np.sqrt((degrees - 2) / degrees)
        density = _log_density(unit / shrink, correlation, degrees)
        return float(np.sum(density)) - unit.size * float(np.log(shrink))

    return max(_DEGREES, key=likelihood)


def _log_density(x: np.ndarray, correlation: np.ndarray, degrees: int) -> np.ndarray:
    """Log density of each row of `x`, jointly Student-t; singular matrices are made regular."""
    import scipy.special

    factors = x.shape[1]
    regular = (1.0 - _BLEND) * np.asarray(correlation, np.float64) + _BLEND * np.eye(factors)
    root = np.linalg.cholesky(0.5 * (regular + regular.T))
    squared = np.sum(np.square(np.linalg.solve(root, x.T)), axis=0)
    half = 0.5 * (degrees + factors)
    constant = scipy.special.gammaln(half) - scipy.special.gammaln(0.5 * degrees)
    constant -= 0.5 * factors * np.log(degrees * np.pi) + np.sum(np.log(np.diag(root)))
    return constant - half * np.log1p(squared / degrees)
