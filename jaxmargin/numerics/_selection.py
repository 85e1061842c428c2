"""Exact selection of a weighted tail by bisection on integer keys, without sorting.

Sorting is the slow part of a tail statistic on a CPU. Floats are mapped to integers of the same
order, and the boundary of the tail is found by counting, in about twenty passes.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

__all__ = ["TailSelection", "select_tail"]


class TailSelection(NamedTuple):
    """The worst scenarios of each row that together hold a given mass.

    Attributes:
        inside: mass of each scenario strictly inside the tail; zero elsewhere.
        boundary: mass of each scenario at the edge of the tail; zero elsewhere. More than one
            scenario of a row is at the edge only where their losses are equal.
        share: share of the boundary mass that belongs to the tail, in (0, 1].
    """

    inside: Float[Array, "row scenario"]
    boundary: Float[Array, "row scenario"]
    share: Float[Array, " row"]


def _ordered_keys(x: Float[Array, "*shape"]) -> Int[Array, "*shape"]:
    """Integers in the same order as the floats `x`, with -0 and 0 the same."""
    integer = jnp.int64 if x.dtype == jnp.float64 else jnp.int32
    bits = jax.lax.bitcast_convert_type(x, integer)
    sign = jnp.iinfo(integer).bits - 1
    key = bits ^ ((bits >> sign) & jnp.iinfo(integer).max)
    return key + (key < 0)  # closes the gap of -0; adding 0.0 to `x` is optimized away in a jit


def select_tail(
    loss: Float[Array, "row scenario"],
    weight: Float[Array, " scenario"],
    mass: Float[Array, "*row"],
) -> TailSelection:
    """The largest losses of each row whose weights sum to `mass`.

    Exact: the boundary is an order statistic, not an approximation of one; subnormal losses count
    as zero. NaN is not allowed.

    Args:
        loss: losses, positive is bad.
        weight: non-negative weight of each scenario; a weight of zero takes no part.
        mass: weight that the tail holds, in (0, sum of weights]; one for all rows or one each.
    """
    key = _ordered_keys(loss)
    takes_part = (weight > 0.0)[None, :]
    largest = jnp.iinfo(key.dtype).max
    low = jnp.min(jnp.where(takes_part, key, largest), axis=-1)
    high = jnp.max(jnp.where(takes_part, key, -largest), axis=-1) + 1
    smallest_weight = jnp.min(jnp.where(weight > 0.0, weight, jnp.inf)) * (1.0 + 1e-6)
    total = jnp.broadcast_to(jnp.sum(weight), low.shape)

    least = mass * (1.0 - jnp.finfo(weight.dtype).eps ** 0.75)  # sums of weights are rounded

    # low..high brackets the boundary: mass at or above `low` >= mass > mass at or above `high`.
    def unfinished(state: tuple[Array, Array, Array, Array]) -> Array:
        low, high, mass_low, mass_high = state
        return jnp.any((mass_low - mass_high > smallest_weight) & (high - low != 1))

    def halve(state: tuple[Array, Array, Array, Array]) -> tuple[Array, Array, Array, Array]:
        low, high, mass_low, mass_high = state
        middle = (low & high) + ((low ^ high) >> 1)  # the mean, without overflow
        above = jnp.sum(jnp.where(key >= middle[:, None], weight[None, :], 0.0), axis=-1)
        enough = above >= least
        return (
            jnp.where(enough, middle, low),
            jnp.where(enough, high, middle),
            jnp.where(enough, above, mass_low),
            jnp.where(enough, mass_high, above),
        )

    low, high, mass_low, mass_high = jax.lax.while_loop(
        unfinished, halve, (low, high, total, jnp.zeros_like(total))
    )
    inside = key >= high[:, None]
    boundary = (key >= low[:, None]) & ~inside
    row_weight = jnp.broadcast_to(weight[None, :], loss.shape)
    return TailSelection(
        inside=jnp.where(inside, row_weight, 0.0),
        boundary=jnp.where(boundary, row_weight, 0.0),
        share=jnp.clip((mass - mass_high) / (mass_low - mass_high), 0.0, 1.0),
    )
