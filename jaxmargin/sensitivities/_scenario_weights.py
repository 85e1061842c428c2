"""Margin by the weights of the scenarios."""

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from jaxmargin.margin import MarginRun, RiskMeasureRulebook
from jaxmargin.numerics import bucket_size, exact_matmul
from jaxmargin.risk import ExpectedShortfall, ValueAtRisk, WorstCase, tail_share
from jaxmargin.valuation import stream_pnl

__all__ = ["weight_slopes"]


def weight_slopes(
    run: MarginRun, account_weight: Float[np.ndarray, " account"]
) -> Float[Array, " scenario"]:
    r"""Derivative of a weighted sum of initial margins by the weight $W_s$ of each scenario.

    Of expected shortfall, with value at risk $q$, the tail's share $\alpha'$ and the sum $W$ of
    all weights, it is the influence of the scenario,

    $$ \frac{\partial \mathrm{ES}}{\partial W_s}
       = \frac1W \Big( \frac{(L_s - q)^+}{\alpha'} - (\mathrm{ES} - q) \Big), $$

    since by Rockafellar and Uryasev's formula $q$ need not be moved. Value at risk and the worst
    case keep their scenario: zero. NaN for other measures and for rulebooks that do not weight
    scenarios.

    References:
        Rockafellar, R. and Uryasev, S. (2000), "Optimization of conditional value-at-risk",
        Journal of Risk 2, 21-41.
    """
    weight = run.shocks.weight
    rulebook = run.rulebook
    measure = rulebook.measure if isinstance(rulebook, RiskMeasureRulebook) else None
    if isinstance(measure, ValueAtRisk | WorstCase):
        return jnp.zeros_like(weight)
    if not isinstance(measure, ExpectedShortfall):
        return jnp.full_like(weight, jnp.nan)
    floored = np.asarray(run.requirement.initial) <= 0.0
    counted = np.where(floored, 0.0, account_weight)
    total = jnp.zeros_like(weight)
    for account, pnl in stream_pnl(run.pnl, run.book.positions):
        extra = bucket_size(account.size) - account.size
        part = jnp.asarray(np.pad(counted[account], (0, extra)), weight.dtype)
        total += _influence(measure, jnp.asarray(np.pad(pnl, ((0, extra), (0, 0)))), weight, part)
    return total


@jax.jit
def _influence(
    measure: ExpectedShortfall,
    pnl: Float[Array, "account scenario"],
    weight: Float[Array, " scenario"],
    account_weight: Float[Array, " account"],
) -> Float[Array, " scenario"]:
    shortfall = measure(pnl, weight)[:, None]
    quantile = ValueAtRisk(measure.level)(pnl, weight)[:, None]
    excess = jnp.maximum(-pnl - quantile, 0.0) / tail_share(measure.level)
    influence = exact_matmul(account_weight, excess - (shortfall - quantile))
    return jnp.where(weight > 0.0, influence, 0.0) / jnp.sum(weight)
