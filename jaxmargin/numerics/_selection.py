"""Exact selection of weighted tails by counting on integer keys, without sorting.

Sorting is the slow part of a tail statistic on a CPU. Floats are mapped to integers of the same
order, and the edge of each tail is found by counting, in about twelve passes where weights are
equal, and two to eight times as many where they are very unequal: the first probe is where a normal
distribution would have it, the others interpolate the logarithm of the mass beyond, and every third
halves the bracket, so that no distribution can make it slower than that.

On a GPU too: a sort there takes about as long with 1,000 scenarios and twice as long with 10,000
and more (`benchmarks/gpu_kernels.py`, on an H200).
"""

import functools
from collections.abc import Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax.scipy.special import ndtri
from jaxtyping import Array, Bool, Float, Int

__all__ = ["TailSelection", "select_tails"]

_HALVE_EVERY = 3


class TailSelection(NamedTuple):
    """The worst scenarios of each row that together hold a given mass.

    Attributes:
        inside: mass of each scenario strictly inside the tail; zero elsewhere.
        boundary: mass of each scenario at the edge of the tail; zero elsewhere. More than one
            scenario of a row is at the edge only where their losses are equal.
        boundary_mass: sum of `boundary`.
        share: share of the boundary mass that belongs to the tail, in [0, 1].
    """

    inside: Float[Array, "row scenario"]
    boundary: Float[Array, "row scenario"]
    boundary_mass: Float[Array, " row"]
    share: Float[Array, " row"]


class _Bracket(NamedTuple):
    """Mass at or above `low` >= mass of the tail > mass at or above `high`."""

    low: Int[Array, " row"]
    high: Int[Array, " row"]
    mass_low: Float[Array, " row"]
    mass_high: Float[Array, " row"]


def select_tails(
    loss: Float[Array, "row scenario"],
    weight: Float[Array, " scenario"],
    masses: Sequence[Float[Array, "*row"]],
) -> tuple[TailSelection, ...]:
    """The largest losses of each row whose weights sum to a mass, for each of `masses`.

    Exact: the edge is an order statistic, not an approximation of one. NaN is not allowed.

    Args:
        loss: losses, positive is bad.
        weight: non-negative weight of each scenario; a weight of zero takes no part.
        masses: weight that each tail holds, in (0, sum of weights]; one for all rows or one each.
    """
    key, takes_part = _ordered_keys(loss), (weight > 0.0)[None, :]
    largest = jnp.iinfo(key.dtype).max
    lowest = -jnp.max(jnp.where(takes_part, -key, -largest), axis=-1)
    key = jnp.where(takes_part, key, -largest)
    start = _Bracket(
        low=lowest,
        high=jnp.max(key, axis=-1) + 1,
        mass_low=jnp.broadcast_to(jnp.sum(weight), lowest.shape),
        mass_high=jnp.zeros(lowest.shape, weight.dtype),
    )
    masses = [jnp.broadcast_to(mass, lowest.shape) for mass in masses]
    selections = []
    for mass, at in zip(masses, _narrow(start, loss, key, weight, masses), strict=True):
        kept = key >= at.low[:, None]
        edge = -jnp.max(jnp.where(kept, -key, -largest), axis=-1)  # whatever gap lies below it
        boundary = jnp.where(key == edge[:, None], weight[None, :], 0.0)
        boundary_mass = jnp.sum(boundary, axis=-1)
        left_over = mass - (at.mass_low - boundary_mass)
        selections.append(
            TailSelection(
                inside=jnp.where(key > edge[:, None], weight[None, :], 0.0),
                boundary=boundary,
                boundary_mass=boundary_mass,
                share=jnp.clip(left_over / boundary_mass, 0.0, 1.0),
            )
        )
    return tuple(selections)


