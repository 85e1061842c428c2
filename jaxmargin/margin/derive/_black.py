"""Option values and marks as Derive computes them."""

import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxmargin.instruments.formulas import black

__all__ = [
    "DAY_SECONDS",
    "YEAR_SECONDS",
    "option_value",
    "root_years",
    "split_forward",
    "svi_volatility",
]

DAY_SECONDS = 86_400.0
YEAR_SECONDS = 365.0 * DAY_SECONDS
_SETTLEMENT_SECONDS = 1_800.0  # a forward becomes the average of the last 30 minutes
_MOST_VOLATILITY = 24.0  # total volatility from which a call is worth its forward
_MOST_VARIANCE = 144.0


def root_years(seconds: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
    """Root of the time in years; its derivative at zero seconds is taken as zero."""
    later = seconds > 0.0
    return jnp.where(later, jnp.sqrt(jnp.where(later, seconds, 1.0) / YEAR_SECONDS), 0.0)


def option_value(
    sign: Float[Array, " option"],
    forward: Float[Array, " option"],
    strike: Float[Array, " option"],
    total_volatility: Float[Array, " option"],
    discount: Float[Array, " option"],
) -> Float[Array, " option"]:
    """Value of one option by Black's formula, in USD.

    From a total volatility of 24 on it is its bound, the discounted forward of a call and the
    discounted strike of a put; at zero, and so at expiry, it is the intrinsic value, discounted.

    Args:
        sign: 1 for a call, -1 for a put.
        forward: in USD, positive.
        strike: in USD, positive.
        total_volatility: volatility times root of the years to expiry.
        discount: value today of one USD at expiry.
    """
    bound = jnp.where(sign > 0.0, forward, strike)
    value = jnp.minimum(black(sign, forward, strike, total_volatility), bound)
    return discount * jnp.where(total_volatility >= _MOST_VOLATILITY, bound, value)


def split_forward(
    forward: Float[Array, "*shape"], seconds: Float[Array, "*shape"]
) -> tuple[Float[Array, "*shape"], Float[Array, "*shape"]]:
    """The part of a forward that still moves, and the part that the last half hour has settled."""
    variable = forward * jnp.minimum(seconds, _SETTLEMENT_SECONDS) / _SETTLEMENT_SECONDS
    return variable, forward - variable


def svi_volatility(
    strike: Float[Array, "*shape"],
    a: Float[Array, "*shape"],
    b: Float[Array, "*shape"],
    rho: Float[Array, "*shape"],
    m: Float[Array, "*shape"],
    sigma: Float[Array, "*shape"],
    forward: Float[Array, "*shape"],
    years: Float[Array, "*shape"],
) -> Float[Array, "*shape"]:
    r"""Mark volatility of Derive's feed, annualized.

    $$ w = a + b \big(\rho (k - m) + \sqrt{(k - m)^2 + \sigma^2}\big), \quad
       \mathrm{vol} = \sqrt{\min(w, 144) / \tau}, $$

    with $k = \ln(K / F)$ held within four of $\sqrt{a + b \sigma}$, where it is not smooth.

    Args:
        strike: $K$, in USD.
        a: level of total variance.
        b: slope of the wings, not negative.
        rho: turn of the smile, in (-1, 1).
        m: its center.
        sigma: its roundness, positive.
        forward: $F$ when the curve was fitted, in USD.
        years: $\tau$, to expiry when the curve was fitted.

    References:
        Gatheral, J. (2004), "A parsimonious arbitrage-free implied volatility parameterization",
        Global Derivatives, Madrid.
    """
    widest = 4.0 * jnp.sqrt(a + b * sigma)
    k = jnp.clip(jnp.log(strike / forward), -widest, widest) - m
    variance = a + b * (rho * k + jnp.sqrt(k * k + sigma * sigma))
    return jnp.sqrt(jnp.minimum(variance, _MOST_VARIANCE) / years)
