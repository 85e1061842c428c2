"""Margin in markets that have moved: price by volatility."""

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from jaxmargin.book import Book
from jaxmargin.errors import require
from jaxmargin.margin import AbstractRulebook
from jaxmargin.market import Market
from jaxmargin.scenarios import Shocks, shock_market
from jaxmargin.sensitivities._positions import Margin
from jaxmargin.valuation import Progress

__all__ = ["margin_ladder", "moved_market"]


def moved_market(
    market: Market, price: Float[np.ndarray, " asset"], volatility: float = 0.0
) -> Market:
    """Today's market had prices and volatilities moved, before any time passes.

    Args:
        market: today's market.
        price: relative change of each asset's spot, perpetual and forwards, above -1; that of an
            asset that follows another is of the ratio between them.
        volatility: relative change of all volatilities, above -1.

    Raises:
        InvalidInputError: a move is -1 or below, or there is not one for each asset.
    """
    assets, pillars = market.spot.shape[0], market.time.shape[0]
    require(price.shape == (assets,), f"price needs one move for each of {assets} assets.")
    for name, low in (("price", float(price.min(initial=0.0))), ("volatility", volatility)):
        require(low > -1.0, f"{name} is a relative change and must be above -1; got {low!r}.")
    dtype = market.spot.dtype
    shock = Shocks(
        spot=jnp.asarray(np.log1p(price)[:, None], dtype),
        volatility=jnp.full((pillars, 1), np.log1p(volatility), dtype),
        time=jnp.zeros(1, dtype),
        weight=jnp.ones(1, dtype),
        overlap=jnp.ones((), dtype),
    )
    return _moved(market, shock)


@jax.jit
def _moved(market: Market, shock: Shocks) -> Market:
    return shock_market(market, jax.tree.map(lambda x: x[..., 0] if x.ndim else x, shock))


def margin_ladder(
    rulebook: AbstractRulebook,
    book: Book,
    market: Market,
    *,
    asset: int,
    price: Float[np.ndarray, " price"],
    volatility: Float[np.ndarray, " volatility"],
    of: Margin = "initial",
    progress: Progress | None = None,
) -> Float[np.ndarray, "account price volatility"]:
    """Margins had the price of one asset, and all volatilities, moved: full runs each.

    At no move it is today's margin, and its slope there is `MarketBuckets.price` per 1 %.

    Args:
        rulebook: the rule.
        book: contracts and positions; see `one_account` for a single account.
        market: today's market.
        asset: the asset that moves, as a row of `Market.spot`; what follows it moves along.
        price: relative changes of its price.
        volatility: relative changes of all volatilities.
        of: which margin.
        progress: called with markets done and markets in all.

    Raises:
        InvalidInputError: a move is out of range, or see `AbstractRulebook.requirement`.
        MemoryError: see `AbstractRulebook.requirement`.
    """
    margins = np.zeros((book.positions.accounts, price.size, volatility.size))
    for number, (row, column) in enumerate(np.ndindex(price.size, volatility.size)):
        moves = np.zeros(market.spot.shape[0])
        moves[asset] = price[row]
        state = moved_market(market, moves, float(volatility[column]))
        margins[:, row, column] = np.asarray(getattr(rulebook.requirement(book, state), of))
        if progress is not None:
            progress(number + 1, price.size * volatility.size)
    return margins
