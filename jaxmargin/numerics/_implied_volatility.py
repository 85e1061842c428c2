r"""Implied volatility: the inverse of Black's formula, for whole arrays and to machine precision.

Everything is in the normalized price of the out-of-the-money option,

$$ c(v) = \frac{V}{\min(F, K)} = N(d_1) - e^{a} N(d_2), \quad a = |\ln(F/K)|, \quad
   d_{1,2} = -\frac av \pm \frac v2, $$

which rises from 0 to 1 with $c' = n(d_1)$ and is steepest at $v = \sqrt{2a}$, where $d_1 = 0$.
Below that point $1 / \ln c$ is close to linear in $v^2$, above it $\ln(1 - c)$ is smooth, and
Householder's method of order four on these converges from the guesses below in two steps; a third
is taken and its length decides whether the solver converged.

References:
    Jaeckel, P. (2015), "Let's be rational", Wilmott 75, 40-53: the two objectives, section 3.
"""

import enum
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax.scipy.special import ndtri
from jaxtyping import Array, Bool, Float, Int

from jaxmargin.numerics._mills_ratio import mills_ratio
from jaxmargin.numerics._normal import normal_cdf, normal_pdf

__all__ = ["VolatilityStatus", "implied_total_volatility"]

_SQRT_TWO_PI = 2.5066282746310002
_LOG_SQRT_TWO_PI = 0.9189385332046727
_STEPS = 3
_MARGIN = 1e-5
_SMALL = 0.1  # half the total volatility below which prices come from a series, see `_series`


class VolatilityStatus(enum.IntEnum):
    """What became of one quote; every volatility but that of `CONVERGED` is NaN.

    Attributes:
        CONVERGED: the volatility is the one that gives the price.
        BELOW_INTRINSIC: the price is at or below the intrinsic value, up to the smallest normal
            number; at it a volatility cannot be told from zero.
        ABOVE_BOUND: the price is at or above the forward (call) or the strike (put).
        NOT_CONVERGED: the solver gave up; not known to happen.
        INVALID: an input is not finite, or one that must be positive is not.
    """

    CONVERGED = 0
    BELOW_INTRINSIC = 1
    ABOVE_BOUND = 2
    NOT_CONVERGED = 3
    INVALID = 4


@jax.custom_jvp
def implied_total_volatility(
    price: Float[Array, "*shape"],
    sign: Float[Array, "*shape"],
    forward: Float[Array, "*shape"],
    strike: Float[Array, "*shape"],
) -> tuple[Float[Array, "*shape"], Int[Array, "*shape"]]:
    r"""Total volatility $v = \sigma \sqrt T$ at which Black's formula gives `price`, and a status.

    In double precision $v$ is off by 4e-15 $(1 + \kappa)$ of itself at most, where
    $\kappa = V / (v\,\partial V / \partial v)$ says what the rounding of the price costs: that no
    solver can recover, and it is large for options deep in the money. Derivatives follow from
    the implicit function theorem, $\partial v / \partial V = 1 / (F\,n(d_1))$, and are zero where
    the volatility is NaN.

    Args:
        price: undiscounted price, in the unit of `forward`.
        sign: 1 for a call, -1 for a put.
        forward: forward price, positive.
        strike: strike, positive.

    Returns:
        Total volatility, NaN where there is none; and the `VolatilityStatus` of each, as integers.
    """
    smaller = jnp.minimum(forward, strike)
    gap = jnp.abs(forward - strike)
    in_the_money = sign * (forward - strike) > 0.0
    time_value = price - jnp.where(in_the_money, gap, 0.0)
    valid = (forward > 0.0) & (strike > 0.0)  # false for NaN
    valid &= jnp.isfinite(price) & jnp.isfinite(forward) & jnp.isfinite(strike)
    below, above = time_value <= smaller * jnp.finfo(price.dtype).tiny, time_value >= smaller
    solvable = valid & ~below & ~above
    smaller = jnp.where(solvable, smaller, 2.0)
    value = jnp.where(solvable, time_value, 1.0)
    moneyness = jnp.log1p(jnp.where(solvable, gap, 0.0) / smaller)
    # In their own units both are exact wherever they are small.
    volatility, converged = _solve(moneyness, value / smaller, (smaller - value) / smaller)
    status = jnp.select(
        [~valid, below, above, converged],
        [
            VolatilityStatus.INVALID,
            VolatilityStatus.BELOW_INTRINSIC,
            VolatilityStatus.ABOVE_BOUND,
            VolatilityStatus.CONVERGED,
        ],
        VolatilityStatus.NOT_CONVERGED,
    )
    return jnp.where(solvable & converged, volatility, jnp.nan), status.astype(jnp.int32)


