"""Equity and ratio of Binance portfolio margin, from a coin's balances and brackets."""

from typing import NamedTuple

import jax.numpy as jnp
from jaxtyping import Array, Float

__all__ = ["BinanceEquity", "binance_equity", "binance_margin_ratio"]


class BinanceEquity(NamedTuple):
    """Equity of accounts in USD.

    Attributes:
        plain: the sum over coins.
        adjusted: the same less the loss that open orders would make at once.
    """

    plain: Float[Array, "..."]
    adjusted: Float[Array, "..."]


def binance_equity(
    balance: Float[Array, "*account coin"],
    index: Float[Array, "*#account coin"],
    collateral_rate: Float[Array, "*#account coin"],
    *,
    open_loss: Float[Array, "*#account"],
) -> BinanceEquity:
    r"""Equity $\sum_c \min(A S k, A S)$: what is owed counts in full, what is held at its rate.

    Not differentiable at a balance of zero.

    Args:
        balance: $A$ in coins: margin asset less loan, plus balance and unrealized P&L of futures.
        index: $S$ in USD.
        collateral_rate: $k$ in [0, 1].
        open_loss: loss of open orders, in USD, not negative.

    References:
        Binance, "Portfolio margin", unified maintenance margin ratio, 2026.
    """
    value = balance * _behind(index, balance.ndim)
    plain = jnp.sum(jnp.minimum(value * _behind(collateral_rate, balance.ndim), value), axis=-1)
    return BinanceEquity(plain=plain, adjusted=plain - open_loss)


def binance_margin_ratio(
    adjusted_equity: Float[Array, "*account"], maintenance: Float[Array, "*account"]
) -> Float[Array, "*account"]:
    """The venue's uniMMR: adjusted equity over maintenance margin; infinite without margin.

    Maintenance margin is the sum of `tiered_margin` over contracts, with rate and cum of each
    contract's brackets, and of loans times their rate. The venue's steps (free, warning, reduce
    only, liquidation) are settings.

    Args:
        adjusted_equity: see `binance_equity`.
        maintenance: in USD, not negative.
    """
    needed = maintenance > 0.0
    return jnp.where(needed, adjusted_equity / jnp.where(needed, maintenance, 1.0), jnp.inf)


def _behind(row: Array, axes: int) -> Array:
    return row.reshape((1,) * (axes - row.ndim) + row.shape)
