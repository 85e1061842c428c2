"""The worst case."""

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from jaxmargin.risk._base import AbstractRiskMeasure
from jaxmargin.valuation import ScenarioWeights

__all__ = ["WorstCase"]


class WorstCase(AbstractRiskMeasure):
    """The largest loss of all scenarios, as venue grids use it; equal ones share the weight."""

    def parts(
        self, pnl: Float[Array, "account scenario"], weight: Float[Array, " scenario"]
    ) -> ScenarioWeights:
        """See `AbstractRiskMeasure.parts`."""
        possible = jnp.where((weight > 0.0)[None, :], pnl, jnp.inf)
        worst = (possible == -jnp.max(-possible, axis=-1)[:, None]).astype(pnl.dtype)
        return ScenarioWeights(jnp.zeros_like(pnl), worst / jnp.sum(worst, axis=-1)[:, None])

    def most_inside(self, weight: Float[np.ndarray, " scenario"]) -> int:
        """None: it is one scenario."""
        del weight
        return 0

    def standard_error(
        self,
        pnl: Float[Array, "account scenario"],
        weight: Float[Array, " scenario"],
        scenario_weights: Float[Array, "account scenario"],
    ) -> Float[Array, " account"]:
        """NaN: a stated set of scenarios is not a sample."""
        return jnp.full(pnl.shape[0], jnp.nan, pnl.dtype)

    def tail_count(
        self,
        weight: Float[Array, " scenario"],
        scenario_weights: Float[Array, "account scenario"],
    ) -> Float[Array, " account"]:
        """One."""
        return jnp.ones(scenario_weights.shape[0], weight.dtype)
