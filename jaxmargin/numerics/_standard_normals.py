"""Independent standard normals, faster than `jax.random.normal` and the same on every device."""

import math

import jax
import jax.extend.random
import jax.numpy as jnp
from jax.typing import DTypeLike
from jaxtyping import Array, Float, Key, UInt

from jaxmargin.errors import require

__all__ = ["standard_normals"]

# Coefficients for the inverse error function in single precision, highest power first: Giles, M.
# (2012), "Approximating the erfinv function", GPU Computing Gems Jade Edition, 109-116, table 10.2.
_CENTER = (
    2.81022636e-08, 3.43273939e-07, -3.5233877e-06, -4.39150654e-06, 0.00021858087,
    -0.00125372503, -0.00417768164, 0.246640727, 1.50140941,
)  # fmt: skip
_TAIL = (
    -0.000200214257, 0.000100950558, 0.00134934322, -0.00367342844, 0.00573950773,
    -0.0076224613, 0.00943887047, 1.00167406, 2.83297682,
)  # fmt: skip


def standard_normals(
    key: Key[Array, ""], dimensions: int, scenarios: int, dtype: DTypeLike
) -> Float[Array, "dimension scenario"]:
    """Independent standard normals from counter-based random bits (threefry).

    One 32-bit word each: 31 bits for the probability of a larger size, one for the sign. They
    have single precision and reach 6.3 in size, whatever `dtype` is; beyond 5.3, which one in 8
    million exceeds, they are off by up to 4e-4 of themselves.

    Raises:
        InvalidInputError: more than 2^32 - 1 numbers are asked for.
    """
    count = dimensions * scenarios
    require(
        count < 2**32,
        f"{dimensions} dimensions x {scenarios:,} scenarios are more than 2^32 - 1 random numbers. "
        "Take fewer scenarios, or several keys.",
    )
    data = jax.random.key_data(key)
    require(
        data.shape == (2,),
        "Random keys must be of threefry, JAX's default, so that every device draws the same.",
    )
    counter = jnp.arange(count, dtype=jnp.uint32)
    words = jax.extend.random.threefry_2x32(data, counter)
    return _normal_of(words.reshape(dimensions, scenarios)).astype(dtype)


def _normal_of(word: UInt[Array, "*shape"]) -> Float[Array, "*shape"]:
    """The normal whose tail probability the word holds, in single precision."""
    size = (word & jnp.uint32(0x7FFFFFFF)).astype(jnp.float32)
    tail = (size + 0.5) * jnp.float32(2.0**-32)  # of one side, in (0, 1/2]
    w = -jnp.log(4.0 * tail * (1.0 - tail))
    central = w < 5.0
    x = jnp.where(central, w - 2.5, jnp.sqrt(w) - 3.0)
    result = jnp.where(central, jnp.float32(_CENTER[0]), jnp.float32(_TAIL[0]))
    for near, far in zip(_CENTER[1:], _TAIL[1:], strict=True):
        result = result * x + jnp.where(central, jnp.float32(near), jnp.float32(far))
    normal = jnp.float32(math.sqrt(2.0)) * (1.0 - 2.0 * tail) * result
    return jnp.where(word >> 31 == 1, normal, -normal)
