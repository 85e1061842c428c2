"""A grid of spot moves and volatility moves, as venues use for portfolio margin."""

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float, Key

from jaxmargin.errors import require
from jaxmargin.market import Market
from jaxmargin.scenarios._shocks import Shocks
from jaxmargin.scenarios._source import DAYS_PER_YEAR, AbstractScenarioSource

__all__ = ["SpotVolatilityGrid"]


class SpotVolatilityGrid(AbstractScenarioSource):
    """Every spot move with every volatility move; all assets move by the same fraction.

    Scenarios are ordered by spot move, then by volatility move.

    Attributes:
        spot_move: relative changes of spot prices, above -1; -0.16 is a fall of 16 %.
        volatility_move: relative changes of volatilities, above -1; 0.5 raises 40 % to 60 %.
        sensitivity: share of the move that each asset makes, in logs: 1 for coins, 0 for what
            keeps its price.
        horizon_days: days that pass in every scenario.
    """

    spot_move: Float[Array, " spot_move"]
    volatility_move: Float[Array, " volatility_move"]
    sensitivity: Float[Array, " asset"]
    horizon_days: float = eqx.field(static=True, default=0.0)

    def __check_init__(self) -> None:
        """Raises `InvalidInputError` if the horizon is negative."""
        require(
            self.horizon_days >= 0.0,
            f"SpotVolatilityGrid.horizon_days must not be negative; got {self.horizon_days!r}.",
        )

    def shocks(self, market: Market, key: Key[Array, ""]) -> Shocks:
        """See `AbstractScenarioSource.shocks`; `key` is not used."""
        require(
            self.sensitivity.shape == market.spot.shape,
            "SpotVolatilityGrid.sensitivity needs one entry per asset of the market; got "
            f"{self.sensitivity.shape[0]} for {market.spot.shape[0]} assets.",
        )
        log_move = jnp.repeat(jnp.log1p(self.spot_move), self.volatility_move.shape[0])
        volatility = jnp.tile(jnp.log1p(self.volatility_move), self.spot_move.shape[0])
        spot = self.sensitivity[:, None] * log_move[None, :]
        shape = (market.time.shape[0], log_move.shape[0])
        return Shocks(
            spot=spot,
            volatility=jnp.broadcast_to(volatility[None, :], shape),
            time=jnp.full_like(log_move, self.horizon_days / DAYS_PER_YEAR),
            weight=jnp.ones_like(log_move),
            overlap=jnp.ones((), spot.dtype),
        )
