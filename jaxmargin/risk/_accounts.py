"""Risk of every account of a book, streamed."""

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer
from jaxtyping import Array, Float, Int, PyTree

from jaxmargin.book import Positions
from jaxmargin.numerics import bucket_size
from jaxmargin.risk._base import AbstractRiskMeasure, joint_parts
from jaxmargin.valuation import (
    Execution,
    Progress,
    ScenarioWeights,
    stream_losses,
    stream_slopes,
)

__all__ = ["RiskEstimate", "estimate_risk", "estimate_slopes"]


class RiskEstimate(eqx.Module):
    """Measures of every account, loss positive, in the numeraire.

    Attributes:
        value: each measure.
        standard_error: of `value`, from the number of scenarios; NaN where there is none.
        tail_count: effective number of independent scenarios that decide each measure.
        worst_scenario: the first scenario with the largest loss.
        execution: how it was carried out.
    """

    value: Float[Array, "account measure"]
    standard_error: Float[Array, "account measure"]
    tail_count: Float[Array, "account measure"]
    worst_scenario: Int[Array, " account"]
    execution: Execution


def estimate_risk(
    measures: tuple[AbstractRiskMeasure, ...],
    pnl: Float[Array, "instrument scenario"],
    positions: Positions,
    weight: Float[Array, " scenario"],
    *,
    overlap: Float[Array, ""],
    progress: Progress | None = None,
) -> RiskEstimate:
    """All `measures` of every account in one pass, as a batch or intraday run needs them.

    Only `value` has derivatives: those of `AbstractRiskMeasure`, at the cost of the tails alone.

    Args:
        measures: several tails are selected together.
        pnl: P&L of one contract of each row; see `contract_pnl`.
        positions: what the accounts hold.
        weight: relative weight of each scenario, see `Shocks.weight`.
        overlap: scenarios that count as one, see `Shocks.overlap`.
        progress: called with rows done and rows in all.

    Raises:
        MemoryError: memory ran out, and did so with ever smaller chunks too.
    """
    value, kept, execution = stream_losses(
        _Weighting(measures, weight, overlap),
        pnl,
        positions,
        most_inside=tuple(_most_inside(measure, weight) for measure in measures),
        progress=progress,
    )
    error, count, worst = kept
    return RiskEstimate(value, error, count, worst, execution)


def estimate_slopes(
    measure: AbstractRiskMeasure,
    pnl: Float[Array, "instrument scenario"],
    positions: Positions,
    weight: Float[Array, " scenario"],
    *,
    progress: Progress | None = None,
) -> tuple[tuple[Float[Array, " _"], ...], tuple[Float[Array, "_ _"], ...]]:
    """A measure of every account and its derivatives by every position, in one pass.

    Takes little more than the measure alone; see `stream_slopes` for what is returned, and
    `estimate_risk` for the arguments.

    Raises:
        MemoryError: memory ran out, and did so with ever smaller chunks too.
    """
    return stream_slopes(
        _Weighting((measure,), weight, jnp.ones((), weight.dtype)),
        pnl,
        positions,
        most_inside=_most_inside(measure, weight),
        progress=progress,
    )


def _most_inside(measure: AbstractRiskMeasure, weight: Float[Array, " scenario"]) -> int:
    """Padded, so that a few scenarios more compile nothing; all where weights are not known."""
    if isinstance(weight, Tracer):
        return weight.shape[0]
    most = measure.most_inside(np.asarray(weight))
    return min(bucket_size(most), weight.shape[0]) if most else 0


class _Weighting(eqx.Module):
    """Weights of each measure, and what is kept of the P&L of each account."""

    measures: tuple[AbstractRiskMeasure, ...]
    weight: Float[Array, " scenario"]
    overlap: Float[Array, ""]

    def __call__(
        self, pnl: Float[Array, "account scenario"]
    ) -> tuple[tuple[ScenarioWeights, ...], PyTree]:
        parts = joint_parts(self.measures, pnl, self.weight)
        errors, counts = [], []
        for measure, part in zip(self.measures, parts, strict=True):
            weights = part.inside + part.boundary
            error = measure.standard_error(pnl, self.weight, weights)
            errors.append(error * jnp.sqrt(self.overlap))
            counts.append(measure.tail_count(self.weight, weights) / self.overlap)
        kept = (jnp.stack(errors, axis=-1), jnp.stack(counts, axis=-1), self._worst(pnl))
        return parts, kept

    def _worst(self, pnl: Float[Array, "account scenario"]) -> Int[Array, " account"]:
        """The first scenario with the largest loss, as two minima: faster than `argmin`."""
        possible = jnp.where((self.weight > 0.0)[None, :], pnl, jnp.inf)
        worst = possible == jnp.min(possible, axis=-1, keepdims=True)
        number = jnp.arange(pnl.shape[1], dtype=jnp.int32)[None, :]
        return jnp.min(jnp.where(worst, number, pnl.shape[1]), axis=-1)
