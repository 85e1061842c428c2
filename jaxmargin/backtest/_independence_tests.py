"""Christoffersen's tests of whether exceedances cluster."""

import numpy as np
from scipy.special import xlog1py, xlogy

from jaxmargin.backtest._coverage_tests import coverage_ratio
from jaxmargin.backtest._exceedances import count_transitions
from jaxmargin.backtest._inputs import Hits, Numbers, Values, checked_hits
from jaxmargin.backtest._result import BacktestResult, chi_square_result, require_level

__all__ = ["conditional_coverage_test", "independence_test"]


def independence_test(hits: Hits) -> BacktestResult:
    r"""Likelihood ratio of a Markov chain of exceedances against independent ones.

    With $n_{ij}$ transitions from state $i$ to $j$ (1 is an exceedance), $p_{01} = n_{01} /
    (n_{00} + n_{01})$, $p_{11} = n_{11} / (n_{10} + n_{11})$ and $p = (n_{01} + n_{11}) / (n - 1)$,

    $$ -2 \Big[ \ln L(p, p) - \ln L(p_{01}, p_{11}) \Big] \sim \chi^2_1, \qquad
       L(a, b) = (1 - a)^{n_{00}} a^{n_{01}} (1 - b)^{n_{10}} b^{n_{11}}. $$

    Zero where all days, or none, are exceedances.

    Raises:
        InvalidInputError: there is no day.

    References:
        Christoffersen, P. (1998), "Evaluating interval forecasts", International Economic Review
        39, 841-862.
    """
    return chi_square_result(_independence_ratio(checked_hits("independence_test", hits)), 1)


def conditional_coverage_test(hits: Hits, *, level: float) -> BacktestResult:
    r"""Coverage and independence at once: `kupiec_test` plus `independence_test`, $\chi^2_2$.

    All $n$ days count in the first, the $n - 1$ transitions in the second, as in MATLAB and
    rugarch.

    Raises:
        InvalidInputError: `level` is outside (0, 1), or there is no day.

    References:
        Christoffersen (1998), see `independence_test`.
    """
    require_level("conditional_coverage_test", level)
    array = checked_hits("conditional_coverage_test", hits)
    count = np.asarray(np.count_nonzero(array, axis=-1))
    coverage = coverage_ratio(count, np.full_like(count, array.shape[-1]), level)
    return chi_square_result(coverage + _independence_ratio(array), 2)


def _independence_ratio(hits: Hits) -> Values:
    n = count_transitions(hits)
    after_calm, after_hit = n.calm_calm + n.calm_hit, n.hit_calm + n.hit_hit
    entered = n.calm_hit + n.hit_hit
    together = _likelihood(after_calm + after_hit - entered, entered)
    apart = _likelihood(n.calm_calm, n.calm_hit) + _likelihood(n.hit_calm, n.hit_hit)
    return -2.0 * (together - apart)


def _likelihood(calm: Numbers, hit: Numbers) -> Values:
    """Greatest log-likelihood of independent days, zero where there are none."""
    share = hit / np.maximum(calm + hit, 1)
    return xlog1py(calm, -share) + xlogy(hit, share)
