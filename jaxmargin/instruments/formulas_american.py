"""American options by a binomial tree with a Black-Scholes last step and extrapolation."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxmargin.instruments.formulas import black

__all__ = ["american_price"]

_STEPS = 128  # of the finer tree; the coarser one has half


def american_price(
    sign: Float[Array, " instrument"],
    spot: Float[Array, " instrument"],
    forward: Float[Array, " instrument"],
    strike: Float[Array, " instrument"],
    total_volatility: Float[Array, " instrument"],
    *,
    rate_time: Float[Array, " instrument"],
) -> Float[Array, " instrument"]:
    r"""Price of an option that may be exercised at any time, discounted.

    A tree with equal probabilities, $S_{i+1} = S_i\, e^{b\,\Delta t \pm \sigma \sqrt{\Delta t}} /
    \cosh(\sigma \sqrt{\Delta t})$, exact in the forward for any volatility; the last step is
    priced by Black's formula, which smooths the price in its inputs, and the prices of 128 and 64
    steps are extrapolated (twice the finer less the coarser). Exercise is looked at on the dates
    of the tree. Error below 2e-4 of the strike for total volatilities up to 1 (measured against a
    high-precision integral method, see the tests). Memory: 128 numbers per price.

    Args:
        sign: 1 for a call and -1 for a put.
        spot: spot price.
        forward: forward price of the expiry; $b\,T = \ln(F/S)$.
        strike: strike.
        total_volatility: $\sigma \sqrt T$, not negative.
        rate_time: continuously compounded rate times time to expiry, $r\,T$.

    References:
        Broadie, M. and Detemple, J. (1996), "American option valuation: new bounds,
        approximations, and a comparison of existing methods", Review of Financial Studies 9,
        1211-1250, section 3 (BBSR). Equal probabilities matched to the forward: Jarrow, R. and
        Turnbull, S. (1996), "Derivative securities", chapter 5.
    """
    fine = _tree(sign, spot, forward, strike, total_volatility, rate_time, _STEPS)
    coarse = _tree(sign, spot, forward, strike, total_volatility, rate_time, _STEPS // 2)
    european = black(sign, forward, strike, total_volatility) * jnp.exp(-rate_time)
    exercised = jnp.maximum(sign * (spot - strike), 0.0)
    return jnp.maximum(jnp.maximum(2.0 * fine - coarse, european), exercised)


def _tree(
    sign: Float[Array, " instrument"],
    spot: Float[Array, " instrument"],
    forward: Float[Array, " instrument"],
    strike: Float[Array, " instrument"],
    total_volatility: Float[Array, " instrument"],
    rate_time: Float[Array, " instrument"],
    steps: int,
) -> Float[Array, " instrument"]:
    move = total_volatility / steps**0.5
    carry = jnp.log(forward / spot) / steps
    discount = jnp.exp(-rate_time / steps)
    nodes = jnp.arange(steps, dtype=spot.dtype)  # ups less the middle, at the last date but one

    def price(date: Float[Array, ""]) -> Float[Array, "instrument node"]:
        log_center = date * (carry - _log_cosh(move))
        ups = 2.0 * nodes[None, :] - date
        return spot[:, None] * jnp.exp(log_center[:, None] + ups * move[:, None])

    def exercise(prices: Float[Array, "instrument node"]) -> Float[Array, "instrument node"]:
        return jnp.maximum(sign[:, None] * (prices - strike[:, None]), 0.0)

    last = jnp.asarray(steps - 1.0, spot.dtype)
    prices = price(last)
    one = jnp.ones_like(prices)
    held = black(
        sign[:, None] * one,
        prices * jnp.exp(carry)[:, None],
        strike[:, None] * one,
        move[:, None] * one,
    )
    value = jnp.maximum(held * discount[:, None], exercise(prices))

    def back(
        value: Float[Array, "instrument node"], date: Float[Array, ""]
    ) -> tuple[Float[Array, "instrument node"], None]:
        # nodes beyond the date hold numbers that no earlier node reads
        held = 0.5 * (value + jnp.roll(value, -1, axis=1)) * discount[:, None]
        return jnp.maximum(held, exercise(price(date))), None

    dates = jnp.arange(steps - 2, -1, -1, dtype=spot.dtype)
    value, _ = jax.lax.scan(back, value, dates)
    return value[:, 0]


def _log_cosh(x: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
    """`log(cosh(x))` without overflow."""
    size = jnp.abs(x)
    return size + jnp.log1p(jnp.exp(-2.0 * size)) - jnp.log(2.0)
