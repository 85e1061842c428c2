"""Greeks of options in the units that venues show."""

from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxmargin.instruments import AbstractOptions
from jaxmargin.market import Market

__all__ = ["Greeks", "instrument_greeks"]

_DAYS_PER_YEAR = 365.0


class Greeks(NamedTuple):
    r"""Derivatives of the value $V$ of one unit (before the multiplier) in the numeraire.

    What settles in the underlying itself is converted at the contract's own forward $F$, as
    venues do, so that a coin-settled option has the greeks of Black's formula.

    Attributes:
        delta: $\partial V / \partial F$.
        gamma: $\partial^2 V / \partial F^2$, per numeraire unit.
        vega: $\partial V / \partial \sigma$ per volatility point (0.01).
        theta: change of $V$ in one day, but not more than in the whole life that is left.
        rho: $\partial V / \partial r$ per percentage point (0.01), spot held.
        vanna: $\partial^2 V / \partial F \partial \sigma$ per volatility point.
        volga: $\partial^2 V / \partial \sigma^2$ per volatility point squared.
    """

    delta: Float[Array, " instrument"]
    gamma: Float[Array, " instrument"]
    vega: Float[Array, " instrument"]
    theta: Float[Array, " instrument"]
    rho: Float[Array, " instrument"]
    vanna: Float[Array, " instrument"]
    volga: Float[Array, " instrument"]


def instrument_greeks(batch: AbstractOptions, market: Market) -> Greeks:
    """Greeks of every option of a batch, by forward-mode autodiff of `value`.

    Each option is moved along with its own underlying and expiry, all of them in one pass, so the
    work is that of some twenty valuations. Under `vmap` the market may be a batch of states.
    Volatilities follow `Market.dynamics` as prices move; vega and its kin take a volatility as
    proportional to the surface's scale, which is approximate for `StickyDelta`.
    """
    forward = market.forward[batch.pillar]
    volatility = market.volatility(batch.pillar, batch.strike)
    zero = jnp.zeros((), forward.dtype)

    def value(
        price: Float[Array, ""],
        scale: Float[Array, ""],
        years: Float[Array, ""],
        rate: Float[Array, ""],
    ) -> Float[Array, " instrument"]:
        """Value after relative moves of prices and volatilities, and shifts of time and rates."""
        return _value(batch, market, 1.0 + price, 1.0 + scale, years, rate)

    point = (zero, zero, zero, zero)
    by_price, by_scale, by_years, by_rate = jax.jacfwd(value, argnums=(0, 1, 2, 3))(*point)
    (price_price, price_scale), (_, scale_scale) = jax.jacfwd(
        jax.jacfwd(value, argnums=(0, 1)), argnums=(0, 1)
    )(*point)
    one_day = -by_years / _DAYS_PER_YEAR
    lifetime = _value(batch, market, 1.0 + zero, 1.0 + zero, None, zero) - value(*point)
    smaller = jnp.abs(one_day) < jnp.abs(lifetime)
    return Greeks(
        delta=by_price / forward,
        gamma=price_price / forward**2,
        vega=by_scale / volatility / 100.0,
        theta=jnp.where(smaller, one_day, lifetime),
        rho=by_rate / 100.0,
        vanna=price_scale / (forward * volatility) / 100.0,
        volga=scale_scale / volatility**2 / 1e4,
    )


def _value(
    batch: AbstractOptions,
    market: Market,
    price: Float[Array, ""],
    scale: Float[Array, ""],
    years: Float[Array, ""] | None,
    rate: Float[Array, ""],
) -> Float[Array, " instrument"]:
    """Numeraire value after moves of the underlyings; `years` None lets all expire.

    Settlement assets other than the underlying stand still: a row of spots is added for the
    underlyings, which prices move, beside the one that settlement reads.
    """
    assets = market.spot.shape[0]
    time = jnp.zeros_like(market.time) if years is None else market.time + years
    growth = price * jnp.exp(rate * market.time)
    moved = eqx.tree_at(
        lambda m: (m.spot, m.perpetual, m.funding, m.base, m.asset, m.time, m.forward, m.rate,
                   m.surface.scale),
        market,
        (
            jnp.concatenate([market.spot, market.spot * price]),
            jnp.tile(market.perpetual, 2),
            jnp.tile(market.funding, 2),
            jnp.concatenate([market.base, market.base + assets]),
            market.asset + assets,
            time,
            market.forward * growth,
            market.rate + rate,
            market.surface.scale * scale,
        ),
    )  # fmt: skip
    own = batch.settlement == market.asset[batch.pillar]
    unit = jnp.where(own, moved.forward[batch.pillar], market.spot[batch.settlement])
    return batch.value(moved) * unit
