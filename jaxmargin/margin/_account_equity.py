"""What contracts add to an account's equity, and how large they are."""

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxmargin.book import Book, Positions
from jaxmargin.instruments import DigitalOptions
from jaxmargin.margin._contract_terms import contract_terms
from jaxmargin.market import Market
from jaxmargin.valuation import memory_errors, stream_accounts

__all__ = ["gross_notional", "position_value"]


def position_value(book: Book, market: Market) -> Float[Array, "account asset"]:
    """Value of each account's contracts at their marks, in units of the asset each settles in.

    Spot and options have a value; futures and perpetuals have none, since their gains and losses
    are settled. What is owed is negative. Balances plus these units are what an account's equity
    consists of: at `Market.spot` they are worth its equity, and they lose value as the assets do.

    Raises:
        MemoryError: memory ran out.
    """
    with memory_errors():
        return stream_accounts(_same, _settled_units(book, market), book.positions)


def gross_notional(book: Book, market: Market) -> Float[Array, " account"]:
    """Notional of each account's contracts, long and short added, in the numeraire.

    That of an option is the underlying's at its forward, that of a digital option what it pays.
    Nothing offsets: a spread counts with both legs.

    Raises:
        MemoryError: memory ran out.
    """
    with memory_errors():
        unsigned = _unsigned(book.positions)
        return stream_accounts(_same, _notional(book, market), unsigned)[:, 0]


def _same(amounts: Float[Array, "account column"]) -> Float[Array, "account column"]:
    return amounts


@jax.jit
def _settled_units(book: Book, market: Market) -> Float[Array, "instrument asset"]:
    terms, assets = contract_terms(book, market), market.spot.shape[0]
    units = terms.value / market.spot[terms.settlement]
    settled = terms.settlement[:, None] == jnp.arange(assets)[None, :]
    return jnp.where(settled, units[:, None], 0.0)


@jax.jit
def _notional(book: Book, market: Market) -> Float[Array, "instrument one"]:
    terms = contract_terms(book, market)
    parts, first = [jnp.zeros(0, market.spot.dtype)], 0
    for batch in book.instruments:
        rows = slice(first, first + batch.multiplier.shape[0])
        size = terms.coins[rows] * terms.price[rows]
        if isinstance(batch, DigitalOptions):
            size = batch.multiplier * market.spot[batch.settlement]
        parts.append(size)
        first = rows.stop
    notional = jnp.concatenate(parts) if book.instruments else jnp.zeros(1, market.spot.dtype)
    return jnp.abs(notional)[:, None]


def _unsigned(positions: Positions) -> Positions:
    """The same with every short position long."""
    blocks = tuple(
        eqx.tree_at(lambda b: b.quantity, block, jnp.abs(block.quantity))
        for block in positions.blocks
    )
    return Positions(blocks, positions.row)
