"""Tests of whether losses beyond the value at risk are the expected shortfall on average."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, Key

from jaxmargin.backtest._inputs import Amounts, checked_days
from jaxmargin.backtest._result import BacktestResult, normal_result
from jaxmargin.errors import require

__all__ = ["exceedance_bootstrap_test", "exceedance_mean_test"]

_Residuals = Float[np.ndarray, "portfolio exceedance"]


def exceedance_mean_test(
    losses: Amounts,
    value_at_risk: Amounts,
    expected_shortfall: Amounts,
    volatility: Amounts | None = None,
) -> BacktestResult:
    r"""One-sided test that exceedance residuals do not have a positive mean, asymptotically normal.

    $\sqrt N\, \bar r / s$ of the $N$ residuals $r_t = (L_t - \mathrm{ES}_t) / \sigma_t$ of days
    with an exceedance; as R's rugarch does without bootstrap. NaN with fewer than two, or where all
    are equal.

    Args:
        losses: realized, loss positive.
        value_at_risk: forecast for the same day, loss positive.
        expected_shortfall: forecast for the same day.
        volatility: $\sigma_t$ forecast for the same day; one if None.

    Raises:
        InvalidInputError: shapes differ, a value is not finite or a volatility not positive.
    """
    residuals, count, shape = _collect(
        "exceedance_mean_test", losses, value_at_risk, expected_shortfall, volatility
    )
    held = np.arange(residuals.shape[-1]) < count[:, None]
    statistic = np.asarray(_studentize(residuals, held, np)).reshape(shape)
    return normal_result(statistic, two_sided=False)


def exceedance_bootstrap_test(
    losses: Amounts,
    value_at_risk: Amounts,
    expected_shortfall: Amounts,
    key: Key[Array, ""],
    volatility: Amounts | None = None,
    *,
    replications: int = 10_000,
    two_sided: bool = False,
) -> BacktestResult:
    r"""The test of `exceedance_mean_test` with the distribution of its statistic bootstrapped.

    Residuals are drawn with replacement; the statistics $t^*$ of the draws, less their mean, are
    compared with the observed one. Draws of a single value, which have none, are left out.

    Args:
        losses: realized, loss positive.
        value_at_risk: forecast for the same day, loss positive.
        expected_shortfall: forecast for the same day.
        key: of the draws.
        volatility: $\sigma_t$ forecast for the same day; one if None.
        replications: number of draws.
        two_sided: whether too great an expected shortfall speaks against the model too.

    Raises:
        InvalidInputError: shapes differ, a value is not finite, a volatility not positive or there
            is no replication.

    References:
        McNeil, A. and Frey, R. (2000), "Estimation of tail-related risk measures for
        heteroscedastic financial time series", Journal of Empirical Finance 7, 271-300.
    """
    require(
        replications >= 1,
        f"exceedance_bootstrap_test: replications must be 1 at least; got {replications}.",
    )
    residuals, count, shape = _collect(
        "exceedance_bootstrap_test", losses, value_at_risk, expected_shortfall, volatility
    )
    with jax.enable_x64(True):
        keys = jax.random.split(key, len(count))
        found = _bootstrap(residuals, count, keys, replications, two_sided)
        statistic, p_value = (np.asarray(each).reshape(shape) for each in found)
    return BacktestResult(statistic, np.where(np.isnan(statistic), np.nan, p_value))


def _collect(
    caller: str,
    losses: Amounts,
    value_at_risk: Amounts,
    expected_shortfall: Amounts,
    volatility: Amounts | None,
) -> tuple[_Residuals, Int[np.ndarray, " portfolio"], tuple[int, ...]]:
    """Residuals of the exceedances, padded by zeros; their number; shape of the portfolios."""
    loss, risk, shortfall, scale = checked_days(
        caller,
        positive=("volatility",),
        losses=losses,
        value_at_risk=value_at_risk,
        expected_shortfall=expected_shortfall,
        volatility=np.ones(np.shape(losses)) if volatility is None else volatility,
    )
    *portfolios, days = loss.shape
    hits = (loss > risk).reshape(-1, days)
    order = np.cumsum(hits, axis=-1)
    residuals = np.zeros((len(hits), max(int(np.max(order[:, -1], initial=0)), 1)))
    row, day = np.nonzero(hits)
    residuals[row, order[row, day] - 1] = ((loss - shortfall) / scale).reshape(-1, days)[row, day]
    return residuals, order[:, -1], tuple(portfolios)


def _studentize(values, held, xp):
    """Mean over standard error of the values that are held; NaN where that is not defined."""
    count = xp.sum(held, axis=-1)
    size = xp.maximum(count, 2)
    mean = xp.sum(xp.where(held, values, 0.0), axis=-1) / size
    gap = xp.where(held, values - mean[..., None], 0.0)
    deviation = xp.sqrt(xp.sum(xp.square(gap), axis=-1) / (size - 1))
    # values that are equal up to rounding have no deviation
    fine = (count >= 2) & (deviation > 1e-14 * xp.abs(mean))
    return xp.where(fine, mean / xp.where(fine, deviation, 1.0) * xp.sqrt(size), xp.nan)


@eqx.filter_jit
def _bootstrap(residuals, count, keys, replications, two_sided):
    def one(portfolio):
        values, number, key = portfolio
        held = jnp.arange(values.size) < number
        observed = _studentize(values, held, jnp)
        uniform = jax.random.uniform(key, (replications, values.size))
        place = jnp.floor(uniform * jnp.maximum(number, 1)).astype(jnp.int32)
        statistics = _studentize(values[place], jnp.broadcast_to(held, place.shape), jnp)
        gap = statistics - jnp.nanmean(statistics)
        as_bad = jnp.abs(gap) >= jnp.abs(observed) if two_sided else gap >= observed
        return observed, jnp.sum(as_bad) / jnp.sum(~jnp.isnan(gap))

    return jax.lax.map(one, (jnp.asarray(residuals), jnp.asarray(count), keys))
