"""Where each realized result fell among the scenarios that forecast it."""

import numpy as np
from jaxtyping import Array, Float, Int

from jaxmargin.backtest._inputs import Amounts, checked_days
from jaxmargin.errors import require

__all__ = ["ScenarioPnl", "probability_transform", "scenario_ranks"]

ScenarioPnl = Float[Array | np.ndarray, "*portfolio day scenario"]


def probability_transform(losses: Amounts, pnl: ScenarioPnl) -> Float[np.ndarray, "*portfolio day"]:
    r"""Probability that the model gave to a result as bad as the realized one.

    $u_t = (r_t + \tfrac12) / (S + 1)$ with $r_t$ of $S$ scenarios worse than the realized P&L:
    uniform on $S + 1$ equally spaced values if the model is right. Ties count half.

    Args:
        losses: realized, loss positive.
        pnl: scenarios of the same day, equally likely, gain positive.

    Raises:
        InvalidInputError: shapes do not fit or a value is not finite.
    """
    ranks = scenario_ranks("probability_transform", losses, pnl)
    return (ranks + 0.5) / (np.shape(pnl)[-1] + 1.0)


def scenario_ranks(
    caller: str, losses: Amounts, pnl: ScenarioPnl
) -> Int[np.ndarray, "*portfolio day"]:
    """Number of scenarios worse than what was realized; half of those equal to it, rounded down."""
    (loss,) = checked_days(caller, losses=losses)
    scenarios = np.asarray(pnl)
    require(
        scenarios.ndim > 1 and scenarios.shape[:-1] == loss.shape and scenarios.shape[-1] > 0,
        f"{caller}: pnl must hold scenarios for each day of losses; got shapes {scenarios.shape} "
        f"and {loss.shape}.",
    )
    require(bool(np.all(np.isfinite(scenarios))), f"{caller}: pnl must be finite.")
    realized = -loss[..., None]
    worse = np.count_nonzero(scenarios < realized, axis=-1)
    return np.asarray(worse + np.count_nonzero(scenarios == realized, axis=-1) // 2)
