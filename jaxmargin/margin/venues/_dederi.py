"""Futures in Dederi's portfolio margin: P&L of its moves, and the contingency."""

import jax.numpy as jnp
from jaxtyping import Array, Float

__all__ = ["dederi_future_contingency", "dederi_future_pnl"]


def dederi_future_pnl(
    quantity: Float[Array, "*position"],
    price: Float[Array, "*position"],
    move: Float[Array, " scenario"],
) -> Float[Array, "*position scenario"]:
    """P&L of futures in every move, in USD, gain positive: quantity times price times move.

    Args:
        quantity: coins, long positive.
        price: of the future, in USD.
        move: relative change of prices.

    References:
        Dederi, wiki, "Portfolio margin".
    """
    notional = (quantity * price)[..., None]
    return notional * move.reshape((1,) * quantity.ndim + move.shape)


def dederi_future_contingency(
    quantity: Float[Array, "*account position"],
    index: Float[Array, "*#account"],
    *,
    factor: Float[Array, ""] | float,
) -> Float[Array, "*account"]:
    r"""Contingency of the futures of accounts in one coin: $f\,S \sum |Q|$, in USD.

    Long and short positions do not offset each other.

    Args:
        quantity: coins of each future, long positive.
        index: $S$ in USD.
        factor: $f$, a setting of the venue.

    References:
        Dederi, wiki, "Portfolio margin".
    """
    return factor * index * jnp.sum(jnp.abs(quantity), axis=-1)
