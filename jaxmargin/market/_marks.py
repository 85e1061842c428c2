"""Marks: one price of each asset from several sources, or none."""

import enum

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from jaxmargin.errors import require

__all__ = ["MarkStatus", "Marks", "combine_marks"]


class MarkStatus(enum.IntEnum):
    """Whether an asset has a price, and why not.

    Attributes:
        GOOD: enough sources agree.
        TOO_FEW: too few sources have a recent price.
        APART: enough have, but too few of them are near their median.
    """

    GOOD = 0
    TOO_FEW = 1
    APART = 2


class Marks(eqx.Module):
    """Prices of assets from several sources.

    Attributes:
        price: of one unit, in the numeraire; zero where `status` is not `GOOD`, so that the asset
            covers nothing. Whoever prints must name such assets.
        sources: how many sources are in the price; with `APART`, how many are near the median.
        status: a `MarkStatus` each.
    """

    price: Float[Array, " asset"]
    sources: Int[Array, " asset"]
    status: Int[Array, " asset"]


def combine_marks(
    price: Float[Array, "source asset"],
    age: Float[Array, "source asset"],
    *,
    most_age: Float[Array, " asset"],
    most_deviation: Float[Array, " asset"],
    least_sources: int,
) -> Marks:
    """Median of the sources that are recent and near the median of all recent ones.

    A venue's own book may be far off in a crash (USDe at 0.65 on one venue on 2025-10-10, at 0.97
    and more on others), so one source alone should not decide. Of an even number, the median is
    the mean of the middle two; two sources that disagree therefore leave the asset without price.

    Args:
        price: NaN where a source has none; what is not a finite positive number is not used.
        age: since each price was made, in any unit of time; negative or NaN ages are not used.
        most_age: oldest usable price of each asset, in the unit of `age`.
        most_deviation: largest distance from the median, as a share of it.
        least_sources: fewest sources of a good price, at least 1.

    Raises:
        InvalidInputError: `least_sources` is below 1.
    """
    require(
        least_sources >= 1,
        f"combine_marks: least_sources must be at least 1; got {least_sources!r}.",
    )
    recent = jnp.isfinite(price) & (price > 0.0) & (age >= 0.0) & (age <= most_age[None, :])
    middle = _median(price, recent)
    near = recent & (jnp.abs(price - middle[None, :]) <= (most_deviation * middle)[None, :])
    count = jnp.sum(near, axis=0)
    enough = jnp.sum(recent, axis=0) >= least_sources
    good = count >= least_sources
    status = jnp.where(enough, MarkStatus.APART, MarkStatus.TOO_FEW)
    status = jnp.where(good, MarkStatus.GOOD, status)
    return Marks(jnp.where(good, _median(price, near), 0.0), count, status)


def _median(
    price: Float[Array, "source asset"], used: Bool[Array, "source asset"]
) -> Float[Array, " asset"]:
    """Median of the prices used; zero where there is none."""
    ordered = jnp.sort(jnp.where(used, price, jnp.inf), axis=0)
    count = jnp.sum(used, axis=0)
    below, above = jnp.maximum(count - 1, 0) // 2, jnp.minimum(count // 2, price.shape[0] - 1)
    pair = [jnp.take_along_axis(ordered, row[None, :], axis=0)[0] for row in (below, above)]
    return jnp.where(count > 0, 0.5 * (pair[0] + pair[1]), 0.0)
