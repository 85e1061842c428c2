"""Mills ratio of the normal distribution: its tail over its density."""

import jax.numpy as jnp
from jaxtyping import Array, Float

__all__ = ["mills_ratio"]

# Chebyshev expansion of (1 + x) R(x) in t = (x - 5) / (x + 5), in powers of t: the form of
# Shepherd, M. and Laframboise, J. (1981), "Chebyshev approximation of (1 + 2x) exp(x^2) erfc x in
# 0 <= x < infinity", Mathematics of Computation 36, 249-253, computed anew with 60 digits. What
# is left out is below 3e-16 of the value.
_CENTER = 5.0
_COEFFICIENTS = (
    1.1568486282918946,
    -0.2294875382521184,
    0.07778159886873769,
    0.02507217930210036,
    -0.0661776007790963,
    0.061505045828185945,
    -0.03802659218584139,
    0.016348231425036042,
    -0.004201290329187307,
    1.9529678326371773e-05,
    0.00045704392357953655,
    -0.00013437036855802517,
    -2.480583845192319e-05,
    2.2699386557775844e-05,
    -1.7633239265736746e-07,
    -3.2597570878457124e-06,
    3.2054316652589574e-07,
    4.724032706831338e-07,
    -6.588974491108954e-08,
    -6.383575502421413e-08,
    9.092476134019147e-09,
    5.5322922142146196e-09,
    -7.073898575561589e-10,
)


def mills_ratio(x: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
    r"""$R(x) = N(-x) / n(x)$ for $x \ge 0$, which neither overflows nor underflows.

    Relative error 6e-16 in double and 2e-7 in single precision. (`jax.scipy.special.erfcx` is
    the same function in another scale, but returns zero for arguments from 26.6 to 50, as of
    JAX 0.10.2.)
    """
    t = (x - _CENTER) / (x + _CENTER)
    polynomial = jnp.full_like(t, _COEFFICIENTS[-1])
    for coefficient in reversed(_COEFFICIENTS[:-1]):
        polynomial = polynomial * t + coefficient
    return polynomial / (1.0 + x)
