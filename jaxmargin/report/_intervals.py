"""Exact intervals of shares, and counts of a binomial law."""

import numpy as np
from jaxtyping import Float

__all__ = ["binomial_counts", "share_interval"]


def share_interval(
    count: Float[np.ndarray, " row"], total: int, *, confidence: float = 0.95
) -> tuple[Float[np.ndarray, " row"], Float[np.ndarray, " row"]]:
    """Interval that holds the true share with at least this confidence; both ends.

    Args:
        count: how often it was seen.
        total: of how many; if none, the interval is all from 0 to 1.
        confidence: in (0, 1).

    References:
        Clopper, C. and Pearson, E. (1934), "The use of confidence or fiducial limits illustrated
        in the case of the binomial", Biometrika 26, 404-413.
    """
    from scipy.special import betaincinv

    tail, rest = 0.5 * (1.0 - confidence), total - count
    low = np.where(count > 0.0, betaincinv(np.maximum(count, 0.5), rest + 1.0, tail), 0.0)
    high = np.where(rest > 0.0, betaincinv(count + 1.0, np.maximum(rest, 0.5), 1.0 - tail), 1.0)
    return low, high


def binomial_counts(total: int, share: float, most: int) -> Float[np.ndarray, " count"]:
    """Probabilities of 0, 1, ..., `most` of `total`."""
    from scipy.stats import binom

    return binom.pmf(np.arange(most + 1), total, share)
