"""Nolde and Ziegel's tests of value at risk and expected shortfall together."""

import numpy as np
from jaxtyping import Float

from jaxmargin.backtest._inputs import Amounts, checked_days
from jaxmargin.backtest._result import (
    BacktestResult,
    chi_square_result,
    normal_result,
    require_level,
)

__all__ = ["calibration_test", "one_sided_calibration_test"]

_Moments = Float[np.ndarray, "*portfolio day moment"]


def calibration_test(
    losses: Amounts,
    value_at_risk: Amounts,
    expected_shortfall: Amounts,
    volatility: Amounts | None = None,
    *,
    level: float,
) -> BacktestResult:
    r"""Conditional calibration, two-sided: $n\, \bar g' \hat\Omega^{-1} \bar g \sim \chi^2$.

    With the identification functions

    $$ v_1 = \alpha - 1\{L > V\}, \qquad
       v_2 = V - \mathrm{ES} + 1\{L > V\} \, (L - V) / \alpha $$

    and $\hat\Omega$ the mean of $g g'$. Simple, without volatility: $g = (v_1, v_2)$, two degrees
    of freedom. General: $g = v_1 (\mathrm{ES} - V) / (\alpha \sigma) + v_2 / \sigma$, one degree.
    NaN without an exceedance: then $\hat\Omega$ says nothing about what exceedances do.

    Args:
        losses: realized, loss positive.
        value_at_risk: forecast $V$ for the same day, loss positive.
        expected_shortfall: forecast for the same day, loss positive.
        volatility: $\sigma$ forecast for the same day, positive; None for the simple test.
        level: confidence level $1 - \alpha$.

    Raises:
        InvalidInputError: `level` is outside (0, 1), shapes differ, a value is not finite or a
            volatility not positive.

    References:
        Nolde, N. and Ziegel, J. (2017), "Elicitability and backtesting: perspectives for banking
        regulation", Annals of Applied Statistics 11, 1833-1874. Functions as in R's esback.
    """
    first, second, gap, scale, any_hit = _identify(
        "calibration_test", losses, value_at_risk, expected_shortfall, volatility, level
    )
    if volatility is None:
        moments = np.stack([first, second], axis=-1)
    else:
        tail = 1.0 - level
        moments = (first * gap / (tail * scale) + second / scale)[..., None]
    mean, covariance = _mean_and_covariance(moments)
    usable = np.where(any_hit[..., None, None], covariance, np.eye(moments.shape[-1]))
    solved = np.linalg.solve(usable, mean[..., None])[..., 0]
    statistic = moments.shape[-2] * np.sum(mean * solved, axis=-1)
    return chi_square_result(np.where(any_hit, statistic, np.nan), moments.shape[-1])


def one_sided_calibration_test(
    losses: Amounts,
    value_at_risk: Amounts,
    expected_shortfall: Amounts,
    volatility: Amounts | None = None,
    *,
    level: float,
    hommel: bool = True,
    as_published: bool = False,
) -> BacktestResult:
    r"""Conditional calibration, one-sided: whether value at risk or expected shortfall is too low.

    The largest of $t_i = \sqrt n\, \bar g_i / \sqrt{\hat\Omega_{ii}}$ is the statistic; the p-value
    of all is that of Hommel or Bonferroni. Simple: $g = (-v_1, v_2)$ with the $v$ of
    `calibration_test`. General, with volatility: $g = (-v_1, -v_1 |V|, v_2, v_2 / \sigma)$. NaN
    without an exceedance.

    Args:
        losses: realized, loss positive.
        value_at_risk: forecast $V$ for the same day, loss positive.
        expected_shortfall: forecast for the same day, loss positive.
        volatility: $\sigma$ forecast for the same day, positive; None for the simple test.
        level: confidence level $1 - \alpha$.
        hommel: Hommel's correction, which holds for dependent tests; Bonferroni's if False.
        as_published: take $+v_1$, as R's esback does, which finds too few exceedances, not too
            many.

    Raises:
        InvalidInputError: `level` is outside (0, 1), shapes differ, a value is not finite or a
            volatility not positive.

    References:
        Nolde and Ziegel (2017), see `calibration_test`. Hommel, G. (1983), "Tests of the overall
        hypothesis for arbitrary dependence structures", Biometrical Journal 25, 423-430.
    """
    first, second, _, scale, any_hit = _identify(
        "one_sided_calibration_test", losses, value_at_risk, expected_shortfall, volatility, level
    )
    first = first if as_published else -first
    parts = [first, second]
    if volatility is not None:
        parts = [first, first * np.abs(np.asarray(value_at_risk)), second, second / scale]
    moments = np.stack(parts, axis=-1)
    days, tests = moments.shape[-2:]
    mean, covariance = _mean_and_covariance(moments)
    variance = np.diagonal(covariance, axis1=-2, axis2=-1)
    fine = any_hit[..., None] & (variance > 0.0)
    scores = np.where(fine, np.sqrt(days) * mean / np.sqrt(np.where(fine, variance, 1.0)), np.nan)
    each = normal_result(scores, two_sided=False).p_value
    rank = np.arange(1, tests + 1)
    if hommel:
        least = tests * np.sum(1.0 / rank) * np.min(np.sort(each, axis=-1) / rank, axis=-1)
    else:
        least = tests * np.min(each, axis=-1)
    return BacktestResult(np.asarray(np.max(scores, axis=-1)), np.asarray(np.minimum(least, 1.0)))


def _identify(caller, losses, value_at_risk, expected_shortfall, volatility, level):
    """The two identification functions, ES - VaR, the volatility, and where exceedances are."""
    require_level(caller, level)
    loss, risk, shortfall, scale = checked_days(
        caller,
        positive=("volatility",),
        losses=losses,
        value_at_risk=value_at_risk,
        expected_shortfall=expected_shortfall,
        volatility=np.ones(np.shape(losses)) if volatility is None else volatility,
    )
    hits, tail = loss > risk, 1.0 - level
    second = risk - shortfall + np.where(hits, loss - risk, 0.0) / tail
    return tail - hits, second, shortfall - risk, scale, np.any(hits, axis=-1)


def _mean_and_covariance(
    moments: _Moments,
) -> tuple[Float[np.ndarray, "*portfolio moment"], Float[np.ndarray, "*portfolio moment moment"]]:
    days = moments.shape[-2]
    covariance = np.einsum("...ti,...tj->...ij", moments, moments) / days
    return np.mean(moments, axis=-2), covariance
