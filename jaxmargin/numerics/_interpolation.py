"""Piecewise-linear interpolation, one curve per row."""

import jax.numpy as jnp
from jaxtyping import Array, Float

__all__ = ["interpolate_rows"]


def interpolate_rows(
    x: Float[Array, " row"],
    nodes: Float[Array, "row node"],
    values: Float[Array, "row node"],
) -> Float[Array, " row"]:
    """Linear between the nodes, constant beyond the first and the last.

    Nodes must not descend; repeated nodes at the end of a row are padding.
    """
    position = jnp.sum(nodes <= x[:, None], axis=-1)  # nodes at or below x
    left = jnp.clip(position - 1, 0, nodes.shape[1] - 1)[:, None]
    right = jnp.clip(position, 0, nodes.shape[1] - 1)[:, None]
    x0, x1 = (jnp.take_along_axis(nodes, side, axis=1)[:, 0] for side in (left, right))
    y0, y1 = (jnp.take_along_axis(values, side, axis=1)[:, 0] for side in (left, right))
    width = x1 - x0
    between = width > 0.0
    share = jnp.where(between, (x - x0) / jnp.where(between, width, 1.0), 0.0)
    return y0 + jnp.clip(share, 0.0, 1.0) * (y1 - y0)
