"""What makes scenarios."""

import abc

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float, Key

from jaxmargin.market import Market
from jaxmargin.scenarios._shocks import Shocks

__all__ = ["AbstractScenarioSource", "spot_shocks"]


class AbstractScenarioSource(eqx.Module):
    """A rule that makes a set of joint scenarios for a market."""

    @abc.abstractmethod
    def shocks(self, market: Market, key: Key[Array, ""]) -> Shocks:
        """The scenarios of this source for `market`.

        Args:
            market: today's market; its assets and pillars say what is shocked.
            key: random key; sources without randomness ignore it.
        """


def spot_shocks(
    market: Market,
    spot: Float[Array, "asset scenario"],
    *,
    volatility: Float[Array, "pillar scenario"] | None = None,
    time: float,
    overlap: int = 1,
) -> Shocks:
    """Equally likely `Shocks` that move spots, and volatilities if given, over `time` years."""
    pillars, scenarios = market.time.shape[0], spot.shape[-1]
    still = jnp.zeros((pillars, scenarios), spot.dtype)
    return Shocks(
        spot=spot,
        perpetual=jnp.zeros_like(spot),
        funding=jnp.zeros_like(spot),
        basis=still,
        volatility=still if volatility is None else volatility,
        rate=still,
        time=jnp.full((scenarios,), time, spot.dtype),
        weight=jnp.ones((scenarios,), spot.dtype),
        overlap=jnp.asarray(overlap, spot.dtype),
    )
