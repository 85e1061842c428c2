"""Books as coins: what a liquidation engine of linear contracts sees of them."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxmargin.book import Book
from jaxmargin.instruments import AbstractInstruments
from jaxmargin.market import Market
from jaxmargin.sensitivities import profit_of_moves
from jaxmargin.valuation import stream_accounts

__all__ = ["linear_positions"]


def linear_positions(book: Book, market: Market) -> Float[Array, "account asset"]:
    """Delta of each account by the price of each asset, in units of the asset.

    An asset's spot, forwards and perpetual move by the same fraction, and what is won or lost is
    converted at the moved price of the settlement asset, of which a linear contract thus owes its
    price; as `account_greeks` has it, without second derivatives.
    """
    parts = [_deltas(batch, market) for batch in book.instruments]
    return stream_accounts(_same, jnp.concatenate(parts), book.positions)


def _same(table: Float[Array, "account asset"]) -> Float[Array, "account asset"]:
    return table


@jax.jit
def _deltas(batch: AbstractInstruments, market: Market) -> Float[Array, "instrument asset"]:
    """Of one contract a row."""
    slope = jax.jacfwd(profit_of_moves(batch, market))(jnp.zeros_like(market.spot))
    return batch.multiplier[:, None] * slope / market.spot[None, :]
