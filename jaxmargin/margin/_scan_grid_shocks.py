"""Scenarios in which every coin moves by multiples of a range of its own."""

import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxmargin.market import Market
from jaxmargin.scenarios import DAYS_PER_YEAR, Shocks, pad_scenarios

__all__ = ["range_shocks"]


def range_shocks(
    market: Market,
    price: Float[Array, "asset scenario"],
    days: Float[Array, ""],
    *,
    volatility: Float[Array, "asset scenario"] | None = None,
    share: Float[Array, " scenario"] | None = None,
) -> Shocks:
    """Relative moves of coins' prices and volatilities as padded shocks.

    What follows another asset keeps its ratio to it, forwards and perpetuals move along.

    Args:
        market: today's market.
        price: relative change of each asset's price, above -1; -0.1 is a fall of 10 %.
        days: days that pass.
        volatility: relative change of the volatilities of each asset, above -1; None for none.
        share: share of the P&L that counts in each scenario; None for all of it.
    """
    follows = market.base != jnp.arange(market.base.shape[0])
    one = jnp.ones(price.shape[1], price.dtype)
    moved = None if volatility is None else jnp.log1p(volatility)[market.base[market.asset]]
    return pad_scenarios(
        Shocks(
            spot=jnp.where(follows[:, None], 0.0, jnp.log1p(price)),
            volatility=moved,
            time=one * days / DAYS_PER_YEAR,
            weight=one,
            overlap=one[0],
            damping=share,
        )
    )
