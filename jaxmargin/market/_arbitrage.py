"""Static arbitrage in a volatility surface: found and reported, never repaired."""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from jaxmargin.market._market import Market
from jaxmargin.numerics import normal_cdf

__all__ = ["Arbitrage", "find_arbitrage"]


class Arbitrage(NamedTuple):
    """The worst point of each pillar by three measures; a negative value is an arbitrage.

    A value is infinite where there is nothing to compare: an expired pillar, or one without a
    live pillar before it.

    Attributes:
        density: smallest $g(k)$, to which the implied probability density is proportional.
        density_at: log-moneyness where.
        probability: smallest implied probability around a grid point, as the price of a butterfly
            of neighboring strikes says; sees the kinks between straight lines, which $g$ does not.
        probability_at: log-moneyness where.
        calendar: smallest increase of total variance over the asset's previous expiry at equal
            log-moneyness.
        calendar_at: log-moneyness where.
    """

    density: Float[Array, " pillar"]
    density_at: Float[Array, " pillar"]
    probability: Float[Array, " pillar"]
    probability_at: Float[Array, " pillar"]
    calendar: Float[Array, " pillar"]
    calendar_at: Float[Array, " pillar"]


@jax.jit
def find_arbitrage(market: Market, log_moneyness: Float[Array, " node"]) -> Arbitrage:
    r"""The worst butterfly and calendar spreads of every pillar on a grid of $k = \ln(K / F)$.

    With total variance $w(k)$, differentiated by JAX, the density of the underlying's price is
    nowhere negative if

    $$ g(k) = \Big(1 - \frac{k\,w'}{2 w}\Big)^2 - \frac{w'^2}{4} \Big(\frac1w + \frac14\Big)
       + \frac{w''}{2} \ge 0, $$

    and no calendar spread has a negative price if $w$ does not fall with time at any $k$. Only the
    grid is looked at. In single precision values within 1e-4 of zero are noise.

    For a shocked market call it on `shock_market(market, shock)`, under `vmap` for many.

    Args:
        market: forwards, times and surface; moneyness counts from its own forwards.
        log_moneyness: grid, ascending, three points or more.

    References:
        Gatheral, J. and Jacquier, A. (2014), "Arbitrage-free SVI volatility surfaces",
        Quantitative Finance 14, 59-71: lemmas 2.1 and 2.2, equation 2.1.
    """
    pillars, nodes = market.time.shape[0], log_moneyness.shape[0]
    pillar = jnp.repeat(jnp.arange(pillars), nodes, total_repeat_length=pillars * nodes)
    k = jnp.tile(log_moneyness, pillars)

    def total_variance(k: Float[Array, " point"]) -> Float[Array, " point"]:
        strike = market.forward[pillar] * jnp.exp(k)
        return jnp.square(market.total_volatility(pillar, strike))

    variance = total_variance(k).reshape(pillars, nodes)
    alive = market.time > 0.0
    density = _density(total_variance, k).reshape(pillars, nodes)
    density = _worst(jnp.where(alive[:, None], density, jnp.inf), log_moneyness)
    probability = jax.vmap(_probabilities, in_axes=(None, 0))(log_moneyness, variance)
    probability = _worst(jnp.where(alive[:, None], probability, jnp.inf), log_moneyness[1:-1])
    previous = _previous(market)
    has_previous = (alive & (previous >= 0))[:, None]
    increase = _worst(
        jnp.where(has_previous, variance - variance[previous], jnp.inf), log_moneyness
    )
    return Arbitrage(*density, *probability, *increase)


def _density(
    total_variance: Callable[[Float[Array, " point"]], Float[Array, " point"]],
    k: Float[Array, " point"],
) -> Float[Array, " point"]:
    """The function $g$; total variance at a point depends on that point alone."""
    one = jnp.ones_like(k)

    def slope_of(k: Float[Array, " point"]) -> Float[Array, " point"]:
        return jax.jvp(total_variance, (k,), (one,))[1]

    w, (slope, curvature) = total_variance(k), jax.jvp(slope_of, (k,), (one,))
    w = jnp.where(w == 0.0, 1.0, w)  # none is left where the pillar has expired
    squared = 0.25 * jnp.square(slope)
    return jnp.square(1.0 - 0.5 * k * slope / w) - squared * (1.0 / w + 0.25) + 0.5 * curvature


def _probabilities(
    k: Float[Array, " node"], variance: Float[Array, " node"]
) -> Float[Array, " inner"]:
    """Implied probability around each inner node: the change of the slope of calls in strike."""
    v = jnp.sqrt(jnp.where(variance == 0.0, 1.0, variance))
    d1 = -k / v + 0.5 * v
    call = normal_cdf(d1) - jnp.exp(k) * normal_cdf(d1 - v)
    return jnp.diff(jnp.diff(call) / jnp.diff(jnp.exp(k)))


def _previous(market: Market) -> Int[Array, " pillar"]:
    """The asset's latest live pillar before each; -1 where there is none."""
    time = market.time
    before = (market.asset[:, None] == market.asset[None, :]) & (time[None, :] > 0.0)
    before &= time[None, :] < time[:, None]
    times = jnp.where(before, jnp.broadcast_to(time[None, :], before.shape), -jnp.inf)
    return jnp.where(jnp.any(before, axis=1), jnp.argmax(times, axis=1), -1)


def _worst(
    values: Float[Array, "pillar node"], at: Float[Array, " node"]
) -> tuple[Float[Array, " pillar"], Float[Array, " pillar"]]:
    """The smallest value of each row and where it is; NaN counts as smallest."""
    index = jnp.argmin(values, axis=1)
    return jnp.take_along_axis(values, index[:, None], axis=1)[:, 0], at[index]
