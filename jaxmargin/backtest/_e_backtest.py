"""Backtests that may be looked at every day: wealth of a bet against the model."""

import equinox as eqx
import numpy as np
from jaxtyping import Bool, Float

from jaxmargin.backtest._inputs import Amounts, checked_days
from jaxmargin.backtest._result import require_level
from jaxmargin.errors import require

__all__ = ["EvidenceProcess", "shortfall_evidence", "value_at_risk_evidence"]

_MOST = 0.5  # bet: no more than half can be lost in a day


class EvidenceProcess(eqx.Module):
    """Wealth, by day, of somebody who bets against the model and starts with one.

    If the model never understates the risk, wealth ever reaches $w$ with probability $1 / w$ at
    most, however often one looks and whatever the losses are like.

    Attributes:
        wealth: after each day.
        bet: share of the wealth that each day's result multiplies, from the days before.
    """

    wealth: Float[np.ndarray, "*portfolio day"]
    bet: Float[np.ndarray, "*portfolio day"]

    def p_value(self) -> Float[np.ndarray, "*portfolio day"]:
        """One over the greatest wealth so far: valid on whatever day one stops."""
        return 1.0 / np.maximum(np.maximum.accumulate(self.wealth, axis=-1), 1.0)

    def rejected(self, level: float = 0.95) -> Bool[np.ndarray, "*portfolio day"]:
        """Days by which wealth has reached `1 / (1 - level)`.

        Raises:
            InvalidInputError: `level` is outside (0, 1).
        """
        require_level("rejected", level)
        return np.maximum.accumulate(self.wealth, axis=-1) * (1.0 - level) >= 1.0 - 1e-12


def value_at_risk_evidence(
    losses: Amounts, value_at_risk: Amounts, *, level: float, bet: float | None = None
) -> EvidenceProcess:
    r"""Evidence that value at risk is too low, from $e_t = 1\{L_t > V_t\} / \alpha$.

    $$ M_t = \prod_{s \le t} (1 - \lambda_s + \lambda_s e_s). $$

    Args:
        losses: realized, loss positive.
        value_at_risk: forecast for the same day, loss positive.
        level: confidence level $1 - \alpha$.
        bet: $\lambda$ of every day, in [0, 1); if None, the one that would have made past wealth
            grow fastest, $\sum_{s<t} (e_s - 1) / \sum_{s<t} (e_s - 1)^2$ to second order, within
            [0, 1/2].

    Raises:
        InvalidInputError: `level` or `bet` is out of range, shapes differ or a value is not finite.

    References:
        Wang, Q., Wang, R. and Ziegel, J. (2022), "E-backtesting", arXiv:2209.00991.
    """
    require_level("value_at_risk_evidence", level)
    loss, risk = checked_days("value_at_risk_evidence", losses=losses, value_at_risk=value_at_risk)
    return _bet_on("value_at_risk_evidence", (loss > risk) / (1.0 - level), bet)


def shortfall_evidence(
    losses: Amounts,
    value_at_risk: Amounts,
    expected_shortfall: Amounts,
    *,
    level: float,
    bet: float | None = None,
) -> EvidenceProcess:
    r"""Evidence that expected shortfall is too low, or that value at risk is wrong.

    As `value_at_risk_evidence` with $e_t = (L_t - V_t)^+ / (\alpha (\mathrm{ES}_t - V_t))$. Too
    great an expected shortfall with the right value at risk makes wealth fall.

    Args:
        losses: realized, loss positive.
        value_at_risk: forecast for the same day, loss positive.
        expected_shortfall: forecast for the same day, greater than the value at risk.
        level: confidence level $1 - \alpha$.
        bet: see `value_at_risk_evidence`.

    Raises:
        InvalidInputError: `level` or `bet` is out of range, shapes differ, a value is not finite,
            or an expected shortfall is not greater than the value at risk.

    References:
        Wang, Wang and Ziegel (2022), see `value_at_risk_evidence`.
    """
    require_level("shortfall_evidence", level)
    loss, risk, shortfall = checked_days(
        "shortfall_evidence",
        losses=losses,
        value_at_risk=value_at_risk,
        expected_shortfall=expected_shortfall,
    )
    require(
        bool(np.all(shortfall > risk)),
        "shortfall_evidence: expected_shortfall must be greater than value_at_risk; "
        f"{np.count_nonzero(shortfall <= risk)} of {risk.size} are not.",
    )
    excess = np.maximum(loss - risk, 0.0)
    return _bet_on("shortfall_evidence", excess / ((1.0 - level) * (shortfall - risk)), bet)


def _bet_on(
    caller: str, values: Float[np.ndarray, "*portfolio day"], bet: float | None
) -> EvidenceProcess:
    gain = values - 1.0
    if bet is None:
        zero = np.zeros_like(gain[..., :1])
        total = np.concatenate([zero, np.cumsum(gain, axis=-1)[..., :-1]], axis=-1)
        square = np.concatenate([zero, np.cumsum(gain**2, axis=-1)[..., :-1]], axis=-1)
        share = np.clip(total / np.where(square > 0.0, square, 1.0), 0.0, _MOST)
    else:
        require(0.0 <= bet < 1.0, f"{caller}: bet must lie in [0, 1); got {bet!r}.")
        share = np.full_like(gain, bet)
    with np.errstate(over="ignore"):  # overwhelming evidence is infinite
        wealth = np.exp(np.cumsum(np.log1p(share * gain), axis=-1))
    return EvidenceProcess(wealth, share)
