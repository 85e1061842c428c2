"""Tests of the days that pass between exceedances."""

import numpy as np
from scipy.special import xlog1py, xlogy

from jaxmargin.backtest._coverage_tests import coverage_ratio
from jaxmargin.backtest._exceedances import days_since_exceedance
from jaxmargin.backtest._inputs import Hits, Numbers, Values, checked_hits
from jaxmargin.backtest._result import BacktestResult, chi_square_result, require_level

__all__ = ["first_exceedance_test", "time_between_independence_test", "time_between_test"]


def first_exceedance_test(hits: Hits, *, level: float) -> BacktestResult:
    r"""Time until first failure (TUFF): the likelihood ratio of the day of the first exceedance.

    $$ -2 \big[ \ln \alpha + (v - 1) \ln (1 - \alpha) + v \ln v - (v - 1) \ln (v - 1) \big]
       \sim \chi^2_1 $$

    for a first exceedance on day $v$. Without one in $n$ days, the likelihood ratio of that is
    $-2 n \ln (1 - \alpha)$, the same as in `kupiec_test`.

    Raises:
        InvalidInputError: `level` is outside (0, 1), or there is no day.

    References:
        Kupiec (1995), see `kupiec_test`.
    """
    require_level("first_exceedance_test", level)
    array = checked_hits("first_exceedance_test", hits)
    days, any_hit = array.shape[-1], np.any(array, axis=-1)
    first = _waiting_ratio(np.argmax(array, axis=-1) + 1.0, level)
    none = -2.0 * days * np.log1p(level - 1.0)
    return chi_square_result(np.where(any_hit, first, none), 1)


def time_between_independence_test(hits: Hits, *, level: float) -> BacktestResult:
    r"""Time between failures, independence (TBFI): the sum of `first_exceedance_test` of each gap.

    $\chi^2$ with as many degrees of freedom as there are exceedances; the days after the last one
    count nothing. NaN without an exceedance.

    Raises:
        InvalidInputError: `level` is outside (0, 1), or there is no day.

    References:
        Haas, M. (2001), "New methods in backtesting", Financial Engineering Research Center Caesar.
    """
    require_level("time_between_independence_test", level)
    statistic, count = _gap_ratios(checked_hits("time_between_independence_test", hits), level)
    return chi_square_result(statistic, count)


def time_between_test(hits: Hits, *, level: float) -> BacktestResult:
    r"""Time between failures, mixed (TBF): `kupiec_test` plus `time_between_independence_test`.

    $\chi^2$ with one degree of freedom more than there are exceedances.

    Raises:
        InvalidInputError: `level` is outside (0, 1), or there is no day.

    References:
        Haas (2001), see `time_between_independence_test`.
    """
    require_level("time_between_test", level)
    array = checked_hits("time_between_test", hits)
    statistic, count = _gap_ratios(array, level)
    days = np.full_like(count, array.shape[-1])
    return chi_square_result(statistic + coverage_ratio(count, days, level), count + 1)


def _gap_ratios(hits: Hits, level: float) -> tuple[Values, Numbers]:
    """Sum over the exceedances of the ratio of the days each took, and their number."""
    ratio = _waiting_ratio(days_since_exceedance(hits), level)
    count = np.asarray(np.count_nonzero(hits, axis=-1))
    return np.sum(np.where(hits, ratio, 0.0), axis=-1), count


def _waiting_ratio(wait: Values, level: float) -> Values:
    """-2 ln of the likelihood of a wait under the model, over the greatest likelihood of it."""
    tail, calm = 1.0 - level, wait - 1.0
    expected = np.log(tail) + xlog1py(calm, -tail)
    observed = -np.log(wait) + xlogy(calm, calm / wait)
    return -2.0 * (expected - observed)
