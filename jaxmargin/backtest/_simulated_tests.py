"""Tests whose critical values come from the model itself."""

from collections.abc import Callable
from typing import Literal

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Key

from jaxmargin.backtest._inputs import Amounts, checked_days
from jaxmargin.backtest._result import require_level
from jaxmargin.backtest._shortfall_statistics import ShortfallStatistic
from jaxmargin.errors import require

__all__ = ["ScenarioLosses", "SimulatedResult", "simulated_result", "simulated_test"]

_AT_ONCE = 1 << 23  # losses held at a time


class ScenarioLosses(eqx.Module):
    """Losses that a model of scenarios draws: on each day one of that day's, all as likely.

    All portfolios take the same scenario, as they would live through the same day.

    Attributes:
        pnl: of the scenarios of each day, gain positive.
    """

    pnl: Float[Array, "*portfolio day scenario"]

    def __call__(self, key: Key[Array, ""]) -> Float[Array, "*portfolio day"]:
        """One path of losses, loss positive."""
        days, scenarios = self.pnl.shape[-2:]
        drawn = jax.random.randint(key, (days,), 0, scenarios)
        return -self.pnl[..., jnp.arange(days), drawn]


class SimulatedResult(eqx.Module):
    """Statistic of each portfolio beside those of series that the model drew.

    Attributes:
        statistic: what was observed; NaN where it is not defined.
        p_value: share of series, the observed one among them, with a statistic at least as bad;
            NaN where the statistic is.
        simulated: statistics of the model's series; NaN where not defined.
        worse: on which side of the others a bad statistic lies.
    """

    statistic: Float[np.ndarray, "*portfolio"]
    p_value: Float[np.ndarray, "*portfolio"]
    simulated: Float[np.ndarray, "*portfolio replication"]
    worse: Literal["low", "high"] = eqx.field(static=True)

    def rejected(self, level: float = 0.95) -> Bool[np.ndarray, "*portfolio"]:
        """Whether the model is rejected at a confidence level: `p_value < 1 - level`.

        False where the test is not defined.

        Raises:
            InvalidInputError: `level` is outside (0, 1).
        """
        require_level("rejected", level)
        return np.asarray(self.p_value < 1.0 - level)

    def critical_value(self, level: float = 0.95) -> Float[np.ndarray, "*portfolio"]:
        """The statistic beyond which a right model would lie with probability `1 - level`.

        Raises:
            InvalidInputError: `level` is outside (0, 1).
        """
        require_level("critical_value", level)
        share = 1.0 - level if self.worse == "low" else level
        return np.asarray(np.nanquantile(self.simulated, share, axis=-1))


def simulated_test(
    statistic: ShortfallStatistic,
    losses: Amounts,
    value_at_risk: Amounts,
    expected_shortfall: Amounts,
    model: Callable[[Key[Array, ""]], Float[Array, "*portfolio day"]],
    key: Key[Array, ""],
    *,
    level: float,
    replications: int = 10_000,
    worse: Literal["low", "high"] = "low",
) -> SimulatedResult:
    """A statistic against its distribution under the model, whose forecasts stay as they are.

    Works in double precision, whatever the precision of the caller.

    Args:
        statistic: such as `unconditional_shortfall`.
        losses: realized, loss positive.
        value_at_risk: forecast for the same day, loss positive.
        expected_shortfall: forecast for the same day, positive.
        model: draws losses of all days from the distributions behind the forecasts, such as
            `ScenarioLosses`. One program is compiled for each function given here.
        key: of the draws.
        level: confidence level of the forecasts.
        replications: number of series drawn.
        worse: the side on which a bad statistic lies; "high" for `secured_share`.

    Raises:
        InvalidInputError: `level` is outside (0, 1), there is no replication, shapes differ, a
            value is not finite or an expected shortfall not positive.
    """
    require_level("simulated_test", level)
    require(
        replications >= 1, f"simulated_test: replications must be 1 at least; got {replications}."
    )
    loss, risk, shortfall = checked_days(
        "simulated_test",
        positive=("expected_shortfall",),
        losses=losses,
        value_at_risk=value_at_risk,
        expected_shortfall=expected_shortfall,
    )
    at_once = int(np.clip(_AT_ONCE // loss.size, 1, replications))
    with jax.enable_x64(True):
        keys = jax.random.split(key, (-(-replications // at_once), at_once))
        observed, drawn = _simulate(statistic, model, loss, risk, shortfall, level, keys)
        observed, drawn = np.asarray(observed), np.asarray(drawn)
    drawn = np.moveaxis(drawn.reshape(-1, *drawn.shape[2:]), 0, -1)[..., :replications]
    return simulated_result(observed, drawn, worse)


def simulated_result(
    observed: Float[np.ndarray, "*portfolio"],
    simulated: Float[np.ndarray, "*portfolio replication"],
    worse: Literal["low", "high"],
) -> SimulatedResult:
    """What a statistic among simulated ones says."""
    here = observed[..., None]
    as_bad = simulated <= here if worse == "low" else simulated >= here
    defined = np.count_nonzero(~np.isnan(simulated), axis=-1)
    share = (1.0 + np.count_nonzero(as_bad, axis=-1)) / (1.0 + defined)
    p_value = np.where(np.isnan(observed), np.nan, share)
    return SimulatedResult(observed, np.asarray(p_value), simulated, worse)


@eqx.filter_jit
def _simulate(statistic, model, losses, value_at_risk, expected_shortfall, level, keys):
    def one(drawn):
        return statistic(drawn, value_at_risk, expected_shortfall, level)

    observed = one(jnp.asarray(losses))
    return observed, jax.lax.map(jax.vmap(lambda key: one(model(key))), keys)
