"""Volatility of expiries between the pillars."""

import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from jaxmargin.market._market import Market

__all__ = ["volatility_at_time"]


def volatility_at_time(
    market: Market,
    asset: Int[Array, " instrument"],
    log_moneyness: Float[Array, " instrument"],
    time: Float[Array, " instrument"],
) -> Float[Array, " instrument"]:
    r"""Annualized volatility at any time to expiry, by asset and $k = \ln(K / F)$.

    Between the asset's pillars the total variance is linear in time at constant $k$,

    $$ w(k, t) = \frac{(T_2 - t)\,w(k, T_1) + (t - T_1)\,w(k, T_2)}{T_2 - T_1}, \qquad
       \sigma = \sqrt{w / t}; $$

    before the first pillar and after the last the volatility at that $k$ is theirs. Expired
    pillars take no part; an asset without a live pillar has NaN.

    Args:
        market: pillars and surface.
        asset: row of `Market.spot`.
        log_moneyness: $k$, with the forward of the expiry asked for.
        time: years to expiry, positive.
    """
    own = (market.asset[None, :] == asset[:, None]) & (market.time[None, :] > 0.0)
    pillar_time = jnp.broadcast_to(market.time[None, :], own.shape)
    earlier = _nearest(own & (pillar_time <= time[:, None]), -pillar_time)
    later = _nearest(own & (pillar_time >= time[:, None]), pillar_time)
    first, last = _nearest(own, pillar_time)[0], _nearest(own, -pillar_time)[0]
    left = jnp.where(earlier[1], earlier[0], first)
    right = jnp.where(later[1], later[0], last)
    variance = [_total_variance(market, pillar, log_moneyness) for pillar in (left, right)]
    t1, t2 = market.time[left], market.time[right]
    inside = t2 > t1
    share = jnp.where(inside, (time - t1) / jnp.where(inside, t2 - t1, 1.0), 0.0)
    between = (variance[0] + share * (variance[1] - variance[0])) / time
    flat = variance[0] / jnp.where(t1 > 0.0, t1, 1.0)
    squared = jnp.where(inside, between, flat)
    some = squared != 0.0  # the derivative of sqrt at zero is infinite
    volatility = jnp.where(some, jnp.sqrt(jnp.where(some, squared, 1.0)), 0.0)
    return jnp.where(jnp.any(own, axis=1), volatility, jnp.nan)


def _nearest(
    among: Bool[Array, "instrument pillar"], distance: Float[Array, "instrument pillar"]
) -> tuple[Int[Array, " instrument"], Bool[Array, " instrument"]]:
    """Pillar of the smallest distance among those allowed, and whether one is."""
    return jnp.argmin(jnp.where(among, distance, jnp.inf), axis=1), jnp.any(among, axis=1)


def _total_variance(
    market: Market, pillar: Int[Array, " instrument"], log_moneyness: Float[Array, " instrument"]
) -> Float[Array, " instrument"]:
    strike = market.forward[pillar] * jnp.exp(log_moneyness)
    return jnp.square(market.total_volatility(pillar, strike))
