"""Days on which the loss exceeded the value at risk, and how they follow each other."""

import equinox as eqx
import numpy as np
from jaxtyping import Bool, Float, Int

from jaxmargin.backtest._inputs import Amounts, Hits, checked_days, checked_hits

__all__ = ["Transitions", "count_transitions", "days_since_exceedance", "find_exceedances"]


class Transitions(eqx.Module):
    """Numbers of pairs of days, by whether the first and the second is an exceedance.

    Attributes:
        calm_calm: neither.
        calm_hit: only the second.
        hit_calm: only the first.
        hit_hit: both.
    """

    calm_calm: Int[np.ndarray, "*portfolio"]
    calm_hit: Int[np.ndarray, "*portfolio"]
    hit_calm: Int[np.ndarray, "*portfolio"]
    hit_hit: Int[np.ndarray, "*portfolio"]


def find_exceedances(losses: Amounts, value_at_risk: Amounts) -> Bool[np.ndarray, "*portfolio day"]:
    """Days with a loss strictly greater than the value at risk, as in MATLAB and rugarch.

    Args:
        losses: loss positive.
        value_at_risk: forecast for the same day, loss positive.

    Raises:
        InvalidInputError: shapes differ or a value is not finite.
    """
    loss, risk = checked_days("find_exceedances", losses=losses, value_at_risk=value_at_risk)
    return loss > risk


def count_transitions(hits: Hits) -> Transitions:
    """Pairs of neighboring days, one fewer than days."""
    array = checked_hits("count_transitions", hits)
    before, after = array[..., :-1], array[..., 1:]

    def count(pairs: Bool[np.ndarray, "*portfolio pair"]) -> Int[np.ndarray, "*portfolio"]:
        return np.asarray(np.count_nonzero(pairs, axis=-1))

    return Transitions(
        calm_calm=count(~before & ~after),
        calm_hit=count(~before & after),
        hit_calm=count(before & ~after),
        hit_hit=count(before & after),
    )


def days_since_exceedance(hits: Hits) -> Float[np.ndarray, "*portfolio day"]:
    """Days from the exceedance before each day to that day; from the start where there is none.

    The first day is day one, so that an exceedance on it took one day.
    """
    array = checked_hits("days_since_exceedance", hits)
    day = np.arange(1, array.shape[-1] + 1)
    last = np.maximum.accumulate(np.where(array, day, 0), axis=-1)
    before = np.concatenate([np.zeros_like(last[..., :1]), last[..., :-1]], axis=-1)
    return (day - before).astype(np.float64)
