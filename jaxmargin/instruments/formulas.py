"""Closed forms, written for any shape and safe at zero time and zero volatility."""

import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxmargin.numerics import normal_cdf, normal_spread

__all__ = ["black", "digital", "safe_inverse"]

# Stands for 1 / total volatility where that is zero: d1 and d2 become +-"infinity" and the
# formula its limit, the intrinsic value, with finite derivatives.
_LARGE = 1e15


def safe_inverse(x: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
    """`1 / x`, and a very large number where `x` is zero; for `x >= 0`."""
    positive = x > 0.0
    return jnp.where(positive, 1.0 / jnp.where(positive, x, 1.0), _LARGE)


def black(
    sign: Float[Array, "*shape"],
    forward: Float[Array, "*shape"],
    strike: Float[Array, "*shape"],
    total_volatility: Float[Array, "*shape"],
) -> Float[Array, "*shape"]:
    r"""Undiscounted price of a European option on a forward.

    $$ V = \theta \big(F\,N(\theta d_1) - K\,N(\theta d_2)\big), \quad
       d_{1,2} = \frac{\ln(F/K)}{v} \pm \frac v2, \quad v = \sigma \sqrt T. $$

    At $v = 0$ it is the intrinsic value.

    Args:
        sign: $\theta$, 1 for a call and -1 for a put.
        forward: forward price, positive.
        strike: strike, positive, in the unit of `forward`.
        total_volatility: $v$, not negative.

    References:
        Black, F. (1976), "The pricing of commodity contracts", Journal of Financial Economics 3,
        167-179, equation 16 without the discount factor.
    """
    d1 = jnp.log(forward / strike) * safe_inverse(total_volatility) + 0.5 * total_volatility
    d2 = d1 - total_volatility
    return sign * normal_spread(forward, strike, sign * d1, sign * d2)


def digital(
    sign: Float[Array, "*shape"],
    forward: Float[Array, "*shape"],
    strike: Float[Array, "*shape"],
    total_volatility: Float[Array, "*shape"],
) -> Float[Array, "*shape"]:
    r"""Undiscounted price of one unit paid if the option ends in the money, $N(\theta d_2)$.

    Arguments as of `black`. At $v = 0$ it is one, zero, or one half at the strike itself.

    References:
        Reiner, E. and Rubinstein, M. (1991), "Unscrambling the binary code", Risk 4(9), 75-83.
    """
    d2 = jnp.log(forward / strike) * safe_inverse(total_volatility) - 0.5 * total_volatility
    return normal_cdf(sign * d2)
