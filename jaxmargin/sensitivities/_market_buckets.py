"""Derivatives by the market, added up to what a reader asks about."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from jaxmargin.market import Market, QuotedVolatilities
from jaxmargin.numerics import normal_cdf

__all__ = ["DELTA_BUCKETS", "MarketBuckets", "margin_buckets"]

DELTA_BUCKETS = ("10 put", "25 put", "at the money", "25 call", "10 call")
"""Forward deltas of calls from 0.90 on, 0.65 on, 0.35 on, 0.10 on, and below."""

_EDGES = (0.90, 0.65, 0.35, 0.10)


class MarketBuckets(eqx.Module):
    """Change of a margin, to first order, for moves as they are quoted; in the numeraire.

    Attributes:
        price: for each asset, 1 % more on its spot, perpetual and all its forwards, and on those
            of what follows it.
        forward: for each pillar, 1 % more on its forward alone: the basis.
        volatility: one volatility point (0.01) more on the quotes whose delta lies in each of
            `DELTA_BUCKETS`; on a surface that is not quoted strike by strike, one point more at
            the money with the smile in proportion, in the bucket at the money.
        rate: for each pillar, one basis point (0.0001) more on its discount rate.
        funding: for each asset, one percentage point a year more on its perpetual's funding.
        day: one day less to every expiry, everything else unchanged.
    """

    price: Float[Array, " asset"]
    forward: Float[Array, " pillar"]
    volatility: Float[Array, "pillar bucket"]
    rate: Float[Array, " pillar"]
    funding: Float[Array, " asset"]
    day: Float[Array, ""]


@jax.jit
def margin_buckets(slopes: Market, market: Market) -> MarketBuckets:
    """Add up what `margin_to_market` returned for `market`.

    What is fixed of a forward's settlement price does not move with it, as in `shock_market`.
    """
    alive = market.time > 0.0
    by_forward = jnp.where(alive, (1.0 - market.fixed) * market.forward * slopes.forward, 0.0)
    own = market.spot * slopes.spot + market.perpetual * slopes.perpetual
    own = own.at[market.asset].add(by_forward)
    follows = market.base != jnp.arange(market.base.shape[0])
    price = own.at[market.base].add(jnp.where(follows, own, 0.0))
    return MarketBuckets(
        price=0.01 * price,
        forward=0.01 * market.forward * slopes.forward,
        volatility=0.01 * _by_delta(slopes, market),
        rate=1e-4 * slopes.rate,
        funding=0.01 * slopes.funding,
        day=-jnp.sum(jnp.where(alive, slopes.time, 0.0)) / 365.0,
    )


def _by_delta(slopes: Market, market: Market) -> Float[Array, "pillar bucket"]:
    surface, by = market.surface, slopes.surface
    middle = jnp.zeros(len(DELTA_BUCKETS)).at[DELTA_BUCKETS.index("at the money")].set(1.0)
    if not isinstance(surface, QuotedVolatilities) or not isinstance(by, QuotedVolatilities):
        pillar = jnp.arange(market.forward.shape[0])
        at_the_money = market.volatility(pillar, market.forward)
        slope = by.scale * surface.scale / at_the_money
        return jnp.where(jnp.isfinite(slope), slope, 0.0)[:, None] * middle[None, :]
    alive = (market.time > 0.0)[:, None]
    spread = surface.quote * surface.scale[:, None]
    spread = spread * jnp.sqrt(jnp.where(alive, market.time[:, None], 1.0))
    d1 = jnp.log(market.forward[:, None] / surface.strike) / spread + 0.5 * spread
    call = normal_cdf(jnp.where(jnp.isfinite(d1), d1, 0.0))
    bucket = jnp.sum(call[:, :, None] < jnp.asarray(np.array(_EDGES))[None, None, :], axis=-1)
    chosen = jax.nn.one_hot(bucket, len(DELTA_BUCKETS), dtype=by.quote.dtype)
    return jnp.sum(by.quote[:, :, None] * chosen, axis=1)
