"""Standard normal density and distribution function, fastest accurate form by dtype."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

__all__ = ["normal_cdf", "normal_pdf", "normal_spread"]

_INVERSE_SQRT_TWO_PI = 0.3989422804014327

# N(-x) = n(x) * t * polynomial(t) with t = 1 / (1 + SCALE x) for x >= 0: the form of Abramowitz and
# Stegun 26.2.17, whose error of 7.5e-8 is too coarse here, with coefficients of our own.
# Single precision: least squares on [0, 9] reweighted towards equal absolute error, 4e-9.
_SINGLE_SCALE = 0.275986225170187
_SINGLE = (
    0.2948469693955854,
    0.11695511489679233,
    0.807919640954448,
    -0.7873197838563925,
    1.1053436307941704,
    -0.28443144447573093,
)
# Double precision: interpolates Mills' ratio N(-x) / n(x) in t at the Chebyshev nodes of
# 0 <= x <= 38, found with 50 digits; relative error 8e-16 before rounding.
_DOUBLE_SCALE = 0.18
_DOUBLE = (
    0.1800000002957418,
    0.17999998318435673,
    0.17416844104580495,
    0.16249690346780657,
    0.14565345743822206,
    0.12387742013893077,
    0.1048529643813337,
    0.057934221204833866,
    0.1250129187283219,
    -0.18126342020046993,
    0.5401891911468818,
    -1.0085387797885759,
    1.5803954370672744,
    -1.9456790920051001,
    1.8571256423228357,
    -1.3458851014716444,
    0.7008016644209321,
    -0.24338970531715037,
    0.050221317803129044,
    -0.004659326547964364,
)


def normal_pdf(x: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
    """Density of the standard normal distribution."""
    return _INVERSE_SQRT_TWO_PI * jnp.exp(-0.5 * x * x)


@jax.custom_jvp
def normal_cdf(x: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
    """Distribution function of the standard normal distribution.

    Absolute error 2.2e-7 in single and 6e-16 in double precision, there with 13 correct digits in
    the lower tail as far as -20. Branch-free: on a CPU faster than `erfc` and than `ndtr`.
    """
    tail = normal_pdf(x) * _ratio(1.0 / _denominator(x))
    return jnp.where(x > 0.0, 1.0 - tail, tail)


def _denominator(x: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
    scale = _DOUBLE_SCALE if x.dtype == jnp.float64 else _SINGLE_SCALE
    return 1.0 + scale * jnp.abs(x)


def _ratio(t: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
    """Mills' ratio by its polynomial in `t`, the inverse of `_denominator`."""
    coefficients = _DOUBLE if t.dtype == jnp.float64 else _SINGLE
    polynomial = jnp.full_like(t, coefficients[-1])
    for coefficient in reversed(coefficients[:-1]):
        polynomial = polynomial * t + coefficient
    return polynomial * t


@normal_cdf.defjvp
def _normal_cdf_jvp(
    primals: tuple[Float[Array, "*shape"]], tangents: tuple[Float[Array, "*shape"]]
) -> tuple[Float[Array, "*shape"], Float[Array, "*shape"]]:
    # the density itself: the derivative of the polynomial in |x| would be wrong at zero
    (x,), (dx,) = primals, tangents
    return normal_cdf(x), normal_pdf(x) * dx


@jax.custom_jvp
def normal_spread(
    a: Float[Array, "*shape"],
    b: Float[Array, "*shape"],
    x: Float[Array, "*shape"],
    y: Float[Array, "*shape"],
) -> Float[Array, "*shape"]:
    """`a N(x) - b N(y)` where `a n(x) = b n(y)`, as in Black's formula.

    Both tails then share one exponential and one division, which makes it nearly twice as fast in
    double precision as two of `normal_cdf`, and as exact.
    """
    u, w = _denominator(x), _denominator(y)
    inverse = 1.0 / (u * w)
    density = a * normal_pdf(x)
    first, second = density * _ratio(w * inverse), density * _ratio(u * inverse)
    return jnp.where(x > 0.0, a - first, first) - jnp.where(y > 0.0, b - second, second)


@normal_spread.defjvp
def _normal_spread_jvp(
    primals: tuple[Float[Array, "*shape"], ...], tangents: tuple[Float[Array, "*shape"], ...]
) -> tuple[Float[Array, "*shape"], Float[Array, "*shape"]]:
    (a, b, x, y), (da, db, dx, dy) = primals, tangents
    slope = normal_cdf(x) * da - normal_cdf(y) * db + a * normal_pdf(x) * (dx - dy)
    return normal_spread(a, b, x, y), slope
