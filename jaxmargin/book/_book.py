"""The book: contracts and who holds them."""

import equinox as eqx
import jax
import numpy as np
from jaxtyping import Array

from jaxmargin.book._positions import Positions
from jaxmargin.instruments import AbstractInstruments
from jaxmargin.numerics import bucket_size

__all__ = ["Book", "pad_instruments"]


class Book(eqx.Module):
    """Everything that is held.

    Attributes:
        instruments: batches of contracts, one per kind. Their rows laid end to end, padding
            included, are what `positions` count by.
        positions: quantities by account.
    """

    instruments: tuple[AbstractInstruments, ...]
    positions: Positions


def pad_instruments(batch: AbstractInstruments) -> AbstractInstruments:
    """`batch` with rows added up to a bucket size: copies of the last row with multiplier zero.

    On the host, where another number of rows compiles nothing.
    """
    count = batch.multiplier.shape[0]
    extra = bucket_size(count) - count

    def padded(leaf: Array) -> Array:
        widths = [(0, extra)] + [(0, 0)] * (leaf.ndim - 1)
        return jax.device_put(np.pad(np.asarray(leaf), widths, mode="edge"))

    multiplier = np.pad(np.asarray(batch.multiplier), (0, extra))
    whole: AbstractInstruments = jax.tree.map(padded, batch)
    return eqx.tree_at(lambda b: b.multiplier, whole, jax.device_put(multiplier))