def _narrow(
    start: _Bracket,
    loss: Float[Array, "row scenario"],
    key: Int[Array, "row scenario"],
    weight: Float[Array, " scenario"],
    masses: Sequence[Float[Array, " row"]],
) -> tuple[_Bracket, ...]:
    """Until the scenarios from `low` on hold the mass, or one loss is left in the bracket."""
    smallest_weight = jnp.min(jnp.where(weight > 0.0, weight, jnp.inf)) * (1.0 + 1e-6)
    tolerance = jnp.finfo(weight.dtype).eps ** 0.75  # sums of weights are rounded
    mean, deviation = _moments(loss)
    normal = [mean - ndtri(jnp.minimum(m / start.mass_low, 1.0)) * deviation for m in masses]

    def unfinished(state: tuple[Int[Array, ""], tuple[_Bracket, ...]]) -> Bool[Array, ""]:
        wide = [
            (at.mass_low - at.mass_high > smallest_weight)
            & (at.high - at.low != 1)
            & (at.mass_low * (1.0 - tolerance) > mass)
            for at, mass in zip(state[1], masses, strict=True)
        ]
        return jnp.any(functools.reduce(jnp.logical_or, wide))

    def probe(
        step: Int[Array, ""], at: _Bracket, mass: Float[Array, " row"], first: Float[Array, " row"]
    ) -> Int[Array, " row"]:
        middle = (at.low & at.high) + ((at.low ^ at.high) >> 1)  # the mean, without overflow
        low, high = _float_of(at.low, loss.dtype), _float_of(at.high, loss.dtype)
        beyond = jnp.maximum(at.mass_high, 0.5 * smallest_weight)
        part = jnp.log(at.mass_low / mass) / jnp.log(at.mass_low / beyond)
        guess = jnp.where(step == 0, first, low + (high - low) * part)
        guess = jnp.where(jnp.isfinite(guess), _ordered_keys(guess), middle)
        guess = jnp.clip(guess, at.low + 1, at.high - 1)
        return jnp.where(step % _HALVE_EVERY == _HALVE_EVERY - 1, middle, guess)

    def shrink(
        state: tuple[Int[Array, ""], tuple[_Bracket, ...]],
    ) -> tuple[Int[Array, ""], tuple[_Bracket, ...]]:
        step, brackets = state
        narrower = []
        for at, mass, first in zip(brackets, masses, normal, strict=True):
            edge = probe(step, at, mass, first)
            above = jnp.where(key >= edge[:, None], weight[None, :], 0.0)
            held = jnp.sum(above, axis=-1)
            enough = held >= mass * (1.0 - tolerance)
            narrower.append(
                _Bracket(
                    low=jnp.where(enough, edge, at.low),
                    high=jnp.where(enough, at.high, edge),
                    mass_low=jnp.where(enough, held, at.mass_low),
                    mass_high=jnp.where(enough, at.mass_high, held),
                )
            )
        return step + 1, tuple(narrower)

    first = (jnp.zeros((), jnp.int32), (start,) * len(masses))
    return jax.lax.while_loop(unfinished, shrink, first)[1]


def _moments(
    loss: Float[Array, "row scenario"],
) -> tuple[Float[Array, " row"], Float[Array, " row"]]:
    """Mean and standard deviation of each row, for a first guess."""
    mean = jnp.sum(loss, axis=-1) / loss.shape[-1]
    variance = jnp.sum(jnp.square(loss), axis=-1) / loss.shape[-1] - jnp.square(mean)
    return mean, jnp.sqrt(jnp.maximum(variance, 0.0))


def _ordered_keys(x: Float[Array, "*shape"]) -> Int[Array, "*shape"]:
    """Integers in the same order as the floats `x`, with -0 and 0 the same."""
    integer = jnp.int64 if x.dtype == jnp.float64 else jnp.int32
    bits = jax.lax.bitcast_convert_type(x, integer)
    sign = jnp.iinfo(integer).bits - 1
    key = bits ^ ((bits >> sign) & jnp.iinfo(integer).max)
    return key + (key < 0)  # closes the gap of -0; adding 0.0 to `x` is optimized away in a jit


def _float_of(key: Int[Array, "*shape"], dtype: jnp.dtype) -> Float[Array, "*shape"]:
    """The float of each key of `_ordered_keys`."""
    bits = key - (key < 0)
    sign = jnp.iinfo(key.dtype).bits - 1
    return jax.lax.bitcast_convert_type(bits ^ ((bits >> sign) & jnp.iinfo(key.dtype).max), dtype)
