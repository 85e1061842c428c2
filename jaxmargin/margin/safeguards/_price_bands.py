"""Bands around a reference price: beyond the first an auction, beyond the second no trade."""

import enum

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from jaxmargin.errors import require

__all__ = ["PriceBands", "PriceOutcome", "check_price"]


class PriceOutcome(enum.IntEnum):
    """What happens at a price.

    Attributes:
        CONTINUE: it is near the reference; trading goes on.
        AUCTION: it is beyond the first band; trading stops for an auction.
        REJECT: it is beyond the second band, or cannot be judged.
    """

    CONTINUE = 0
    AUCTION = 1
    REJECT = 2


class PriceBands(eqx.Module):
    """Relative distances from a reference price.

    Attributes:
        auction: largest distance at which trading goes on; not negative.
        reject: largest distance that starts an auction; at least `auction`.
    """

    auction: float = eqx.field(static=True)
    reject: float = eqx.field(static=True)

    def __check_init__(self) -> None:
        """Raises `InvalidInputError` if the bands are out of order."""
        require(
            0.0 <= self.auction <= self.reject < float("inf"),
            f"PriceBands must have 0 <= auction <= reject; got {self.auction!r} and "
            f"{self.reject!r}. Write 5 % as 0.05.",
        )


def check_price(
    price: Float[Array, "*shape"], reference: Float[Array, "*shape"], bands: PriceBands
) -> Int[Array, "*shape"]:
    """A `PriceOutcome` each; `REJECT` where a price or a reference is no finite positive number."""
    number = jnp.isfinite(price) & (price > 0.0) & jnp.isfinite(reference) & (reference > 0.0)
    distance = jnp.abs(jnp.where(number, price, 1.0) - jnp.where(number, reference, 1.0))
    limit = jnp.where(number, reference, 1.0)
    outcome = (distance > bands.auction * limit).astype(jnp.int32) + (
        distance > bands.reject * limit
    )
    return jnp.where(number, outcome, PriceOutcome.REJECT)