@implied_total_volatility.defjvp
def _implied_total_volatility_jvp(primals, tangents):
    price, sign, forward, strike = primals
    price_move, _, forward_move, strike_move = tangents
    volatility, status = implied_total_volatility(price, sign, forward, strike)
    found = status == VolatilityStatus.CONVERGED
    v = jnp.where(found, volatility, 1.0)
    forward, strike = jnp.where(found, forward, 1.0), jnp.where(found, strike, 1.0)
    d1 = jnp.log(forward / strike) / v + 0.5 * v
    vega = forward * normal_pdf(d1)
    found &= vega > 0.0
    delta = sign * normal_cdf(sign * d1)
    strike_delta = -sign * normal_cdf(sign * (d1 - v))
    unexplained = price_move - delta * forward_move - strike_delta * strike_move
    move = jnp.where(found, unexplained / jnp.where(found, vega, 1.0), 0.0)
    no_move = jnp.zeros(status.shape, jax.dtypes.float0)
    return (volatility, status), (move, no_move)


class _Target(NamedTuple):
    """What to solve for: the normalized price, and what follows from it.

    `steepest` is the volatility at which the price is steepest, `share` is exp(a) N(d2) there.
    """

    a: Float[Array, "*shape"]
    price: Float[Array, "*shape"]
    rest: Float[Array, "*shape"]  # 1 - price
    log_price: Float[Array, "*shape"]
    steepest: Float[Array, "*shape"]
    share: Float[Array, "*shape"]


def _solve(
    a: Float[Array, "*shape"], price: Float[Array, "*shape"], rest: Float[Array, "*shape"]
) -> tuple[Float[Array, "*shape"], Bool[Array, "*shape"]]:
    """Total volatility of the normalized `price`, with `rest = 1 - price`; and if it was found."""
    steepest = jnp.sqrt(2.0 * a)
    share = mills_ratio(steepest) / _SQRT_TWO_PI
    target = _Target(a, price, rest, jnp.log(price), steepest, share)
    half = 0.5 * steepest
    small = half < _SMALL
    rise = _series(-half, jnp.minimum(half, _SMALL), mills_ratio(half))
    low = price < jnp.where(small, rise / _SQRT_TWO_PI, 0.5 - share)
    guess = jnp.where(
        low,
        jnp.minimum(_low_guess(target), steepest),
        jnp.maximum(_high_guess(target), steepest),
    )
    v = jnp.maximum(guess, _SQRT_TWO_PI * price)  # a lower bound: equal for a = 0, v -> 0
    # Within rounding of the steepest point either objective finds the root: leave it a margin.
    lowest = jnp.where(low, 0.0, steepest * (1.0 - _MARGIN))
    highest = jnp.where(low, steepest * (1.0 + _MARGIN), jnp.inf)
    tolerance = float(jnp.finfo(a.dtype).eps) ** (1.0 / 3.0)
    step = v
    for _ in range(_STEPS):
        moved = v + _householder_step(v, target, low)
        moved = jnp.clip(moved, jnp.maximum(lowest, 0.1 * v), jnp.minimum(highest, 10.0 * v))
        step, v = moved - v, moved
    return v, jnp.abs(step) <= tolerance * v


def _low_guess(target: _Target) -> Float[Array, "*shape"]:
    r"""Guess below the steepest point, mostly within 1 % and off by 21 % at most.

    The price is close to that of the normal model, $c\,e^{-a/2} / a = n(z) / z - N(-z)$ with
    $z = a / v$. The inverse is fitted to 0.6 % in $l = \ln(1 + 1 / (\sqrt{2 \pi}\,y))$ of its
    left side $y$: $z$ tends to $l$ at the money, and to $\sqrt{2 l}$ far from it.
    """
    a = jnp.where(target.a > 0.0, target.a, 1.0)  # at the money nothing is below
    log_scaled = target.log_price - 0.5 * a - jnp.log(a) + _LOG_SQRT_TWO_PI
    l = jnp.log1p(jnp.exp(log_scaled)) - log_scaled  # noqa: E741
    z = l * jnp.sqrt((1.0 + 0.36512351 * l) / (1.0 + l * (1.96895563 + 0.1814431 * l)))
    return a / z


