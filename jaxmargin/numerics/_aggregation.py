"""Sparse rows times a dense matrix: positions of accounts on contract P&L."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

__all__ = ["add_tails", "aggregate_rows", "tail_products"]

_UNROLL = 10  # slots read per pass over the accumulator; measured best of 1, 5, 10, 20


def aggregate_rows(
    matrix: Float[Array, "column scenario"],
    column: Int[Array, "row slot"],
    coefficient: Float[Array, "row slot"],
) -> Float[Array, "row scenario"]:
    """`sum over slots of coefficient * matrix[column]`, without an intermediate per slot.

    Indices must lie within `matrix`; an empty slot has coefficient zero.
    """

    def add_slot(
        total: Float[Array, "row scenario"], slot: tuple[Int[Array, " row"], Float[Array, " row"]]
    ) -> tuple[Float[Array, "row scenario"], None]:
        index, factor = slot
        return total + factor[:, None] * matrix.at[index].get(mode="promise_in_bounds"), None

    start = jnp.zeros((column.shape[0], matrix.shape[1]), matrix.dtype)
    total, _ = jax.lax.scan(
        add_slot, start, (column.T, coefficient.T), unroll=min(_UNROLL, column.shape[1])
    )
    return total


def tail_products(
    matrix: Float[Array, "column scenario"],
    column: Int[Array, "row slot"],
    scenario: Int[Array, "row place"],
    weight: Float[Array, "row place"],
) -> Float[Array, "row slot"]:
    """`sum over places of weight * matrix[column, scenario]`: few scenarios of each row."""
    at = matrix.at[column[:, :, None], scenario[:, None, :]].get(mode="promise_in_bounds")
    return jnp.sum(at * weight[:, None, :], axis=-1)


def add_tails(
    total: Float[Array, "column scenario"],
    column: Int[Array, "row slot"],
    coefficient: Float[Array, "row slot"],
    scenario: Int[Array, "row place"],
    weight: Float[Array, "row place"],
) -> Float[Array, "column scenario"]:
    """`total` with `coefficient * weight` added at every (column, scenario) of each row."""
    added = coefficient[:, :, None] * weight[:, None, :]
    place = (column[:, :, None], scenario[:, None, :])
    return total.at[place].add(added, mode="promise_in_bounds")
