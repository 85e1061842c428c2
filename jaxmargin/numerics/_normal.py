"""Standard normal density and distribution function, fastest accurate form by dtype."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

__all__ = ["normal_cdf", "normal_pdf"]

_INVERSE_SQRT_TWO_PI = 0.3989422804014327
_INVERSE_SQRT_TWO = 0.7071067811865476

# Minimax fit (least squares reweighted towards equal error) of
#   N(-x) ~ n(x) * polynomial(t),  t = 1 / (1 + SCALE x),  0 <= x <= 9,
# in the form of Abramowitz and Stegun 26.2.17 with one more term: error below 4e-9, against
# 7.5e-8 there and 6e-8 for the spacing of single precision.
_TAIL_SCALE = 0.275986225170187
_TAIL_COEFFICIENTS = (
    0.2948469693955854,
    0.11695511489679233,
    0.807919640954448,
    -0.7873197838563925,
    1.1053436307941704,
    -0.28443144447573093,
)


def normal_pdf(x: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
    """Density of the standard normal distribution."""
    return _INVERSE_SQRT_TWO_PI * jnp.exp(-0.5 * x * x)


def normal_cdf(x: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
    """Distribution function of the standard normal distribution.

    Double precision uses `erfc` (relative error 1e-15, also far in the lower tail); single
    precision a polynomial with absolute error 6e-8. On a CPU each is the fastest of its dtype.
    """
    if x.dtype == jnp.float64:
        return 0.5 * jax.lax.erfc(x * -_INVERSE_SQRT_TWO)
    t = 1.0 / (1.0 + _TAIL_SCALE * jnp.abs(x))
    polynomial = jnp.full_like(t, _TAIL_COEFFICIENTS[-1])
    for coefficient in reversed(_TAIL_COEFFICIENTS[:-1]):
        polynomial = polynomial * t + coefficient
    tail = normal_pdf(x) * (polynomial * t)
    return jnp.where(x > 0.0, 1.0 - tail, tail)
