"""Test of whether the chance of an exceedance depends on the time since the last one."""

import numpy as np
from jaxtyping import Bool, Float
from scipy.special import xlogy

from jaxmargin.backtest._exceedances import days_since_exceedance
from jaxmargin.backtest._inputs import Hits, checked_hits
from jaxmargin.backtest._result import BacktestResult, chi_square_result

__all__ = ["duration_shape", "duration_test"]

_LEAST, _MOST = 1e-3, 10.0  # bounds of the shape, those of rugarch's VaRDurTest
_BISECTIONS = 64

_Durations = Float[np.ndarray, "portfolio duration"]
_Each = Float[np.ndarray, " portfolio"]


def duration_test(hits: Hits) -> BacktestResult:
    r"""Likelihood ratio of Weibull durations between exceedances against exponential ones.

    $$ 2 \big[ \ell(\hat b) - \ell(1) \big] \sim \chi^2_1, \qquad
       \ell(b) = \max_a \sum_{i \in U} \ln \big( a^b b D_i^{b - 1} \big) - \sum_i (a D_i)^b $$

    with the durations $D_i$ in days and those $U$ between two exceedances. The days until the first
    exceedance and those after the last one are censored. NaN with fewer than two exceedances.

    Raises:
        InvalidInputError: there is no day.

    References:
        Christoffersen, P. and Pelletier, D. (2004), "Backtesting value-at-risk: a duration-based
        approach", Journal of Financial Econometrics 2, 84-108.
    """
    durations, between, shape = _collect(checked_hits("duration_test", hits))
    best = _fit(durations, between)
    ratio = 2.0 * (_likelihood(best, durations, between) - _likelihood(1.0, durations, between))
    return chi_square_result(np.where(np.isnan(best), np.nan, ratio).reshape(shape), 1)


def duration_shape(hits: Hits) -> Float[np.ndarray, "*portfolio"]:
    r"""The Weibull shape $\hat b$ of `duration_test`: below one, exceedances cluster.

    Within 0.001 and 10; NaN with fewer than two exceedances.

    Raises:
        InvalidInputError: there is no day.
    """
    durations, between, shape = _collect(checked_hits("duration_shape", hits))
    return _fit(durations, between).reshape(shape)


def _collect(
    hits: Hits,
) -> tuple[_Durations, Bool[np.ndarray, "portfolio duration"], tuple[int, ...]]:
    """Durations, padded by zeros; which lie between two exceedances; shape of the portfolios."""
    *portfolios, days = hits.shape
    rows = np.reshape(hits, (-1, days))
    order = np.cumsum(rows, axis=-1)
    most = int(np.max(order[:, -1], initial=0))
    durations = np.zeros((len(rows), most + 1))
    between = np.zeros(durations.shape, bool)
    row, day = np.nonzero(rows)
    place = order[row, day] - 1
    between[row, place] = place > 0
    wait = days_since_exceedance(rows)[row, day]
    durations[row, place] = np.where((place == 0) & (day == 0), 0.0, wait)  # starts with one
    last = days - np.argmax(rows[:, ::-1], axis=-1)
    durations[:, most] = np.where(order[:, -1] > 0, days - last, 0.0)
    return durations, between, tuple(portfolios)


def _fit(durations: _Durations, between: Bool[np.ndarray, "portfolio duration"]) -> _Each:
    """The root of the slope of the likelihood, which falls in the shape; by bisection."""
    count, logs = np.sum(between, axis=-1), _logs(durations)
    log_sum = np.sum(np.where(between, logs, 0.0), axis=-1)
    low, high = np.full(len(count), _LEAST), np.full(len(count), _MOST)
    held = np.where(count > 0, count, 1)
    for _ in range(_BISECTIONS):
        middle = 0.5 * (low + high)
        power = _powers(durations, middle)
        total = np.maximum(np.sum(power, axis=-1), np.finfo(np.float64).tiny)
        slope = held * (1.0 / middle - np.sum(power * logs, axis=-1) / total) + log_sum
        low, high = np.where(slope > 0.0, middle, low), np.where(slope > 0.0, high, middle)
    return np.where(count > 0, 0.5 * (low + high), np.nan)


def _likelihood(
    shape: _Each | float, durations: _Durations, between: Bool[np.ndarray, "portfolio duration"]
) -> _Each:
    """The log-likelihood at its best scale."""
    count = np.sum(between, axis=-1)
    log_sum = np.sum(np.where(between, _logs(durations), 0.0), axis=-1)
    total = np.sum(_powers(durations, np.broadcast_to(shape, count.shape)), axis=-1)
    scale = xlogy(count, count) - xlogy(count, np.where(total > 0.0, total, 1.0))
    return xlogy(count, shape) + scale + (shape - 1.0) * log_sum - count


def _logs(durations: _Durations) -> _Durations:
    return np.log(np.where(durations > 0.0, durations, 1.0))


def _powers(durations: _Durations, shape: _Each) -> _Durations:
    return np.where(durations > 0.0, np.exp(shape[:, None] * _logs(durations)), 0.0)
