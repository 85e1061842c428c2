"""Sobol points with random scrambling."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Key, UInt32

from jaxmargin.errors import require

__all__ = ["sobol_directions", "sobol_uniforms"]

_WORD = 32  # bits
_LARGEST_DIMENSION = 21_201  # of Joe and Kuo's table
_MOST_BITS = 26  # the time of the set-up doubles with each: 0.2 s for 8 dimensions at 26


@functools.lru_cache(maxsize=16)
def sobol_directions(dimensions: int, bits: int) -> UInt32[np.ndarray, "dimension bit"]:
    r"""Direction numbers of Sobol's sequence for up to $2^{\mathrm{bits}}$ points.

    They are fractions of $2^{32}$: bit 31 is worth one half. Read only.

    Args:
        dimensions: 1 to 21201.
        bits: 1 to 26; the set-up takes `dimensions` times $2^{\mathrm{bits}}$ operations, once.

    Raises:
        InvalidInputError: if an argument is outside its range.

    References:
        Joe, S. and Kuo, F. (2008), "Constructing Sobol sequences with better two-dimensional
        projections", SIAM Journal on Scientific Computing 30, 2635-2654; from
        `scipy.stats.qmc.Sobol`.
    """
    require(
        1 <= dimensions <= _LARGEST_DIMENSION,
        f"sobol_directions: dimensions must lie in [1, {_LARGEST_DIMENSION}]; got {dimensions}.",
    )
    require(
        1 <= bits <= _MOST_BITS,
        f"sobol_directions: bits must lie in [1, {_MOST_BITS}]; got {bits}.",
    )
    from scipy.stats import qmc  # takes a second to import

    sequence = qmc.Sobol(dimensions, scramble=False, bits=bits)
    columns, position = [], 0
    for bit in range(bits):
        last = 2 ** (bit + 1) - 1  # the point whose Gray code has this bit only
        sequence.fast_forward(last - position)
        columns.append(sequence.random(1)[0])
        position = last + 1
    directions = (np.stack(columns, axis=1) * 2.0**_WORD).astype(np.uint32)
    directions.setflags(write=False)
    return directions


def sobol_uniforms(
    directions: UInt32[np.ndarray | Array, "dimension bit"], key: Key[Array, ""], points: int
) -> Float[Array, "dimension point"]:
    """The first `points` of Sobol's sequence, scrambled at random; strictly within (0, 1).

    Every point is uniform, so that a mean over the points is unbiased; each projection on one
    dimension has one point in each of `points` equal intervals, and the dimensions keep the
    structure of Sobol's points (nested uniform scrambling). In single precision the points lie
    on a grid of step 2^-23.

    Args:
        directions: of `sobol_directions`.
        key: random key; the same key gives the same points.
        points: a power of two, at most 2 to the number of bits.

    Raises:
        InvalidInputError: if `points` is not such a power.

    References:
        Owen, A. (1995), "Randomly permuted (t, m, s)-nets and (t, s)-sequences", in Monte Carlo and
        Quasi-Monte Carlo Methods in Scientific Computing, Springer, 299-317.
        Burley, B. (2020), "Practical hash-based Owen scrambling", Journal of Computer Graphics
        Techniques 9(4), 1-20, section 3: by a hash, after Laine and Karras.
    """
    bits = directions.shape[1]
    require(
        points in [2**bit for bit in range(bits + 1)],
        f"sobol_uniforms: points must be a power of two, at most 2**{bits}; got {points}. "
        "Directions with more bits allow for more points.",
    )
    seed = jax.random.bits(key, (2, directions.shape[0], 1), jnp.uint32)
    scrambled = _scramble(_sobol_integers(directions, points), seed[0], seed[1])
    dtype = jnp.result_type(float)
    # The last bit of the mantissa is for the half: 1.0 does not occur.
    kept = min(_WORD, jnp.finfo(dtype).nmant)
    return ((scrambled >> (_WORD - kept)).astype(dtype) + 0.5) * 2.0**-kept


def _sobol_integers(
    directions: UInt32[np.ndarray | Array, "dimension bit"], points: int
) -> UInt32[Array, "dimension point"]:
    """Sobol's points as fractions of 2^32, in the order of Gray's code, as they are published."""
    index = jnp.arange(points, dtype=jnp.uint32)
    code = index ^ (index >> 1)
    result = jnp.zeros((directions.shape[0], points), jnp.uint32)
    for bit in range(points.bit_length() - 1):
        present = ((code >> bit) & 1)[None, :]
        result = result ^ (jnp.asarray(directions[:, bit])[:, None] * present)
    return result


def _scramble(
    x: UInt32[Array, "dimension point"],
    shift: UInt32[Array, "dimension 1"],
    factor: UInt32[Array, "dimension 1"],
) -> UInt32[Array, "dimension point"]:
    """Flips each bit or not, as a hash of the bits above it says.

    In reversed order sums and products carry from high bits to low ones only. The constants are
    those of Vegdahl, N. (2021), "Building a better LK hash", with seeds of their own for the shift
    and the factor: a uniform shift makes each scrambled number uniform.
    """
    x = _reverse_bits(x)
    x ^= x * np.uint32(0x3D20ADEA)
    x += shift
    x *= factor | np.uint32(1)
    x ^= x * np.uint32(0x05526C56)
    x ^= x * np.uint32(0x53A22864)
    return _reverse_bits(x)


def _reverse_bits(x: UInt32[Array, "dimension point"]) -> UInt32[Array, "dimension point"]:
    for mask, width in ((0x55555555, 1), (0x33333333, 2), (0x0F0F0F0F, 4), (0x00FF00FF, 8)):
        low = np.uint32(mask)
        x = ((x >> width) & low) | ((x & low) << width)
    return (x >> 16) | (x << 16)
