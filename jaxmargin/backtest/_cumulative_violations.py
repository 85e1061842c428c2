"""Du and Escanciano's tests of how deep in the tail results fell."""

import numpy as np
from jaxtyping import Float

from jaxmargin.backtest._inputs import Amounts, checked_days
from jaxmargin.backtest._result import (
    BacktestResult,
    chi_square_result,
    normal_result,
    require_level,
)
from jaxmargin.errors import require

__all__ = ["cumulative_violations", "tail_dependence_test", "tail_depth_test"]


def cumulative_violations(
    probability: Amounts, *, level: float
) -> Float[np.ndarray, "*portfolio day"]:
    r"""$H_t = (\alpha - u_t)^+ / \alpha$: zero within the value at risk, one at the worst loss.

    Args:
        probability: $u_t$ of `probability_transform`, or of a model's distribution function.
        level: confidence level $1 - \alpha$.

    Raises:
        InvalidInputError: `level` is outside (0, 1), or a probability is outside [0, 1].
    """
    require_level("cumulative_violations", level)
    (values,) = checked_days("cumulative_violations", probability=probability)
    require(
        bool(np.all((values >= 0.0) & (values <= 1.0))),
        f"cumulative_violations: probability must lie in [0, 1]; got {values.min()!r} to "
        f"{values.max()!r}.",
    )
    tail = 1.0 - level
    return np.maximum(tail - values, 0.0) / tail


def tail_depth_test(
    probability: Amounts, *, level: float, two_sided: bool = True
) -> BacktestResult:
    r"""Unconditional test: whether violations are as many and as deep as they should be.

    $$ \sqrt{n}\, \frac{\bar H - \alpha / 2}{\sqrt{\alpha (1/3 - \alpha / 4)}} \sim N(0, 1), $$

    positive where the model understates the tail.

    Raises:
        InvalidInputError: see `cumulative_violations`.

    References:
        Du, Z. and Escanciano, J. (2017), "Backtesting expected shortfall: accounting for tail
        risk", Management Science 63, 940-958.
    """
    depth = cumulative_violations(probability, level=level)
    tail, days = 1.0 - level, depth.shape[-1]
    deviation = np.sqrt(tail * (1.0 / 3.0 - tail / 4.0) / days)
    return normal_result((np.mean(depth, axis=-1) - tail / 2.0) / deviation, two_sided=two_sided)


def tail_dependence_test(probability: Amounts, *, level: float, lags: int = 5) -> BacktestResult:
    r"""Conditional test: whether violations predict later ones.

    $$ n \sum_{j = 1}^m \hat\rho_j^2 \sim \chi^2_m, \qquad \hat\rho_j = \hat\gamma_j / \hat\gamma_0,
       \qquad \hat\gamma_j = \frac{1}{n - j} \sum_{t > j} \Big( H_t - \frac\alpha2 \Big)
       \Big( H_{t - j} - \frac\alpha2 \Big). $$

    NaN where there is no violation, which says nothing about their order.

    Args:
        probability: see `cumulative_violations`.
        level: confidence level $1 - \alpha$.
        lags: $m$, in days.

    Raises:
        InvalidInputError: see `cumulative_violations`; or `lags` is not between 1 and the days.

    References:
        Du and Escanciano (2017), see `tail_depth_test`.
    """
    depth = cumulative_violations(probability, level=level)
    days, tail = depth.shape[-1], 1.0 - level
    require(
        1 <= lags < days,
        f"tail_dependence_test: 1 <= lags < days must hold; got {lags} lags and {days} days.",
    )
    gap = depth - tail / 2.0
    variance = np.mean(np.square(gap), axis=-1)
    squares = 0.0
    for lag in range(1, lags + 1):
        covariance = np.mean(gap[..., lag:] * gap[..., :-lag], axis=-1)
        squares = squares + np.square(covariance / variance)
    any_violation = np.any(depth > 0.0, axis=-1)
    return chi_square_result(np.where(any_violation, days * squares, np.nan), lags)
