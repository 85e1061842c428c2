"""Descent on the shares of venues, from many starts at once."""

from collections.abc import Callable

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array, Bool, Float, Key

__all__ = ["CostModel", "MarginFunction", "PlacementData", "descend_shares", "start_shares"]

MarginFunction = Callable[
    [Float[Array, "position venue"], Float[Array, " line"]], Float[Array, " venue"]
]
"""Quantities and postings to what each venue demands, >= 0; of JAX operations."""

_FAR = 1e6  # far below every share, so that the projection gives it nothing


class CostModel(eqx.Module):
    """Lower model of the cost of collateral: the largest of `cost + price @ requirement`."""

    cost: Float[Array, " plane"]
    price: Float[Array, "plane venue"]


class PlacementData(eqx.Module):
    """Positions, and the part of the requirement that does not move."""

    sign: Float[Array, " position"]
    size: Float[Array, " position"]
    held: Float[Array, "position venue"]
    cost: Float[Array, "position venue"]
    eligible: Bool[Array, "position venue"]
    fixed: Float[Array, " venue"]

    def quantity(self, share: Float[Array, "position venue"]) -> Float[Array, "position venue"]:
        return (self.sign * self.size)[:, None] * share

    def trading(self, share: Float[Array, "position venue"]) -> Float[Array, ""]:
        return jnp.sum(self.cost * jnp.abs(self.size[:, None] * share - self.held))


def start_shares(
    data: PlacementData,
    quantity: Float[np.ndarray, "position venue"],
    key: Key[Array, ""],
    starts: int,
) -> Float[Array, "start position venue"]:
    """Those of `quantity`, and random ones."""
    size = jnp.where(data.size > 0.0, data.size, 1.0)[:, None]
    first = _projected(jnp.abs(jnp.asarray(quantity)) / size, data.eligible)
    drawn = jax.random.exponential(key, (starts - 1, *first.shape), first.dtype)
    drawn = jnp.where(data.eligible[None], jnp.square(drawn), 0.0)
    total = jnp.sum(drawn, axis=-1, keepdims=True)
    drawn = drawn / jnp.where(total > 0.0, total, 1.0)
    return jnp.concatenate([first[None], drawn])


@eqx.filter_jit
def descend_shares(
    margin: MarginFunction,
    data: PlacementData,
    model: CostModel,
    share: Float[Array, "start position venue"],
    posted: Float[Array, "start line"],
    steps: int,
    learning_rate: float,
) -> Float[Array, "start position venue"]:
    """Every start after `steps` of projected Adam, and a sweep over its positions.

    The sweep tries each position in turn whole at every venue: where a rule is concave the best
    placements are of this kind, and descent may be far from the right one.
    """
    adam = optax.adam(optax.cosine_decay_schedule(learning_rate, steps))

    def cost(one: Array, line: Array) -> Array:
        requirement = data.fixed + margin(data.quantity(one), line)
        return jnp.max(model.cost + model.price @ requirement) + data.trading(one)

    scale = jnp.maximum(jnp.abs(jax.vmap(cost)(share, posted)), 1e-12)

    def step(state: tuple[Array, optax.OptState], _: None) -> tuple[tuple, None]:
        now, memory = state
        slope = jax.vmap(jax.grad(cost))(now, posted) / scale[:, None, None]
        update, memory = adam.update(slope, memory)
        moved = jax.vmap(_projected, in_axes=(0, None))(now + jnp.asarray(update), data.eligible)
        return (moved, memory), None

    def sweep(one: Array, line: Array) -> Array:
        def visit(now: Array, position: Array) -> tuple[Array, None]:
            whole = jnp.eye(now.shape[1], dtype=now.dtype)
            options = jnp.concatenate([now[position][None], whole])
            placed = jax.vmap(now.at[position].set)(options)
            found = jax.vmap(lambda each: cost(each, line))(placed)
            allowed = jnp.concatenate([jnp.ones(1, bool), data.eligible[position]])
            return placed[jnp.argmin(jnp.where(allowed, found, jnp.inf))], None

        return jax.lax.scan(visit, one, jnp.arange(one.shape[0]))[0]

    share = jax.lax.scan(step, (share, adam.init(share)), None, length=steps)[0][0]
    return jax.vmap(sweep)(share, posted)


def _projected(
    share: Float[Array, "position venue"], eligible: Bool[Array, "position venue"]
) -> Float[Array, "position venue"]:
    """The nearest shares of eligible venues that add up to one."""
    possible = jnp.where(eligible, share, -_FAR)
    return jnp.where(eligible, jax.vmap(optax.projections.projection_simplex)(possible), 0.0)
