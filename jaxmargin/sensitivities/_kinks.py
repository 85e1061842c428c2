"""Where margins have kinks: the scenario at the edge of each account's tail, and the next ones."""

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from jaxmargin.margin import MarginRun
from jaxmargin.numerics import compact_rows
from jaxmargin.risk import AbstractRiskMeasure
from jaxmargin.sensitivities._risk_run import over_accounts, risk_rulebook
from jaxmargin.valuation import Progress

__all__ = ["TailEdges", "edge_scenarios", "tail_edges"]

_MOST_TIES = 8


class TailEdges(eqx.Module):
    """The scenario at the edge of each account's tail, and those that would take its place.

    The edge is the one scenario of value at risk and of the worst case, and the least of the
    losses that expected shortfall counts. A margin is linear in quantities as long as the edge and
    what lies on either side of it stay. Scenarios are numbered as in `MarginRun.shocks`, -1 is
    none; of a `SpotVolatilityGrid`, number // volatility moves is the spot move, and the remainder
    the volatility move. Losses and gaps are in the numeraire; the gaps of value at risk and of the
    worst case are also those that the margin would jump if the edge were another scenario.

    Attributes:
        scenario: the edge; of equal losses the first.
        loss: of the account at the edge; NaN if the measure has no edge, as `HarrellDavis`.
        ties: scenarios whose loss is exactly that of the edge, itself included; more than one is
            a kink, unless their losses move alike.
        tied: the first eight of them.
        worse: the scenario with the next larger loss.
        worse_gap: by how much it is larger; infinite if there is none.
        better: the scenario with the next smaller loss.
        better_gap: by how much it is smaller; infinite if there is none.
    """

    scenario: Int[Array, " account"]
    loss: Float[Array, " account"]
    ties: Int[Array, " account"]
    tied: Int[Array, "account place"]
    worse: Int[Array, " account"]
    worse_gap: Float[Array, " account"]
    better: Int[Array, " account"]
    better_gap: Float[Array, " account"]

    @property
    def runner_up(self) -> Int[Array, " account"]:
        """Of `worse` and `better`, the nearer one."""
        return jnp.where(self.worse_gap < self.better_gap, self.worse, self.better)

    @property
    def gap(self) -> Float[Array, " account"]:
        """Distance of the losses of the edge and of `runner_up`."""
        return jnp.minimum(self.worse_gap, self.better_gap)


def tail_edges(run: MarginRun, *, progress: Progress | None = None) -> TailEdges:
    """The edges of the tails of all accounts, a chunk of accounts at a time.

    Args:
        run: of a `RiskMeasureRulebook`.
        progress: see `stream_accounts`.

    Raises:
        InvalidInputError: the margin of `run` is no risk measure.
        MemoryError: see `stream_accounts`.
    """
    rulebook = risk_rulebook(run, "tail_edges")
    return over_accounts(_Edges(rulebook.measure, run.shocks.weight), run, progress)


def edge_scenarios(
    measure: AbstractRiskMeasure,
    pnl: Float[Array, "account scenario"],
    weight: Float[Array, " scenario"],
) -> Bool[Array, "account scenario"]:
    """Which scenarios have the loss of the edge; none if the measure has no edge."""
    return measure.parts(pnl, weight).boundary > 0.0


class _Edges(eqx.Module):
    """The edges of some accounts."""

    measure: AbstractRiskMeasure
    weight: Float[Array, " scenario"]

    def __call__(self, pnl: Float[Array, "account scenario"]) -> TailEdges:
        edge, loss = edge_scenarios(self.measure, pnl, self.weight), -pnl
        at_edge = jnp.max(jnp.where(edge, loss, -jnp.inf), axis=-1)
        exists, takes_part = jnp.any(edge, axis=-1), (self.weight > 0.0)[None, :]
        above = jnp.where(takes_part & (loss > at_edge[:, None]), loss, jnp.inf)
        below = jnp.where(takes_part & (loss < at_edge[:, None]), loss, -jnp.inf)
        worse_gap = jnp.where(exists, jnp.min(above, axis=-1) - at_edge, jnp.inf)
        better_gap = jnp.where(exists, at_edge - jnp.max(below, axis=-1), jnp.inf)
        column, used = compact_rows(edge.astype(pnl.dtype), _MOST_TIES)
        tied = jnp.where(used > 0.0, column, -1)
        return TailEdges(
            scenario=tied[:, 0],
            loss=jnp.where(exists, at_edge, jnp.nan),
            ties=jnp.sum(edge, axis=-1, dtype=jnp.int32),
            tied=tied,
            worse=_numbered(jnp.argmin(above, axis=-1), worse_gap),
            worse_gap=worse_gap,
            better=_numbered(jnp.argmax(below, axis=-1), better_gap),
            better_gap=better_gap,
        )


def _numbered(
    scenario: Int[Array, " account"], gap: Float[Array, " account"]
) -> Int[Array, " account"]:
    return jnp.where(jnp.isfinite(gap), scenario, -1).astype(jnp.int32)
