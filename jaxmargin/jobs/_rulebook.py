"""From the settings of a job to its rulebook and scenarios."""

import jax
import jax.numpy as jnp
import numpy as np

from jaxmargin.jobs._load import Inputs
from jaxmargin.margin import AbstractRulebook, ExpectedShortfallRulebook
from jaxmargin.scenarios import AbstractScenarioSource, HistoricalSimulation, SpotVolatilityGrid

__all__ = ["build_rulebook"]


def build_rulebook(inputs: Inputs) -> tuple[AbstractRulebook, list[str]]:
    """The rulebook of a job, and a label for each of its scenarios."""
    source, labels = _build_source(inputs)
    settings = inputs.job.rulebook
    rulebook = ExpectedShortfallRulebook(
        source=source,
        key=jax.random.key(0),
        level=settings["level"],
        maintenance_ratio=settings["maintenance_ratio"],
    )
    return rulebook, labels


def _build_source(inputs: Inputs) -> tuple[AbstractScenarioSource, list[str]]:
    settings, horizon = inputs.job.scenarios, inputs.job.rulebook["horizon_days"]
    if inputs.history is not None:
        closes = inputs.history
        source = HistoricalSimulation(jnp.asarray(closes.to_numpy()), horizon_days=horizon)
        return source, [f"to {day.date().isoformat()}" for day in closes.index[horizon:]]
    moves, volatility_moves = settings["spot_moves"], settings["volatility_moves"]
    coin = (inputs.market.assets["kind"] == "coin").to_numpy(np.float64)
    source = SpotVolatilityGrid(
        spot_move=jnp.asarray(moves),
        volatility_move=jnp.asarray(volatility_moves),
        sensitivity=jnp.asarray(coin),
        horizon_days=float(horizon),
    )
    return source, [f"spot {s:+.1%}, volatility {v:+.1%}" for s in moves for v in volatility_moves]
