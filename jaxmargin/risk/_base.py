"""Risk measures as weightings of scenarios."""

import abc

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

__all__ = ["AbstractRiskMeasure"]


class AbstractRiskMeasure(eqx.Module):
    """A risk measure that is a weighted mean of losses, with weights that depend on their order.

    One object therefore serves value, gradient and attribution: the derivative by the P&L of a
    scenario is minus its weight.
    """

    @abc.abstractmethod
    def weights(
        self, pnl: Float[Array, "account scenario"], weight: Float[Array, " scenario"]
    ) -> Float[Array, "account scenario"]:
        """Weight of each scenario in the measure: not negative, each row sums to one.

        Args:
            pnl: profit and loss, gain positive; finite.
            weight: relative weight of each scenario, see `Shocks.weight`.
        """

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

    def __call__(
        self, pnl: Float[Array, "account scenario"], weight: Float[Array, " scenario"]
    ) -> Float[Array, " account"]:
        """The measure: loss positive, in the unit of `pnl`.

        Differentiable in `pnl` except where two losses at the edge of the tail are equal.
        """
        scenario_weights = self.weights(jax.lax.stop_gradient(pnl), weight)
        return -jnp.sum(jax.lax.stop_gradient(scenario_weights) * pnl, axis=-1)


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
    return jnp.where(jnp.abs(mass - nearest) <= tolerance, nearest, mass)
