"""Greeks of accounts, by underlying and by expiry."""

from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxmargin.book import Book
from jaxmargin.instruments import AbstractInstruments, AbstractOptions
from jaxmargin.market import Market
from jaxmargin.sensitivities._greeks import instrument_greeks
from jaxmargin.valuation import stream_accounts

__all__ = ["AccountGreeks", "account_greeks"]


class AccountGreeks(NamedTuple):
    """Greeks of what each account holds, multipliers and quantities included.

    Attributes:
        delta: by the price of each asset, in units of the asset; every kind counts.
        gamma: change of `delta` per numeraire unit of the asset's own price.
        vega: of options, by pillar; numeraire per volatility point.
        theta: of options, by pillar; numeraire per day.
        rho: of options, by pillar; numeraire per percentage point.
    """

    delta: Float[Array, "account asset"]
    gamma: Float[Array, "account asset"]
    vega: Float[Array, "account pillar"]
    theta: Float[Array, "account pillar"]
    rho: Float[Array, "account pillar"]


def account_greeks(book: Book, market: Market) -> AccountGreeks:
    """Greeks of every account: those of the contracts, aggregated as their P&L is.

    `delta` and `gamma` move an asset's spot, forwards and perpetual by the same fraction, and
    convert what is won or lost at the moved price of the settlement asset.
    """
    assets, pillars = market.spot.shape[0], market.forward.shape[0]
    columns = jnp.concatenate([_columns(batch, market) for batch in book.instruments])
    table = stream_accounts(_same, columns, book.positions)
    ends = [assets, 2 * assets, 2 * assets + pillars, 2 * assets + 2 * pillars]
    return AccountGreeks(*jnp.split(table, ends, axis=1))


def _same(table: Float[Array, "account column"]) -> Float[Array, "account column"]:
    return table


@jax.jit
def _columns(batch: AbstractInstruments, market: Market) -> Float[Array, "instrument column"]:
    """Delta and gamma by asset, then vega, theta and rho by pillar, of one contract each."""
    pillars = market.forward.shape[0]
    today = batch.value(market)

    def profit(move: Float[Array, " asset"]) -> Float[Array, " instrument"]:
        grown = 1.0 + move
        moved = eqx.tree_at(
            lambda m: (m.spot, m.perpetual, m.forward),
            market,
            (market.spot * grown, market.perpetual * grown, market.forward * grown[market.asset]),
        )
        return (batch.value(moved) - today) * moved.spot[batch.settlement]

    still = jnp.zeros_like(market.spot)
    first = jax.jacfwd(profit)(still)
    second = jnp.diagonal(jax.jacfwd(jax.jacfwd(profit))(still), axis1=1, axis2=2)
    by_asset = jnp.concatenate(
        [first / market.spot[None, :], second / market.spot[None, :] ** 2], axis=1
    )
    by_pillar = jnp.zeros((today.shape[0], 3 * pillars), today.dtype)
    if isinstance(batch, AbstractOptions):
        greeks = instrument_greeks(batch, market)
        where = jax.nn.one_hot(batch.pillar, pillars, dtype=today.dtype)
        by_pillar = jnp.concatenate(
            [where * column[:, None] for column in (greeks.vega, greeks.theta, greeks.rho)], axis=1
        )
    return batch.multiplier[:, None] * jnp.concatenate([by_asset, by_pillar], axis=1)
