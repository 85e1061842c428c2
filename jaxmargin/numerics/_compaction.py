"""The few numbers of each row that are not zero, side by side."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, UInt

__all__ = ["compact_rows"]

_BITS = 32
_FEW_WORDS = 64  # up to here comparing with all of them is faster than searching


def compact_rows(
    x: Float[Array, "row column"], size: int
) -> tuple[Int[Array, "row {size}"], Float[Array, "row {size}"]]:
    """Columns and values of the first `size` numbers of each row that are not zero.

    Unused places have column and value zero. Works on the bits of a mask, because the scatter
    that this would otherwise take is slow on a CPU.
    """
    words = _mask_words(x != 0.0)
    counts = jax.lax.population_count(words).astype(jnp.int32)
    until = jnp.cumsum(counts, axis=-1, dtype=jnp.int32)
    place = jnp.arange(size, dtype=jnp.int32)
    word = _word_of(until, place)
    used = word < words.shape[1]
    word = jnp.where(used, word, 0)
    bits = _at(words, word)
    rank = place[None, :] - (_at(until, word) - _at(counts, word))
    column = jnp.where(used, word * _BITS + _position(bits, rank), 0)
    return column, jnp.where(used, _at(x, column), 0.0)


def _mask_words(mask: Array) -> UInt[Array, "row word"]:
    """Each row of booleans as 32-bit words, the first in the lowest bit."""
    padded = jnp.pad(mask, ((0, 0), (0, -mask.shape[1] % _BITS)))
    bits = padded.reshape(mask.shape[0], -1, _BITS).astype(jnp.uint32)
    shifted = bits << jnp.arange(_BITS, dtype=jnp.uint32)[None, None, :]
    words = jnp.sum(shifted, axis=-1, dtype=jnp.uint32)
    return jax.lax.optimization_barrier(words)  # made once, not at every use


def _word_of(until: Int[Array, "row word"], place: Int[Array, " place"]) -> Int[Array, "row place"]:
    """The word in which each place's number lies; one too many where there is none."""
    if until.shape[1] <= _FEW_WORDS:
        before = until[:, None, :] <= place[None, :, None]
        return jnp.sum(before, axis=-1, dtype=jnp.int32)
    search = jax.vmap(lambda row: jnp.searchsorted(row, place, side="right"))
    return search(until).astype(jnp.int32)


def _at(x: Array, column: Int[Array, "row place"]) -> Array:
    return jnp.take_along_axis(x, column, axis=1, mode="promise_in_bounds")


def _position(
    bits: UInt[Array, "row place"], rank: Int[Array, "row place"]
) -> Int[Array, "row place"]:
    """Position of the bit that has `rank` set bits below it, by halving the word."""
    position = jnp.zeros_like(rank)
    for width in (16, 8, 4, 2, 1):
        low = bits & jnp.uint32((1 << width) - 1)
        below = jax.lax.population_count(low).astype(jnp.int32)
        beyond = rank >= below
        position = position + jnp.where(beyond, width, 0)
        rank = rank - jnp.where(beyond, below, 0)
        bits = jnp.where(beyond, bits >> width, low)
    return position
