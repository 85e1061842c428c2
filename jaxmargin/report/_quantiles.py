"""Quantiles of weighted scenarios."""

from collections.abc import Sequence

import numpy as np

__all__ = ["weighted_quantiles"]


def weighted_quantiles(
    values: np.ndarray, weight: np.ndarray, levels: Sequence[float]
) -> np.ndarray:
    """Quantiles by cumulated weight, each scenario counted at the middle of its own."""
    order = np.argsort(values)
    share = (np.cumsum(weight[order]) - 0.5 * weight[order]) / weight.sum()
    return np.interp(levels, share, values[order])
