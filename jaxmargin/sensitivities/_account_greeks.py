"""Greeks of accounts, by underlying and by expiry."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxmargin.book import Book
from jaxmargin.instruments import AbstractInstruments, AbstractOptions
from jaxmargin.market import Market
from jaxmargin.sensitivities._asset_moves import profit_of_moves
from jaxmargin.sensitivities._greeks import Greeks, instrument_greeks
from jaxmargin.valuation import stream_accounts

__all__ = ["AccountGreeks", "account_greeks"]


class AccountGreeks(NamedTuple):
    """Greeks of what each account holds, multipliers and quantities included.

    Attributes:
        delta: by the price of each asset, in units of the asset; every kind counts. That of a
            coin-settled option is of its P&L, unlike the venue's in `options`.
        gamma: change of `delta` per numeraire unit of the asset's own price.
        options: the greeks of options as `Greeks` has them, by pillar: underlying and expiry.
    """

    delta: Float[Array, "account asset"]
    gamma: Float[Array, "account asset"]
    options: Greeks


def account_greeks(book: Book, market: Market) -> AccountGreeks:
    """Greeks of every account: those of the contracts, aggregated as their P&L is.

    `delta` and `gamma` move an asset's spot, forwards and perpetual by the same fraction, and
    convert what is won or lost at the moved price of the settlement asset.
    """
    assets, pillars, parts = market.spot.shape[0], market.forward.shape[0], len(Greeks._fields)
    columns = jnp.concatenate([_columns(batch, market) for batch in book.instruments])
    table = stream_accounts(_same, columns, book.positions)
    delta, gamma, rest = jnp.split(table, [assets, 2 * assets], axis=1)
    by_part = rest.reshape(rest.shape[0], parts, pillars)
    return AccountGreeks(delta, gamma, Greeks(*(by_part[:, part] for part in range(parts))))


def _same(table: Float[Array, "account column"]) -> Float[Array, "account column"]:
    return table


@jax.jit
def _columns(batch: AbstractInstruments, market: Market) -> Float[Array, "instrument column"]:
    """Delta and gamma by asset, then each of `Greeks` by pillar, of one contract a row."""
    pillars = market.forward.shape[0]
    profit = profit_of_moves(batch, market)
    still = jnp.zeros_like(market.spot)
    first = jax.jacfwd(profit)(still)
    second = jnp.diagonal(jax.jacfwd(jax.jacfwd(profit))(still), axis1=1, axis2=2)
    by_asset = jnp.concatenate(
        [first / market.spot[None, :], second / market.spot[None, :] ** 2], axis=1
    )
    by_pillar = jnp.zeros((first.shape[0], len(Greeks._fields) * pillars), first.dtype)
    if isinstance(batch, AbstractOptions):
        greeks = instrument_greeks(batch, market)
        where = jax.nn.one_hot(batch.pillar, pillars, dtype=first.dtype)
        by_pillar = jnp.concatenate([where * column[:, None] for column in greeks], axis=1)
    return batch.multiplier[:, None] * jnp.concatenate([by_asset, by_pillar], axis=1)