def _high_guess(target: _Target) -> Float[Array, "*shape"]:
    r"""Guess above the steepest point, within 20 %; exact at that point and at the money.

    $1 - c = N(-d_1) + e^a N(d_2)$ is divided between its two terms as at the steepest point.
    """
    share = target.share / (0.5 + target.share)
    d1 = jnp.maximum(ndtri(target.price + target.rest * share), 0.0)
    d1 = jnp.where(jnp.isfinite(d1), d1, 8.0)  # a price of 1 up to rounding
    return d1 + jnp.sqrt(d1 * d1 + 2.0 * target.a)


def _householder_step(
    v: Float[Array, "*shape"], target: _Target, low: Bool[Array, "*shape"]
) -> Float[Array, "*shape"]:
    """One step of order four on `1 / ln c` (where `low`) or on `ln(1 - c)`."""
    h, t = -target.a / v, 0.5 * v
    d1, d2 = h + t, h - t
    small = t < _SMALL
    near = mills_ratio(jnp.where(small, -h, jnp.abs(d1)))
    far = mills_ratio(-d2)
    # Price over density: a difference of Mills ratios, or its series where that would cancel.
    ratio = jnp.where(small, _series(h, jnp.minimum(t, _SMALL), near), near - far)
    ratio = jnp.where(ratio > 0.0, ratio, 1.0)  # on the other branch
    pull = jnp.where(target.a > 0.0, h / v, 0.0)  # at the money v may be too small to square
    bend = h * pull - 0.25 * v  # second derivative of c over the first
    jerk = bend * bend - 3.0 * pull * pull - 0.25  # third derivative over the first

    # Newton's step, and the second and third derivative over the first, of 1 / ln c. No density
    # is needed, so that nothing underflows.
    log_model = jnp.log(ratio) - 0.5 * d1 * d1 - _LOG_SQRT_TWO_PI
    slope = 1.0 / ratio
    relative = slope / log_model
    low_newton = log_model * (target.log_price - log_model) / (target.log_price * slope)
    log_bend = bend - slope
    log_jerk = jerk - 3.0 * slope * bend + 2.0 * slope * slope
    low_bend = log_bend - 2.0 * relative
    low_jerk = log_jerk - 6.0 * relative * log_bend + 6.0 * relative * relative

    # The same of ln(1 - c), with the excess over the target from the smaller of c and 1 - c.
    density = normal_pdf(d1)
    rest = jnp.where(small, 1.0 - density * ratio, density * (near + far))
    excess = jnp.where(small, density * ratio - target.price, target.rest - rest)
    fall = -density / rest
    high_newton = jnp.log1p(excess / rest) / fall
    high_bend = bend - fall
    high_jerk = jerk - 3.0 * fall * bend + 2.0 * fall * fall

    newton = jnp.where(low, low_newton, high_newton)
    bend = jnp.where(low, low_bend, high_bend)
    jerk = jnp.where(low, low_jerk, high_jerk)
    return newton * (1.0 + 0.5 * bend * newton) / (1.0 + newton * (bend + jerk * newton / 6.0))


def _series(
    h: Float[Array, "*shape"], t: Float[Array, "*shape"], tail: Float[Array, "*shape"]
) -> Float[Array, "*shape"]:
    r"""$R(-h - t) - R(-h + t)$ by its series in $t$, with `tail` $= R(-h)$.

    The derivatives of $Y(h) = R(-h)$ follow from $Y' = 1 + hY$. Nine of them are exact to 1e-14
    for $t < 0.1$; their cancellation at large $|h|$ is one that the volatility does not feel,
    because the logarithm of the price moves $h^2$ times as fast.
    """
    derivatives = [tail, 1.0 + h * tail]
    for n in range(1, 9):
        derivatives.append(h * derivatives[n] + n * derivatives[n - 1])
    _, y1, _, y3, _, y5, _, y7, _, y9 = derivatives
    t2 = t * t
    inner = y5 + t2 / 42.0 * (y7 + t2 / 72.0 * y9)
    return 2.0 * t * (y1 + t2 / 6.0 * (y3 + t2 / 20.0 * inner))
