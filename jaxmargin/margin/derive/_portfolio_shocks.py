"""Scenarios of Derive's portfolio rules as moves of the engine's market."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxmargin.margin.derive._black import YEAR_SECONDS, root_years
from jaxmargin.margin.derive._inputs import DeriveScenarios, ScenarioMode
from jaxmargin.margin.derive._pmrm1_parameters import Pmrm1Parameters
from jaxmargin.margin.derive._pmrm2_parameters import Pmrm2Parameters
from jaxmargin.margin.derive._revaluation import volatility_factors
from jaxmargin.market import Market
from jaxmargin.scenarios import Shocks, TiltShocks

__all__ = ["portfolio_shocks"]

_SMALLEST = 1e-9  # factor that stands for a volatility of zero; its logarithm is finite


@jax.jit
def portfolio_shocks(
    market: Market, scenarios: DeriveScenarios, parameters: Pmrm1Parameters | Pmrm2Parameters
) -> Shocks:
    """The scenarios, then forwards raised against spot, then forwards lowered; not damped.

    Assets that follow another move with it. The cap of a skew scenario must not be negative: the
    venue's formula then has no counterpart here.

    Args:
        market: today's market.
        scenarios: of each asset.
        parameters: of each asset.
    """
    own = (market.base == jnp.arange(market.base.shape[0]))[:, None]
    spot = jnp.where(own, jnp.log(scenarios.spot_multiplier), 0.0)
    mode = scenarios.mode[market.asset]
    each = jax.tree.map(lambda leaf: leaf[market.asset], parameters)
    seconds = market.time * YEAR_SECONDS
    up, down = volatility_factors(seconds, each.volatility)
    factor = jnp.where(mode == ScenarioMode.UP, up[:, None], 1.0)
    factor = jnp.where(mode == ScenarioMode.DOWN, jnp.maximum(down, _SMALLEST)[:, None], factor)
    still = jnp.zeros((market.asset.shape[0], 2), spot.dtype)
    count = spot.shape[1]

    def then_still(moves: Float[Array, "row scenario"]) -> Float[Array, "row column"]:
        return jnp.pad(moves, ((0, 0), (0, 2)))

    basis = jnp.stack([jnp.log(each.basis.up), jnp.log(each.basis.down)], axis=1)
    tilt = None
    if isinstance(each, Pmrm2Parameters):
        root = root_years(seconds)
        (linear, width), (absolute, wings_width) = (
            skew.cap_and_width(root) for skew in (each.linear, each.absolute)
        )
        skewed, winged = mode == ScenarioMode.LINEAR, mode == ScenarioMode.ABSOLUTE
        wide = jnp.where(winged, wings_width[:, None], width[:, None])
        tilt = TiltShocks(
            width=jnp.concatenate([wide, still + 1.0], axis=1),
            skew=then_still(jnp.where(skewed, linear[:, None], 0.0)),
            wings=then_still(jnp.where(winged, absolute[:, None], 0.0)),
            floor=then_still(jnp.where(mode == ScenarioMode.UP, each.minimum_up[:, None], 0.0)),
        )
    return Shocks(
        spot=then_still(spot),
        time=jnp.zeros(count + 2, spot.dtype),
        weight=jnp.ones(count + 2, spot.dtype),
        overlap=jnp.ones((), spot.dtype),
        basis=jnp.concatenate([jnp.zeros((still.shape[0], count), spot.dtype), basis], axis=1),
        volatility=then_still(jnp.log(factor)),
        tilt=tilt,
    )
