"""A quantile as a smooth mean of all losses by rank."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.scipy.special import betainc
from jaxtyping import Array, Bool, Float
from scipy.special import betaincinv

from jaxmargin.risk._base import AbstractRiskMeasure, tail_sample_size, tail_share
from jaxmargin.risk._confidence import require_level
from jaxmargin.valuation import ScenarioWeights

__all__ = ["HarrellDavis"]

_NEGLIGIBLE = 1e-12  # probability at either end of the beta distribution that is left out


class HarrellDavis(AbstractRiskMeasure):
    r"""Value at risk as a mean of all losses, weighted by how likely each is the quantile.

    With $n$ equally likely scenarios and losses $L_{(1)} \ge L_{(2)} \ge \dots$,

    $$ \sum_i L_{(i)} \big( I_{i/n}(b, a) - I_{(i-1)/n}(b, a) \big), \qquad
       a = (n + 1)\,\alpha, \quad b = (n + 1)(1 - \alpha), $$

    with the regularized incomplete beta function $I$. If scenarios have weights, the share of
    weight cumulated takes the place of $i / n$, and Kish's $(\sum w)^2 / \sum w^2$ that of $n$:
    that is an approximation, and a scenario given twice is not one of twice the weight. Equal
    losses share their weight by `weight`. Its gradient changes by little where two losses swap
    ranks, and so nothing is at an edge.

    In single precision, weights are rounded by about $10^{-7} n$.

    Attributes:
        level: confidence level $\alpha$, in (0, 1).

    References:
        Harrell, F. and Davis, C. (1982), "A new distribution-free quantile estimator", Biometrika
        69, 635-640. Standard error: Maritz, J. and Jarrett, R. (1978), "A note on estimating the
        variance of the sample median", Journal of the American Statistical Association 73, 194-196.
    """

    level: float = eqx.field(static=True)

    def __check_init__(self) -> None:
        """Raises `InvalidInputError` if `level` is outside (0, 1)."""
        require_level("HarrellDavis", self.level)

    def parts(
        self, pnl: Float[Array, "account scenario"], weight: Float[Array, " scenario"]
    ) -> ScenarioWeights:
        """See `AbstractRiskMeasure.parts`."""
        order = jnp.argsort(pnl, axis=-1)  # the worst first
        sorted_pnl, mass = jnp.take_along_axis(pnl, order, axis=-1), weight[order]
        held = jnp.cumsum(mass, axis=-1)
        near, far = self._probabilities(held / held[:, -1:], weight)
        ties = _Ties.of(sorted_pnl)
        before, after = ties.ends(near, 0.0)
        chance = jnp.where(before < 0.5, after - before, jnp.subtract(*ties.ends(far, 1.0)))
        group_mass = jnp.subtract(*ties.ends(held, 0.0)[::-1])
        share = mass / jnp.where(group_mass > 0.0, group_mass, 1.0)
        weights = share * jnp.maximum(chance, 0.0)  # below zero by rounding alone
        weights = weights / jnp.sum(weights, axis=-1)[:, None]
        inside = jnp.take_along_axis(weights, jnp.argsort(order, axis=-1), axis=-1)
        return ScenarioWeights(inside, jnp.zeros_like(inside))

    def _probabilities(
        self, share: Float[Array, "account scenario"], weight: Float[Array, " scenario"]
    ) -> tuple[Float[Array, "account scenario"], Float[Array, "account scenario"]]:
        """Chance that the quantile is within the worst `share` of losses, and that it is not."""
        size = jnp.square(jnp.sum(weight)) / jnp.sum(jnp.square(weight))
        tail = tail_share(self.level)
        a, b = (size + 1.0) * self.level, (size + 1.0) * tail
        near, far = betainc(b, a, share), betainc(a, b, jnp.maximum(1.0 - share, 0.0))
        near, far = (jnp.where(part < _NEGLIGIBLE, 0.0, part) for part in (near, far))
        return jnp.where(far == 0.0, 1.0, near), jnp.where(near == 0.0, 1.0, far)

    def most_inside(self, weight: Float[np.ndarray, " scenario"]) -> int:
        """As many of the lightest scenarios as weigh what the beta distribution spans, and two."""
        lightest = np.sort(weight[weight > 0.0]).astype(np.float64)
        size = lightest.sum() ** 2 / np.square(lightest).sum()
        a, b = (size + 1.0) * self.level, (size + 1.0) * tail_share(self.level)
        low, high = betaincinv(b, a, _NEGLIGIBLE), 1.0 - betaincinv(a, b, _NEGLIGIBLE)
        held = np.cumsum(lightest)
        mass = (high - low) * held[-1] * (1.0 + 1e-5)
        return min(int(np.searchsorted(held, mass, side="right")) + 2, lightest.size)

    def standard_error(
        self,
        pnl: Float[Array, "account scenario"],
        weight: Float[Array, " scenario"],
        scenario_weights: Float[Array, "account scenario"],
    ) -> Float[Array, " account"]:
        r"""Maritz and Jarrett's $\sqrt{\sum_s w_s (L_s - \mathrm{HD})^2}$.

        The deviation of the order statistic, to which that of the mean tends. Approximate where
        scenarios have unequal weights.
        """
        value = jnp.sum(scenario_weights * pnl, axis=-1)[:, None]
        error = jnp.sqrt(jnp.sum(scenario_weights * jnp.square(pnl - value), axis=-1))
        return jnp.where(self.tail_count(weight, scenario_weights) < 1.0, jnp.nan, error)

    def tail_count(
        self,
        weight: Float[Array, " scenario"],
        scenario_weights: Float[Array, "account scenario"],
    ) -> Float[Array, " account"]:
        """See `tail_sample_size`; the tail share times the number if weights are equal."""
        return tail_sample_size(tail_share(self.level), weight, scenario_weights)


class _Ties(eqx.Module):
    """Where groups of equal entries of sorted rows start and end."""

    first: Bool[Array, "row place"]
    last: Bool[Array, "row place"]

    @classmethod
    def of(cls, entries: Float[Array, "row place"]) -> "_Ties":
        """Groups of equal `entries`."""
        differs = entries[:, 1:] != entries[:, :-1]
        edge = jnp.ones((entries.shape[0], 1), bool)
        return cls(
            jnp.concatenate([edge, differs], axis=1), jnp.concatenate([differs, edge], axis=1)
        )

    def ends(
        self, running: Float[Array, "row place"], start: float
    ) -> tuple[Float[Array, "row place"], Float[Array, "row place"]]:
        """A running sum before the group of each place, and after it; `start` before the first."""
        place = jnp.broadcast_to(jnp.arange(running.shape[1]), running.shape)
        first = jax.lax.cummax(jnp.where(self.first, place, 0), axis=1)
        last = jax.lax.cummin(
            jnp.where(self.last, place, running.shape[1] - 1), axis=1, reverse=True
        )
        padded = jnp.pad(running, ((0, 0), (1, 0)), constant_values=start)
        return (
            jnp.take_along_axis(padded, first, axis=1),
            jnp.take_along_axis(padded, last + 1, axis=1),
        )
