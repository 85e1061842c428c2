"""How well a margin covered the losses that came: what clearing houses publish."""

import equinox as eqx
import numpy as np
from jaxtyping import Float, Int

from jaxmargin.backtest._inputs import Amounts, checked_days

__all__ = ["MarginCoverage", "margin_coverage"]


class MarginCoverage(eqx.Module):
    """Coverage of losses by margin over all days.

    Attributes:
        days: how many.
        breaches: days with a loss greater than the margin.
        coverage: share of days without a breach.
        mean_loss_to_margin: mean of loss over margin on days with a breach; NaN without one.
        greatest_loss_to_margin: greatest of them; NaN without a breach.
        mean_shortfall: mean of loss less margin on days with a breach, in money; NaN without one.
        greatest_shortfall: greatest of them; zero without a breach.
        total_shortfall: sum of them.
    """

    days: Int[np.ndarray, "*portfolio"]
    breaches: Int[np.ndarray, "*portfolio"]
    coverage: Float[np.ndarray, "*portfolio"]
    mean_loss_to_margin: Float[np.ndarray, "*portfolio"]
    greatest_loss_to_margin: Float[np.ndarray, "*portfolio"]
    mean_shortfall: Float[np.ndarray, "*portfolio"]
    greatest_shortfall: Float[np.ndarray, "*portfolio"]
    total_shortfall: Float[np.ndarray, "*portfolio"]


def margin_coverage(losses: Amounts, margin: Amounts) -> MarginCoverage:
    """What became of a margin that was called for each day's loss.

    Args:
        losses: over the time that the margin is for, loss positive.
        margin: held when it began; positive.

    Raises:
        InvalidInputError: shapes differ, a value is not finite or a margin not positive.

    References:
        CPMI-IOSCO (2015), "Public quantitative disclosure standards for central counterparties",
        6.5; Eurex Clearing, "Transparency enabler", parts 8 and 10, for loss to margin.
    """
    loss, held = checked_days("margin_coverage", positive=("margin",), losses=losses, margin=margin)
    breach = loss > held
    count = np.count_nonzero(breach, axis=-1)
    some, number = count > 0, np.maximum(count, 1)
    ratio, short = np.where(breach, loss / held, 0.0), np.where(breach, loss - held, 0.0)
    return MarginCoverage(
        days=np.asarray(np.full(np.shape(count), loss.shape[-1])),
        breaches=np.asarray(count),
        coverage=np.asarray(1.0 - count / loss.shape[-1]),
        mean_loss_to_margin=np.where(some, np.sum(ratio, axis=-1) / number, np.nan),
        greatest_loss_to_margin=np.where(some, np.max(ratio, axis=-1), np.nan),
        mean_shortfall=np.where(some, np.sum(short, axis=-1) / number, np.nan),
        greatest_shortfall=np.asarray(np.max(short, axis=-1)),
        total_shortfall=np.asarray(np.sum(short, axis=-1)),
    )
