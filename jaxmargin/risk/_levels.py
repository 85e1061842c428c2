"""Value at risk and expected shortfall at a confidence level."""

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from jaxmargin.numerics import TailSelection, select_tails
from jaxmargin.risk._base import (
    AbstractTailMeasure,
    tail_mass,
    tail_sample_size,
    tail_share,
)
from jaxmargin.risk._confidence import require_level
from jaxmargin.valuation import ScenarioWeights

__all__ = ["ExpectedShortfall", "ValueAtRisk"]


class ExpectedShortfall(AbstractTailMeasure):
    r"""Mean loss in the worst `1 - level` share of the scenarios.

    With $n$ equally likely scenarios, losses $L_{(1)} \ge L_{(2)} \ge \dots$ and
    $k = (1 - \alpha)\,n$,

    $$ \mathrm{ES}_\alpha = \frac1k \Big( \sum_{i \le \lfloor k \rfloor} L_{(i)}
       + (k - \lfloor k \rfloor)\, L_{(\lfloor k \rfloor + 1)} \Big), $$

    and likewise by cumulated weight if scenarios have weights. With $k < 1$ it is the worst loss.

    Attributes:
        level: confidence level $\alpha$, in (0, 1); 0.975 keeps the worst 2.5 %.

    References:
        Acerbi, C. and Tasche, D. (2002), "On the coherence of expected shortfall", Journal of
        Banking & Finance 26, 1487-1503. Standard error: Manistre, B. and Hancock, G. (2005),
        "Variance of the CTE estimator", North American Actuarial Journal 9(2), 129-156.
    """

    level: float = eqx.field(static=True)

    def __check_init__(self) -> None:
        """Raises `InvalidInputError` if `level` is outside (0, 1)."""
        require_level("ExpectedShortfall", self.level)

    def tail_parts(self, tail: TailSelection, mass: Float[Array, ""]) -> ScenarioWeights:
        """See `AbstractTailMeasure.tail_parts`."""
        share = tail.share / mass
        return ScenarioWeights(tail.inside / mass, share[:, None] * tail.boundary)

    def most_inside(self, weight: Float[np.ndarray, " scenario"]) -> int:
        """As many of the lightest scenarios as weigh no more than the tail holds."""
        lightest = np.cumsum(np.sort(weight[weight > 0.0]).astype(np.float64))
        mass = tail_share(self.level) * lightest[-1] * (1.0 + 1e-5)
        return int(np.searchsorted(lightest, mass, side="right"))

    def standard_error(
        self,
        pnl: Float[Array, "account scenario"],
        weight: Float[Array, " scenario"],
        scenario_weights: Float[Array, "account scenario"],
    ) -> Float[Array, " account"]:
        r"""Root of $\sum_s p_s^2 \big( (L_s - q)^+ / \alpha' - (\mathrm{ES} - q) \big)^2$.

        With the probabilities $p_s$ of the scenarios, $q$ = VaR and $\alpha' = 1 - \alpha$. For $n$
        equally likely ones that is $(\mathrm{Var}(L \mid L \ge q) + \alpha (\mathrm{ES} - q)^2)
        / (n \alpha')$; with importance weights, the delta method for a ratio of sums.
        """
        shortfall = -jnp.sum(scenario_weights * pnl, axis=-1)[:, None]
        quantile = _quantile(pnl, scenario_weights)
        probability = (weight / jnp.sum(weight))[None, :]
        excess = jnp.maximum(-pnl - quantile, 0.0) / tail_share(self.level)
        influence = excess - (shortfall - quantile)
        error = jnp.sqrt(jnp.sum(jnp.square(probability * influence), axis=-1))
        return jnp.where(self.tail_count(weight, scenario_weights) < 1.0, jnp.nan, error)

    def tail_count(
        self,
        weight: Float[Array, " scenario"],
        scenario_weights: Float[Array, "account scenario"],
    ) -> Float[Array, " account"]:
        """See `tail_sample_size`; the tail share times the number if weights are equal."""
        return tail_sample_size(tail_share(self.level), weight, scenario_weights)


class ValueAtRisk(AbstractTailMeasure):
    r"""Loss that is reached or exceeded in at least `1 - level` of the scenarios.

    The $\lceil (1 - \alpha)\,n \rceil$-th largest of $n$ equally likely losses: the larger one
    where two order statistics would do.

    Attributes:
        level: confidence level $\alpha$, in (0, 1).

    References:
        Standard error: Woodruff, R. (1952), "Confidence intervals for medians and other position
        measures", Journal of the American Statistical Association 47, 635-646.
    """

    level: float = eqx.field(static=True)

    def __check_init__(self) -> None:
        """Raises `InvalidInputError` if `level` is outside (0, 1)."""
        require_level("ValueAtRisk", self.level)

    def tail_parts(self, tail: TailSelection, mass: Float[Array, ""]) -> ScenarioWeights:
        """See `AbstractTailMeasure.tail_parts`."""
        del mass
        boundary = tail.boundary / tail.boundary_mass[:, None]
        return ScenarioWeights(jnp.zeros_like(boundary), boundary)

    def most_inside(self, weight: Float[np.ndarray, " scenario"]) -> int:
        """None: it is one order statistic."""
        del weight
        return 0

    def standard_error(
        self,
        pnl: Float[Array, "account scenario"],
        weight: Float[Array, " scenario"],
        scenario_weights: Float[Array, "account scenario"],
    ) -> Float[Array, " account"]:
        r"""Half the distance between the losses whose tails hold $1 - \alpha \pm s$.

        $s^2 = \sum_s p_s^2 (1_{L_s \ge q} - (1 - \alpha))^2$ with the probabilities $p_s$ of the
        scenarios and $q$ = VaR: for $n$ equally likely ones about $\alpha (1 - \alpha) / n$.
        """
        total, tail = jnp.sum(weight), tail_share(self.level)
        mass = tail_mass(tail, weight)
        outcome = (-pnl >= _quantile(pnl, scenario_weights)).astype(pnl.dtype) - tail
        step = jnp.sqrt(jnp.sum(jnp.square(weight[None, :] * outcome), axis=-1))
        smallest = jnp.min(jnp.where(weight > 0.0, weight, jnp.inf))
        masses = (jnp.maximum(mass - step, smallest), jnp.minimum(mass + step, total))
        worse, better = (
            jnp.sum(-pnl * edge.boundary, axis=-1) / edge.boundary_mass
            for edge in select_tails(-pnl, weight, masses)
        )
        error = 0.5 * (worse - better)
        return jnp.where(self.tail_count(weight, scenario_weights) < 1.0, jnp.nan, error)

    def tail_count(
        self,
        weight: Float[Array, " scenario"],
        scenario_weights: Float[Array, "account scenario"],
    ) -> Float[Array, " account"]:
        """See `tail_sample_size`; the tail share times the number if weights are equal."""
        return tail_sample_size(tail_share(self.level), weight, scenario_weights)


def _quantile(
    pnl: Float[Array, "account scenario"], scenario_weights: Float[Array, "account scenario"]
) -> Float[Array, "account 1"]:
    """The smallest loss that has weight."""
    return -jnp.max(jnp.where(scenario_weights > 0.0, pnl, -jnp.inf), axis=-1)[:, None]
