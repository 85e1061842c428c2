"""Haircuts from scenarios."""

import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxmargin.collateral._joint import collateral_pnl
from jaxmargin.market import Market
from jaxmargin.risk import AbstractRiskMeasure
from jaxmargin.scenarios import Shocks

__all__ = ["scenario_haircuts"]


def scenario_haircuts(
    market: Market, shocks: Shocks, measure: AbstractRiskMeasure
) -> Float[Array, " asset"]:
    """The measure of each asset's relative loss over the scenarios, in [0, 1].

    Knows jumps, depegs and dependence over time, which scaled volatility does not: with scenarios
    of overlapping periods or of filtered history it is the floor that `VolatilityHaircuts` wants.
    Zero for an asset that gains even by the measure.
    """
    unit = collateral_pnl(market, shocks, jnp.zeros_like(market.spot))
    return jnp.clip(measure(unit / market.spot[:, None], shocks.weight), 0.0, 1.0)
