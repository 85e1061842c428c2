"""Where to start the search for the largest value of a function within a ball."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Key

from jaxmargin.numerics._trust_region import minimize_in_ball

__all__ = ["ball_starts"]

_MOST_COMPONENTS = 64  # with which second derivatives are taken for the quadratic start

_Function = Callable[[Float[Array, " component"]], Float[Array, ""]]


def ball_starts(
    function: _Function,
    radius: Float[Array, ""],
    key: Key[Array, ""],
    *,
    components: int,
    random: int,
) -> Float[Array, "start component"]:
    """Starts for `maximize_in_ball`.

    They are the center, the two points on the sphere along the slope there, the exact maximum of
    the quadratic approximation at the center (with up to 64 components), both ends of every axis,
    and random points, half of them on the sphere and half inside with uniform radius.

    Args:
        function: what will be maximized.
        radius: of the ball around zero.
        key: random key.
        components: dimensions of the ball.
        random: number of random points.
    """
    dtype = radius.dtype
    center = jnp.zeros((components,), dtype)
    if components <= _MOST_COMPONENTS:
        hessian, slope = _second_and_first(function, center)
    else:
        hessian, slope = None, jax.grad(function)(center)
    steepness = jnp.linalg.norm(slope)
    along = radius * slope / jnp.where(steepness > 0.0, steepness, 1.0)
    axes = radius * jnp.eye(components, dtype=dtype)
    direction, inside = jax.random.split(key)
    normal = jax.random.normal(direction, (random, components), dtype)
    share = jax.random.uniform(inside, (random, 1), dtype)
    share = jnp.where(jnp.arange(random)[:, None] < random // 2, 1.0, share)
    drawn = radius * share * normal / jnp.linalg.norm(normal, axis=1, keepdims=True)
    parts = [center[None, :], along[None, :], -along[None, :], axes, -axes, drawn]
    if hessian is not None:
        parts.append(minimize_in_ball(-slope, -hessian, radius)[None, :])
    starts = jnp.concatenate(parts)
    # Derivatives at the center may not exist; the other starts do without them.
    return jnp.where(jnp.isfinite(starts), starts, 0.0)


def _second_and_first(
    function: _Function, point: Float[Array, " component"]
) -> tuple[Float[Array, "component component"], Float[Array, " component"]]:
    """Second and first derivatives in one program, which compiles faster than two."""

    def slope_twice(at: Float[Array, " component"]) -> tuple[Float[Array, " component"], ...]:
        slope = jax.grad(function)(at)
        return slope, slope

    return jax.jacfwd(slope_twice, has_aux=True)(point)
