"""The market: all that a valuation reads."""

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from jaxmargin.errors import require
from jaxmargin.market._surfaces import AbstractVolatilitySurface

__all__ = ["Market"]


class Market(eqx.Module):
    """One state of the market or, under `vmap`, a batch of states.

    A pillar is one expiry of one asset. Prices are in the numeraire (a currency such as USD).

    Attributes:
        spot: price of one unit of each asset, positive; the numeraire itself may be an asset
            with spot 1.
        perpetual: mark price of the perpetual contract on each asset; an asset without one
            carries its spot.
        asset: asset of each pillar, as a row of `spot`.
        time: time to expiry of each pillar in years (ACT/365); zero is expired.
        forward: forward price of each pillar.
        rate: continuously compounded rate at which payments at each pillar are discounted.
        surface: implied volatilities, one row per pillar.
    """

    spot: Float[Array, " asset"]
    perpetual: Float[Array, " asset"]
    asset: Int[Array, " pillar"]
    time: Float[Array, " pillar"]
    forward: Float[Array, " pillar"]
    rate: Float[Array, " pillar"]
    surface: AbstractVolatilitySurface

    def __check_init__(self) -> None:
        """Raises `InvalidInputError` if the shapes of one axis differ."""
        require(
            self.spot.shape == self.perpetual.shape,
            f"Market.spot and Market.perpetual must have one entry per asset; got shapes "
            f"{self.spot.shape} and {self.perpetual.shape}.",
        )
        pillars = {
            name: getattr(self, name).shape for name in ("asset", "time", "forward", "rate")
        } | {"surface.scale": self.surface.scale.shape}
        require(
            len(set(pillars.values())) == 1,
            f"Market needs one entry per pillar in each of its pillar fields; got {pillars}.",
        )

    def total_volatility(
        self, pillar: Int[Array, " instrument"], strike: Float[Array, " instrument"]
    ) -> Float[Array, " instrument"]:
        """Volatility times the square root of time to expiry; zero for what has expired."""
        time = self.time[pillar]
        alive = time > 0.0  # guarded twice: the derivative of sqrt at zero is infinite
        root = jnp.where(alive, jnp.sqrt(jnp.where(alive, time, 1.0)), 0.0)
        return self.surface.volatility(pillar, strike) * root

    def discount(self, pillar: Int[Array, " instrument"]) -> Float[Array, " instrument"]:
        """Value today of one unit paid at each pillar, in (0, 1] if rates are not negative."""
        return jnp.exp(-self.rate[pillar] * self.time[pillar])
