"""Statistics of expected shortfall whose distribution depends on the model.

All have one signature, so that `simulated_test` takes any of them; days are the last axis.
"""

from collections.abc import Callable
from typing import Any

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

__all__ = [
    "ShortfallStatistic",
    "conditional_shortfall",
    "minimally_biased",
    "minimally_biased_relative",
    "secured_share",
    "unconditional_shortfall",
]

_Amounts = Float[Array | np.ndarray, "*portfolio day"]
_Level = float | Float[Array, ""]

ShortfallStatistic = Callable[..., Any]
"""From losses, value at risk, expected shortfall and level to one number a portfolio."""


def conditional_shortfall(
    losses: _Amounts, value_at_risk: _Amounts, expected_shortfall: _Amounts, level: _Level
) -> Float[Array, "*portfolio"]:
    r"""$Z_1 = 1 - \frac{1}{N} \sum_t L_t I_t / \mathrm{ES}_t$ with $N = \sum_t I_t$ exceedances.

    Zero on average if the model is right, negative where losses beyond the value at risk are
    greater than expected, whatever their number. NaN without an exceedance.

    References:
        Acerbi, C. and Szekely, B. (2014), "Backtesting expected shortfall", MSCI.
    """
    del level
    hits = losses > value_at_risk
    count = jnp.sum(hits, axis=-1)
    ratio = jnp.sum(jnp.where(hits, losses / expected_shortfall, 0.0), axis=-1)
    return jnp.where(count > 0, 1.0 - ratio / jnp.maximum(count, 1), jnp.nan)


def unconditional_shortfall(
    losses: _Amounts, value_at_risk: _Amounts, expected_shortfall: _Amounts, level: _Level
) -> Float[Array, "*portfolio"]:
    r"""$Z_2 = 1 - \frac{1}{n \alpha} \sum_t L_t I_t / \mathrm{ES}_t$ over $n$ days.

    Zero on average if the model is right, negative where exceedances are too many or too great.

    References:
        Acerbi and Szekely (2014), see `conditional_shortfall`.
    """
    hits = losses > value_at_risk
    ratio = jnp.mean(jnp.where(hits, losses / expected_shortfall, 0.0), axis=-1)
    return 1.0 - ratio / (1.0 - level)


def minimally_biased(
    losses: _Amounts, value_at_risk: _Amounts, expected_shortfall: _Amounts, level: _Level
) -> Float[Array, "*portfolio"]:
    r"""Mean of $\mathrm{ES}_t - V_t - (L_t - V_t)^+ / \alpha$, in money.

    Zero on average if the model is right, negative where it understates the tail. An error of the
    value at risk $V_t$ moves it only to second order.

    References:
        Acerbi, C. and Szekely, B. (2019), "The minimally biased backtest for ES", Risk, September.
    """
    return jnp.mean(_surplus(losses, value_at_risk, expected_shortfall, level), axis=-1)


def minimally_biased_relative(
    losses: _Amounts, value_at_risk: _Amounts, expected_shortfall: _Amounts, level: _Level
) -> Float[Array, "*portfolio"]:
    r"""`minimally_biased` with every day divided by its $\mathrm{ES}_t$; without unit.

    References:
        Acerbi and Szekely (2019), see `minimally_biased`.
    """
    surplus = _surplus(losses, value_at_risk, expected_shortfall, level)
    return jnp.mean(surplus / expected_shortfall, axis=-1)


def secured_share(
    losses: _Amounts, value_at_risk: _Amounts, expected_shortfall: _Amounts, level: _Level
) -> Float[Array, "*portfolio"]:
    r"""The share $k / n$ of the most worst days on which money set aside did not do in total.

    $k$ is the largest number of worst secured positions $\mathrm{ES}_t - L_t$ whose sum is
    negative. Compare with $\alpha$: greater says that the expected shortfall is too low.

    References:
        Moldenhauer, F. and Pitera, M. (2017), "Backtesting expected shortfall: a simple recipe?",
        arXiv:1709.01337; Journal of Risk.
    """
    del value_at_risk, level
    secured = jnp.sort(expected_shortfall - losses, axis=-1)
    return jnp.mean(jnp.cumsum(secured, axis=-1) < 0.0, axis=-1)


def _surplus(
    losses: _Amounts, value_at_risk: _Amounts, expected_shortfall: _Amounts, level: _Level
) -> _Amounts:
    excess = jnp.maximum(losses - value_at_risk, 0.0) / (1.0 - level)
    return expected_shortfall - value_at_risk - excess
