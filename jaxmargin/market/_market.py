"""The market: all that a valuation reads."""

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from jaxmargin.errors import require
from jaxmargin.market._dynamics import AbstractSmileDynamics, StickyStrike
from jaxmargin.market._surfaces import AbstractVolatilitySurface
from jaxmargin.market._tilt import SmileTilt

__all__ = ["Market"]


class Market(eqx.Module):
    """One state of the market or, under `vmap`, a batch of states.

    A pillar is one expiry of one asset. Prices are in the numeraire (a currency such as USD).

    Attributes:
        spot: price of one unit of each asset, positive; the numeraire itself may be an asset
            with spot 1.
        perpetual: mark price of the perpetual contract on each asset; an asset without one
            carries its spot.
        funding: funding rate of the perpetual on each asset, per year and not compounded; longs
            pay shorts where it is positive. Zero unless given.
        base: the asset that each asset follows, as a row of `spot`: the coin for its wrapped or
            staked form; the asset itself, unless given, where it follows none. What follows is
            shocked by its base's move plus its own, the change of the ratio between them.
        asset: asset of each pillar, as a row of `spot`.
        time: time to expiry of each pillar in years (ACT/365); zero is expired.
        forward: forward price of each pillar.
        rate: continuously compounded rate at which payments at each pillar are discounted.
        fixed: share of each pillar's settlement price that is known already, because it is an
            average that has begun; in [0, 1), zero unless given. Only the rest moves.
        surface: implied volatilities, one row per pillar.
        dynamics: what becomes of the volatilities when forwards move; unless given, strikes keep
            theirs.
        tilt: moves of volatilities that differ between strikes, which scenarios may bring; None,
            as in today's market, for none.
        elapsed: years since today; zero in today's market, as is the default.
    """

    spot: Float[Array, " asset"]
    perpetual: Float[Array, " asset"]
    funding: Float[Array, " asset"]
    base: Int[Array, " asset"]
    asset: Int[Array, " pillar"]
    time: Float[Array, " pillar"]
    forward: Float[Array, " pillar"]
    rate: Float[Array, " pillar"]
    fixed: Float[Array, " pillar"]
    surface: AbstractVolatilitySurface
    dynamics: AbstractSmileDynamics
    tilt: SmileTilt | None
    elapsed: Float[Array, ""]

    def __init__(
        self,
        spot: Float[Array, " asset"],
        perpetual: Float[Array, " asset"],
        asset: Int[Array, " pillar"],
        time: Float[Array, " pillar"],
        forward: Float[Array, " pillar"],
        rate: Float[Array, " pillar"],
        surface: AbstractVolatilitySurface,
        *,
        funding: Float[Array, " asset"] | None = None,
        base: Int[Array, " asset"] | None = None,
        fixed: Float[Array, " pillar"] | None = None,
        dynamics: AbstractSmileDynamics | None = None,
        tilt: SmileTilt | None = None,
        elapsed: Float[Array, ""] | None = None,
    ) -> None:
        self.spot, self.perpetual = spot, perpetual
        self.funding = jnp.zeros_like(spot) if funding is None else funding
        self.base = jnp.arange(spot.shape[0]) if base is None else base
        self.asset, self.time, self.forward, self.rate = asset, time, forward, rate
        self.fixed = jnp.zeros_like(forward) if fixed is None else fixed
        self.surface = surface
        self.dynamics = StickyStrike() if dynamics is None else dynamics
        self.tilt = tilt
        self.elapsed = jnp.zeros((), spot.dtype) if elapsed is None else elapsed

    def __check_init__(self) -> None:
        """Raises `InvalidInputError` if the shapes of one axis differ."""
        for axis, names in (
            ("asset", ("spot", "perpetual", "funding", "base")),
            ("pillar", ("asset", "time", "forward", "rate", "fixed")),
        ):
            shapes = {name: getattr(self, name).shape for name in names}
            if axis == "pillar":
                shapes["surface.scale"] = self.surface.scale.shape
            require(
                len(set(shapes.values())) == 1,
                f"Market needs one entry per {axis} in each of its {axis} fields; got {shapes}.",
            )

    def volatility(
        self, pillar: Int[Array, " instrument"], strike: Float[Array, " instrument"]
    ) -> Float[Array, " instrument"]:
        """Annualized volatility of each strike at its pillar, as forwards and times stand now."""
        forward, time = self.forward[pillar], self.time[pillar]
        volatility = self.dynamics.volatility(self.surface, pillar, strike, forward, time)
        return volatility if self.tilt is None else self.tilt.apply(volatility, pillar, strike)

    def total_volatility(
        self, pillar: Int[Array, " instrument"], strike: Float[Array, " instrument"]
    ) -> Float[Array, " instrument"]:
        """Volatility times the square root of time to expiry; zero for what has expired."""
        time = self.time[pillar]
        alive = time > 0.0  # guarded twice: the derivative of sqrt at zero is infinite
        root = jnp.where(alive, jnp.sqrt(jnp.where(alive, time, 1.0)), 0.0)
        return self.volatility(pillar, strike) * root

    def discount(self, pillar: Int[Array, " instrument"]) -> Float[Array, " instrument"]:
        """Value today of one unit paid at each pillar, in (0, 1] if rates are not negative."""
        return jnp.exp(-self.rate[pillar] * self.time[pillar])
