"""Historical simulation: what happened on every past day happens again from today's prices."""

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float, Key

from jaxmargin.errors import require
from jaxmargin.market import Market
from jaxmargin.scenarios._shocks import Shocks
from jaxmargin.scenarios._source import AbstractScenarioSource, spot_shocks

__all__ = ["HistoricalSimulation"]

_DAYS_PER_YEAR = 365.0


class HistoricalSimulation(AbstractScenarioSource):
    r"""Overlapping log returns over the horizon, all assets on the same dates.

    With daily closes $c_t$ the scenarios are $\ln(c_{t+h} / c_t)$ for every day $t$; for an asset
    that follows another, $c_t$ is the ratio of their closes. Volatilities, basis, funding and
    rates do not move; `horizon_days` pass.

    Attributes:
        close: closing prices, oldest first, one column per asset of the market in its order, in
            regular steps of one day; positive. An asset held constant has a constant column.
        horizon_days: days a scenario spans.

    References:
        Hull, J. and White, A. (1998), "Incorporating volatility updating into the historical
        simulation method for value-at-risk", Journal of Risk 1(1), 5-19, section 1.
    """

    close: Float[Array, "day asset"]
    horizon_days: int = eqx.field(static=True, default=1)

    def __check_init__(self) -> None:
        """Raises `InvalidInputError` if the horizon is not within the history."""
        require(
            self.horizon_days >= 1,
            f"HistoricalSimulation.horizon_days must be at least 1; got {self.horizon_days!r}.",
        )
        require(
            self.close.shape[0] > self.horizon_days,
            f"HistoricalSimulation.close must hold more than horizon_days = {self.horizon_days} "
            f"days; got {self.close.shape[0]}. Give a longer history or a shorter horizon.",
        )

    def shocks(self, market: Market, key: Key[Array, ""]) -> Shocks:
        """See `AbstractScenarioSource.shocks`; `key` is not used."""
        require(
            self.close.shape[1] == market.spot.shape[0],
            "HistoricalSimulation.close needs one column per asset of the market; got "
            f"{self.close.shape[1]} columns for {market.spot.shape[0]} assets.",
        )
        horizon = self.horizon_days
        follows = market.base != jnp.arange(market.base.shape[0])
        price = self.close / jnp.where(follows[None, :], self.close[:, market.base], 1.0)
        return spot_shocks(
            market,
            jnp.log(price[horizon:] / price[:-horizon]).T,
            time=horizon / _DAYS_PER_YEAR,
            overlap=horizon,
        )
