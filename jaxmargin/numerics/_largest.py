"""The few largest of many, by insertion: faster than any selection where few are wanted."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

__all__ = ["joined_largest", "largest", "running_largest"]


def running_largest(
    x: Float[Array, "item row"], count: int, *, reverse: bool = False
) -> Float[Array, "item count row"]:
    """The `count` largest of the items up to and with each, largest first; of each row.

    Minus infinity fills up where there are fewer. Exact, with `count` comparisons an item.

    Args:
        x: items; NaN is not allowed.
        count: how many; a few dozen at most, or a selection is faster.
        reverse: of the items from each on instead.
    """

    def step(
        held: Float[Array, "count row"], item: Float[Array, " row"]
    ) -> tuple[Float[Array, "count row"], Float[Array, "count row"]]:
        after = _inserted(held, item)
        return after, after

    return jax.lax.scan(step, _none(x, count), x, reverse=reverse)[1]


def largest(x: Float[Array, "item row"], count: int) -> Float[Array, "count row"]:
    """The `count` largest items of each row, largest first; see `running_largest`."""

    def step(
        held: Float[Array, "count row"], item: Float[Array, " row"]
    ) -> tuple[Float[Array, "count row"], None]:
        return _inserted(held, item), None

    return jax.lax.scan(step, _none(x, count), x)[0]  # unrolled, XLA computes each step many times


def joined_largest(
    first: Float[Array, "*batch count row"], second: Float[Array, "*batch count row"], count: int
) -> Float[Array, "*batch {count} row"]:
    """The `count` largest of two lists that are sorted, largest first; the result is not sorted.

    As long as each list holds at least `count`: the first half of a bitonic merge.

    References:
        Batcher, K. (1968), "Sorting networks and their applications", AFIPS Spring Joint Computer
        Conference 32, 307-314.
    """
    return jnp.maximum(first[..., :count, :], second[..., :count, :][..., ::-1, :])


def _none(x: Float[Array, "item row"], count: int) -> Float[Array, "{count} row"]:
    return jnp.full((count, x.shape[1]), -jnp.inf, x.dtype)


def _inserted(
    held: Float[Array, "count row"], item: Float[Array, " row"]
) -> Float[Array, "count row"]:
    """Each place keeps its own, or takes the smaller of the item and the one before."""
    before = jnp.concatenate([jnp.full_like(held[:1], jnp.inf), held[:-1]])
    return jnp.maximum(held, jnp.minimum(before, item[None, :]))
