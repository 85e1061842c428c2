"""Engle and Manganelli's regression of exceedances on what was known before."""

import numpy as np
from jaxtyping import Float, Int

from jaxmargin.backtest._inputs import Amounts, checked_days
from jaxmargin.backtest._result import BacktestResult, chi_square_result, require_level
from jaxmargin.errors import require

__all__ = ["dynamic_quantile_test"]

_SMALLEST = 1e-10  # singular value, of columns of length one, below which one depends on others


def dynamic_quantile_test(
    losses: Amounts, value_at_risk: Amounts, *, level: float, lags: int = 4
) -> BacktestResult:
    r"""Dynamic quantile test: whether exceedances can be predicted from the days before.

    With $H_t = 1\{L_t > V_t\} - \alpha$ and the matrix $X$ of a constant, $V_t$, $H_{t-1}, \dots,
    H_{t-k}$ and $L_{t-1}^2$,

    $$ \frac{H' X (X' X)^{-1} X' H}{\alpha (1 - \alpha)} \sim \chi^2_{k + 3}, $$

    the variant of R's GAS. Columns that depend on others, such as a constant value at risk, are
    left out, also of the degrees of freedom.

    Args:
        losses: loss positive.
        value_at_risk: forecast $V_t$ for the same day, loss positive.
        level: confidence level $1 - \alpha$.
        lags: $k$.

    Raises:
        InvalidInputError: `level` is outside (0, 1), `lags` is negative, the days are fewer than
            twice `lags` plus 4, shapes differ or a value is not finite.

    References:
        Engle, R. and Manganelli, S. (2004), "CAViaR: conditional autoregressive value at risk by
        regression quantiles", Journal of Business & Economic Statistics 22, 367-381.
    """
    require_level("dynamic_quantile_test", level)
    loss, risk = checked_days("dynamic_quantile_test", losses=losses, value_at_risk=value_at_risk)
    days = loss.shape[-1]
    require(
        lags >= 0 and days >= 2 * lags + 4,
        f"dynamic_quantile_test: lags must be >= 0 and days >= 2 * lags + 4; got {lags} lags and "
        f"{days} days.",
    )
    start = max(lags, 1)
    hit = (loss > risk) - (1.0 - level)
    columns = [np.ones_like(risk[..., start:]), risk[..., start:]]
    columns += [hit[..., start - lag : days - lag] for lag in range(1, lags + 1)]
    columns.append(np.square(loss[..., start - 1 : days - 1]))
    explained, rank = _explained(np.stack(columns, axis=-1), hit[..., start:])
    return chi_square_result(explained / (level * (1.0 - level)), rank)


def _explained(
    columns: Float[np.ndarray, "*portfolio day column"], hit: Float[np.ndarray, "*portfolio day"]
) -> tuple[Float[np.ndarray, "*portfolio"], Int[np.ndarray, "*portfolio"]]:
    """Squared length of the projection of `hit` on the columns, and how many are independent."""
    length = np.linalg.norm(columns, axis=-2, keepdims=True)
    scaled = columns / np.where(length > 0.0, length, 1.0)
    basis, size, _ = np.linalg.svd(scaled, full_matrices=False)
    counts = size > _SMALLEST
    along = np.einsum("...dc,...d->...c", basis, hit)
    return np.asarray(np.sum(np.where(counts, along**2, 0.0), axis=-1)), np.asarray(
        np.sum(counts, axis=-1)
    )
