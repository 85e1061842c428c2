"""Risk measures as weightings of scenarios."""

import abc
from fractions import Fraction

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from jaxmargin.numerics import TailSelection, select_tails
from jaxmargin.valuation import ScenarioWeights

__all__ = ["AbstractRiskMeasure", "AbstractTailMeasure", "joint_parts"]


class AbstractRiskMeasure(eqx.Module):
    """A risk measure that is a weighted mean of losses, with weights that depend on their order.

    One object therefore serves value, gradient and attribution: the derivative by the P&L of a
    scenario is minus its weight.
    """

    @abc.abstractmethod
    def parts(
        self, pnl: Float[Array, "account scenario"], weight: Float[Array, " scenario"]
    ) -> ScenarioWeights:
        """Weight of each scenario in the measure, in two parts.

        Args:
            pnl: profit and loss, gain positive; finite.
            weight: relative weight of each scenario, see `Shocks.weight`.
        """

    @abc.abstractmethod
    def most_inside(self, weight: Float[np.ndarray, " scenario"]) -> int:
        """Most scenarios that `ScenarioWeights.inside` can hold, from the weights alone."""

    @abc.abstractmethod
    def standard_error(
        self,
        pnl: Float[Array, "account scenario"],
        weight: Float[Array, " scenario"],
        scenario_weights: Float[Array, "account scenario"],
    ) -> Float[Array, " account"]:
        """Standard error of the measure from the number of scenarios, taken as independent.

        `scenario_weights` is what `weights` returned. NaN for a measure that has none, and where
        the tail holds less than one scenario: that says nothing about others.
        """

    @abc.abstractmethod
    def tail_count(
        self,
        weight: Float[Array, " scenario"],
        scenario_weights: Float[Array, "account scenario"],
    ) -> Float[Array, " account"]:
        """Effective number of scenarios that decide the measure, taken as independent.

        `scenario_weights` is what `weights` returned.
        """

    def weights(
        self, pnl: Float[Array, "account scenario"], weight: Float[Array, " scenario"]
    ) -> Float[Array, "account scenario"]:
        """Weight of each scenario in the measure: not negative, each row sums to one."""
        parts = self.parts(pnl, weight)
        return parts.inside + parts.boundary

    def __call__(
        self, pnl: Float[Array, "account scenario"], weight: Float[Array, " scenario"]
    ) -> Float[Array, " account"]:
        """The measure: loss positive, in the unit of `pnl`.

        Differentiable in `pnl` except where two losses at the edge of the tail are equal.
        """
        scenario_weights = self.weights(jax.lax.stop_gradient(pnl), weight)
        return -jnp.sum(jax.lax.stop_gradient(scenario_weights) * pnl, axis=-1)


class AbstractTailMeasure(AbstractRiskMeasure):
    """A measure of the worst scenarios that hold a given share of the weight.

    Several of them find the edges of their tails in one pass; see `joint_parts`.

    Attributes:
        level: confidence level, in (0, 1); the tail holds the rest.
    """

    level: eqx.AbstractVar[float]

    @abc.abstractmethod
    def tail_parts(self, tail: TailSelection, mass: Float[Array, ""]) -> ScenarioWeights:
        """Its weights from its own tail, which holds `mass`."""

    def parts(
        self, pnl: Float[Array, "account scenario"], weight: Float[Array, " scenario"]
    ) -> ScenarioWeights:
        """See `AbstractRiskMeasure.parts`."""
        return joint_parts((self,), pnl, weight)[0]


def joint_parts(
    measures: tuple[AbstractRiskMeasure, ...],
    pnl: Float[Array, "account scenario"],
    weight: Float[Array, " scenario"],
) -> tuple[ScenarioWeights, ...]:
    """`parts` of each measure, all tails selected together."""
    tails = [m for m in measures if isinstance(m, AbstractTailMeasure)]
    if not tails:
        return tuple(measure.parts(pnl, weight) for measure in measures)
    masses = [tail_mass(tail_share(measure.level), weight) for measure in tails]
    selected = iter(zip(select_tails(-pnl, weight, masses), masses, strict=True))
    return tuple(
        measure.tail_parts(*next(selected))
        if isinstance(measure, AbstractTailMeasure)
        else measure.parts(pnl, weight)
        for measure in measures
    )


def tail_share(level: float) -> float:
    """`1 - level` as the decimal that was written: 0.025, not 0.02500000000000002."""
    return float(1 - Fraction(repr(level)))


def tail_sample_size(
    tail: float,
    weight: Float[Array, " scenario"],
    scenario_weights: Float[Array, "account scenario"],
) -> Float[Array, " account"]:
    r"""Effective number of scenarios in each row's tail.

    Kish's $(\sum p)^2 / \sum p^2$ over the probabilities $p$ that the tail holds: with equal
    weights `tail` times the number of scenarios, with importance weights mostly far more.
    """
    probability = weight / jnp.sum(weight)
    return tail / jnp.sum(scenario_weights * probability[None, :], axis=-1)


def tail_mass(tail: float, weight: Float[Array, " scenario"]) -> Float[Array, ""]:
    """Weight that lies in the tail: `tail` x the sum, on the integer where it is one.

    In floating point 0.025 x 1,000 may be 25.000000000000004, which would draw a 26th scenario
    into the tail.
    """
    mass = tail * jnp.sum(weight)
    nearest = jnp.round(mass)
    tolerance = 8.0 * jnp.finfo(weight.dtype).eps * jnp.maximum(nearest, 1.0)
    whole = (jnp.abs(mass - nearest) <= tolerance) & (nearest > 0.0)
    return jnp.where(whole, nearest, mass)
