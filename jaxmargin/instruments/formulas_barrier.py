"""Closed form of single-barrier options."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from jaxmargin.instruments.formulas import black

__all__ = ["barrier_price", "corrected_barrier"]

# -zeta(1/2) / sqrt(2 pi): Broadie, Glasserman and Kou (1997), theorem 1.1.
_CONTINUITY = 0.5825971579390106

# Below this total volatility the price is that of the path along the forwards, which it then is
# to double precision.
_NO_VOLATILITY = 1e-7


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
    drift = jnp.log(forward / spot) / (v * v) - 0.5
    shift = (1.0 + drift) * v
    reflection = jnp.log(barrier / spot)

    def direct(level: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
        x = jnp.log(spot / level) / v + shift
        return sign * (
            forward * jax.scipy.special.ndtr(sign * x)
            - strike * jax.scipy.special.ndtr(sign * (x - v))
        )

    def reflected(level: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
        # powers of H/S times normal probabilities, in logs: each alone may overflow
        side = jnp.where(down, 1.0, -1.0)
        y = jnp.log(barrier * barrier / (spot * level)) / v + shift
        upper = 2.0 * (drift + 1.0) * reflection + jax.scipy.special.log_ndtr(side * y)
        lower = 2.0 * drift * reflection + jax.scipy.special.log_ndtr(side * (y - v))
        return sign * (forward * jnp.exp(upper) - strike * jnp.exp(lower))

    a, b, c, d = direct(strike), direct(barrier), reflected(strike), reflected(barrier)
    above = strike >= barrier  # the strike above the barrier
    call = sign > 0.0
    down_call, up_call = jnp.where(above, c, a - b + d), jnp.where(above, a, b - c + d)
    down_put, up_put = jnp.where(above, b - c + d, a), jnp.where(above, a - b + d, c)
    return jnp.where(down, jnp.where(call, down_call, down_put), jnp.where(call, up_call, up_put))
