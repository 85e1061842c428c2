"""Closed form of single-barrier options."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from jaxmargin.instruments.formulas import black
from jaxmargin.numerics import mills_ratio

__all__ = ["barrier_price", "corrected_barrier"]

# -zeta(1/2) / sqrt(2 pi): Broadie, Glasserman and Kou (1997), theorem 1.1.
_CONTINUITY = 0.5825971579390106

# Below this total volatility the price is that of the path along the forwards, which it then is
# to double precision.
_NO_VOLATILITY = 1e-7

_INVERSE_SQRT_TWO_PI = 0.3989422804014327


def corrected_barrier(
    barrier: Float[Array, "*shape"],
    down: Bool[Array, "*shape"],
    volatility: Float[Array, "*shape"],
    interval: Float[Array, "*shape"],
) -> Float[Array, "*shape"]:
    r"""The continuously watched barrier that stands for one watched every `interval` years.

    $H e^{\mp 0.5826\,\sigma \sqrt{\Delta t}}$, away from the spot; the error of the price is of
    smaller order than $\sqrt{\Delta t}$.

    References:
        Broadie, M., Glasserman, P. and Kou, S. (1997), "A continuity correction for discrete
        barrier options", Mathematical Finance 7, 325-349.
    """
    watched = interval > 0.0
    root = jnp.where(watched, jnp.sqrt(jnp.where(watched, interval, 1.0)), 0.0)
    return barrier * jnp.exp(jnp.where(down, -1.0, 1.0) * _CONTINUITY * volatility * root)


def barrier_price(
    sign: Float[Array, "*shape"],
    spot: Float[Array, "*shape"],
    forward: Float[Array, "*shape"],
    strike: Float[Array, "*shape"],
    total_volatility: Float[Array, "*shape"],
    *,
    barrier: Float[Array, "*shape"],
    down: Bool[Array, "*shape"],
    knock_in: Bool[Array, "*shape"],
) -> Float[Array, "*shape"]:
    r"""Undiscounted price of a European option that a barrier brings to life or ends.

    With $\mu = \ln(F/S) / v^2 - \tfrac12$, $\eta = \pm 1$ for a barrier below or above, the sums
    of the four terms A, B, C, D of the reference; no rebate. A spot at or beyond the barrier has
    touched it. At $v = 0$ the price runs along the forwards from $S$ to $F$.

    Args:
        sign: 1 for a call and -1 for a put.
        spot: spot price.
        forward: forward price of the expiry.
        strike: strike.
        total_volatility: $v = \sigma \sqrt T$, not negative.
        barrier: level $H$, watched continuously.
        down: whether the barrier is below.
        knock_in: whether touching brings to life (else ends) the option.

    References:
        Reiner, E. and Rubinstein, M. (1991), "Breaking down the barriers", Risk 4(8), 28-35;
        Haug, E. (2007), "The complete guide to option pricing formulas", 2nd ed., section 4.17.1.
    """
    vanilla = black(sign, forward, strike, total_volatility)
    touched = jnp.where(down, spot <= barrier, spot >= barrier)
    random = total_volatility > _NO_VOLATILITY
    usual = random & ~touched  # guarded on both sides, so that derivatives stay finite
    alive = _knock_in(
        sign,
        jnp.where(usual, spot, barrier * jnp.where(down, 2.0, 0.5)),
        jnp.where(usual, forward, barrier),
        strike,
        jnp.where(usual, total_volatility, 1.0),
        barrier,
        down,
    )
    on_path = jnp.where(down, forward <= barrier, forward >= barrier)
    still = jnp.where(on_path, vanilla, 0.0)
    inside = jnp.where(touched, vanilla, jnp.where(random, alive, still))
    inside = jnp.clip(inside, 0.0, vanilla)  # the sums round by some 1e-16 of the spot
    return jnp.where(knock_in, inside, vanilla - inside)


def _knock_in(
    sign: Float[Array, "*shape"],
    spot: Float[Array, "*shape"],
    forward: Float[Array, "*shape"],
    strike: Float[Array, "*shape"],
    v: Float[Array, "*shape"],
    barrier: Float[Array, "*shape"],
    down: Bool[Array, "*shape"],
) -> Float[Array, "*shape"]:
    """Price with knock-in. `level` is the log of a strike or barrier over the spot."""
    h = jnp.log(barrier / spot)
    m1 = jnp.log(forward / spot) / v + 0.5 * v
    m2 = m1 - v

    def direct(level: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
        d1, d2 = m1 - level / v, m2 - level / v
        upper, lower = jax.scipy.special.ndtr(sign * d1), jax.scipy.special.ndtr(sign * d2)
        return sign * (forward * upper - strike * lower)

    def power(m: Float[Array, "*shape"], level: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
        # (H / S)^(2 m / v) N(+-y): in the tail of N its density joins the power, which would
        # overflow alone, in one exponent that is never positive
        y = jnp.where(down, 1.0, -1.0) * ((2.0 * h - level) / v + m)
        tail = y < 0.0
        exponent = -0.5 * jnp.square(m - level / v) - 2.0 * h * (h - level) / (v * v)
        in_tail = _INVERSE_SQRT_TWO_PI * jnp.exp(jnp.where(tail, exponent, 0.0))
        in_tail = in_tail * mills_ratio(jnp.where(tail, -y, 0.0))
        body = jnp.exp(jnp.where(tail, 0.0, 2.0 * h * m / v)) * jax.scipy.special.ndtr(y)
        return jnp.where(tail, in_tail, body)

    def reflected(level: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
        return sign * (forward * power(m1, level) - strike * power(m2, level))

    k = jnp.log(strike / spot)
    near = jnp.where(down, jnp.maximum(k, h), jnp.minimum(k, h))  # where C is used it is k
    a, b, c, d = direct(k), direct(h), reflected(near), reflected(h)
    above = strike >= barrier  # the strike above the barrier
    call = sign > 0.0
    down_call, up_call = jnp.where(above, c, a - b + d), jnp.where(above, a, b - c + d)
    down_put, up_put = jnp.where(above, b - c + d, a), jnp.where(above, a - b + d, c)
    return jnp.where(down, jnp.where(call, down_call, down_put), jnp.where(call, up_call, up_put))
