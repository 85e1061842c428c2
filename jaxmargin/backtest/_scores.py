"""Scores of forecasts, lower is better, and whether one model's are lower than another's."""

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from jaxmargin.backtest._inputs import Amounts, checked_days
from jaxmargin.backtest._result import BacktestResult, normal_result
from jaxmargin.errors import require

__all__ = ["compare_scores", "fissler_ziegel_score", "quantile_score"]

_Amounts = Float[Array | np.ndarray, "*portfolio day"]


def quantile_score(
    losses: _Amounts, value_at_risk: _Amounts, *, level: float
) -> Float[Array, "*portfolio day"]:
    r"""$(1\{L > V\} - \alpha)\,(L - V)$ of each day, lowest on average at the true quantile.

    Differentiable in $V$ except where $L = V$.

    References:
        Koenker, R. and Bassett, G. (1978), "Regression quantiles", Econometrica 46, 33-50.
    """
    gap = losses - value_at_risk
    return jnp.maximum(gap, 0.0) - (1.0 - level) * gap


def fissler_ziegel_score(
    losses: _Amounts, value_at_risk: _Amounts, expected_shortfall: _Amounts, *, level: float
) -> Float[Array, "*portfolio day"]:
    r"""FZ0 score of value at risk $V$ and expected shortfall $E > 0$ together.

    $$ S = \frac{(L - V)^+}{\alpha E} + \frac VE + \ln E - 1, $$

    lowest on average at the true pair; differences of scores do not depend on the unit of money.
    Differentiable except where $L = V$.

    References:
        Fissler, T. and Ziegel, J. (2016), "Higher order elicitability and Osband's principle",
        Annals of Statistics 44, 1680-1707. Patton, A., Ziegel, J. and Chen, R. (2019), "Dynamic
        semiparametric models for expected shortfall", Journal of Econometrics 211, 388-413.
    """
    excess = jnp.maximum(losses - value_at_risk, 0.0) / (1.0 - level)
    return (excess + value_at_risk) / expected_shortfall + jnp.log(expected_shortfall) - 1.0


def compare_scores(first: Amounts, second: Amounts, *, lags: int | None = None) -> BacktestResult:
    r"""Diebold-Mariano test of equal mean scores, two-sided.

    $\bar d / \sqrt{\hat\omega / n} \sim N(0, 1)$ of the differences $d_t$, first less second, with
    Bartlett weights: $\hat\omega = \hat\gamma_0 + 2 \sum_{j \le m} (1 - j / (m + 1)) \hat\gamma_j$.
    Negative where the first model is better. NaN where all differences are equal.

    Args:
        first: scores by day.
        second: scores by day.
        lags: $m$; $\lfloor 4 (n / 100)^{2/9} \rfloor$ if None.

    Raises:
        InvalidInputError: shapes differ, a value is not finite, or `lags` is not below the days.

    References:
        Diebold, F. and Mariano, R. (1995), "Comparing predictive accuracy", Journal of Business &
        Economic Statistics 13, 253-263. Newey, W. and West, K. (1987, 1994) for the variance.
    """
    one, two = checked_days("compare_scores", first=first, second=second)
    gap = one - two
    days = gap.shape[-1]
    chosen = int(4.0 * (days / 100.0) ** (2.0 / 9.0)) if lags is None else lags
    chosen = min(chosen, days - 1) if lags is None else chosen
    require(
        0 <= chosen < days,
        f"compare_scores: 0 <= lags < days must hold; got {lags} lags and {days} days.",
    )
    mean = np.mean(gap, axis=-1)
    centered = gap - mean[..., None]
    variance = np.mean(np.square(centered), axis=-1)
    for lag in range(1, chosen + 1):
        weight = 2.0 * (1.0 - lag / (chosen + 1.0))
        both = centered[..., lag:] * centered[..., : days - lag]
        variance = variance + weight * np.sum(both, axis=-1) / days
    fine = np.ptp(gap, axis=-1) > 0.0
    error = np.sqrt(np.where(fine, variance, 1.0) / days)
    return normal_result(np.where(fine, mean / error, np.nan), two_sided=True)
