"""Tests of the number of exceedances alone."""

from typing import Literal

import numpy as np
from scipy.special import xlog1py, xlogy

from jaxmargin.backtest._inputs import Counts, Numbers, Values, checked_counts
from jaxmargin.backtest._result import (
    BacktestResult,
    chi_square_result,
    normal_result,
    require_level,
)
from jaxmargin.errors import require

__all__ = ["binomial_test", "coverage_ratio", "exact_binomial_test", "kupiec_test"]


def binomial_test(exceedances: Counts, days: Counts, *, level: float) -> BacktestResult:
    r"""Normal approximation, two-sided, $z = (x - n \alpha) / \sqrt{n \alpha (1 - \alpha)}$.

    With $x$ exceedances in $n$ days of a value at risk with tail $\alpha = 1 - $ `level`.

    Raises:
        InvalidInputError: `level` is outside (0, 1), or the counts make no sense.
    """
    require_level("binomial_test", level)
    count, total = checked_counts("binomial_test", exceedances, days)
    tail = 1.0 - level
    return normal_result((count - total * tail) / np.sqrt(total * tail * level), two_sided=True)


def exact_binomial_test(
    exceedances: Counts,
    days: Counts,
    *,
    level: float,
    side: Literal["more", "fewer", "either"] = "more",
    middle: bool = False,
) -> BacktestResult:
    r"""Exact binomial probability of as many exceedances; the statistic is their number.

    $P(X \ge x)$, $P(X \le x)$ or twice the smaller of both, with $X \sim \mathrm{Bin}(n, \alpha)$.

    Args:
        exceedances: $x$.
        days: $n$.
        level: confidence level $1 - \alpha$ of the value at risk.
        side: what speaks against the model: more exceedances than expected, fewer, or either.
        middle: count only half the probability of $x$ itself (mid-p), less conservative.

    Raises:
        InvalidInputError: `level` is outside (0, 1), or the counts make no sense.

    References:
        Dowd, K. (2005), "Measuring Market Risk", 2nd edition, section 15.3.
    """
    require_level("exact_binomial_test", level)
    require(
        side in ("more", "fewer", "either"),
        f"exact_binomial_test: side must be 'more', 'fewer' or 'either'; got {side!r}.",
    )
    count, total = checked_counts("exact_binomial_test", exceedances, days)
    from scipy.stats import binom as law  # takes a second to import

    tail = 1.0 - level
    half = 0.5 * law.pmf(count, total, tail) if middle else 0.0
    more = law.sf(count - 1, total, tail) - half
    fewer = law.cdf(count, total, tail) - half
    p_value = {
        "more": more,
        "fewer": fewer,
        "either": np.minimum(1.0, 2.0 * np.minimum(more, fewer)),
    }[side]
    return BacktestResult(count.astype(np.float64), np.asarray(p_value))


def kupiec_test(exceedances: Counts, days: Counts, *, level: float) -> BacktestResult:
    r"""Likelihood ratio of the observed proportion of failures against the expected one.

    $$ -2 \big[ (n - x) \ln (1 - \alpha) + x \ln \alpha - (n - x) \ln (1 - x / n)
       - x \ln (x / n) \big] \sim \chi^2_1, \qquad 0 \ln 0 = 0. $$

    Raises:
        InvalidInputError: `level` is outside (0, 1), or the counts make no sense.

    References:
        Kupiec, P. (1995), "Techniques for verifying the accuracy of risk measurement models",
        Journal of Derivatives 3(2), 73-84.
    """
    require_level("kupiec_test", level)
    count, total = checked_counts("kupiec_test", exceedances, days)
    return chi_square_result(coverage_ratio(count, total, level), 1)


def coverage_ratio(count: Numbers, total: Numbers, level: float) -> Values:
    """The statistic of `kupiec_test`."""
    tail, share, calm = 1.0 - level, count / total, total - count
    expected = xlog1py(calm, -tail) + xlogy(count, tail)
    observed = xlog1py(calm, -share) + xlogy(count, share)
    return -2.0 * (expected - observed)
