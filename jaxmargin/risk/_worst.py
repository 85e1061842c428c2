"""The worst case."""

import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxmargin.risk._base import AbstractRiskMeasure

__all__ = ["WorstCase"]


class WorstCase(AbstractRiskMeasure):
    """The largest loss of all scenarios, as venue grids use it; equal ones share the weight."""

    def weights(
        self, pnl: Float[Array, "account scenario"], weight: Float[Array, " scenario"]
    ) -> Float[Array, "account scenario"]:
        """See `AbstractRiskMeasure.weights`."""
        possible = jnp.where((weight > 0.0)[None, :], pnl, jnp.inf)
        worst = possible == jnp.min(possible, axis=-1, keepdims=True)
        return worst.astype(pnl.dtype) / jnp.sum(worst, axis=-1, keepdims=True)

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
