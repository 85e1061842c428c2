"""Standard normal density and distribution function, fastest accurate form by dtype."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

__all__ = ["normal_cdf", "normal_pdf"]

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
    double = x.dtype == jnp.float64
    scale, coefficients = (_DOUBLE_SCALE, _DOUBLE) if double else (_SINGLE_SCALE, _SINGLE)
    t = 1.0 / (1.0 + scale * jnp.abs(x))
    polynomial = jnp.full_like(t, coefficients[-1])
    for coefficient in reversed(coefficients[:-1]):
        polynomial = polynomial * t + coefficient
    tail = normal_pdf(x) * (polynomial * t)
    return jnp.where(x > 0.0, 1.0 - tail, tail)


@normal_cdf.defjvp
def _normal_cdf_jvp(
    primals: tuple[Float[Array, "*shape"]], tangents: tuple[Float[Array, "*shape"]]
) -> tuple[Float[Array, "*shape"], Float[Array, "*shape"]]:
    # the density itself: the derivative of the polynomial in |x| would be wrong at zero
    (x,), (dx,) = primals, tangents
    return normal_cdf(x), normal_pdf(x) * dx
