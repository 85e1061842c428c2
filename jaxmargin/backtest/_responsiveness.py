"""How much a margin moves: measures of procyclicality."""

import numpy as np
from jaxtyping import Float

from jaxmargin.backtest._inputs import Amounts, checked_days
from jaxmargin.errors import require

__all__ = ["greatest_increase", "log_change_deviation", "peak_to_trough", "relative_cost"]


def peak_to_trough(margin: Amounts) -> Float[np.ndarray, "*portfolio"]:
    r"""Greatest over least margin, $\max_t M_t / \min_t M_t \ge 1$.

    Eurex prints what it exceeds one by, in percent.

    Args:
        margin: by day, of unchanged positions; positive.

    Raises:
        InvalidInputError: a margin is not finite or not positive.

    References:
        Murphy, D., Vasios, M. and Vause, N. (2014), "An investigation into the procyclicality of
        risk-based initial margin models", Bank of England Financial Stability Paper 29.
    """
    (values,) = checked_days("peak_to_trough", positive=("margin",), margin=margin)
    return np.asarray(np.max(values, axis=-1) / np.min(values, axis=-1))


def greatest_increase(margin: Amounts, *, days: int) -> Float[np.ndarray, "*portfolio"]:
    r"""Greatest increase over `days` days, $\max_t M_t / M_{t - n} - 1$; negative if all fell.

    Args:
        margin: by day, of unchanged positions; positive.
        days: $n$; usually 1, 5, 10 or 30.

    Raises:
        InvalidInputError: a margin is not finite or not positive, or there are not more than `days`
            of them.

    References:
        Murphy, Vasios and Vause (2014), see `peak_to_trough`.
    """
    (values,) = checked_days("greatest_increase", positive=("margin",), margin=margin)
    require(
        1 <= days < values.shape[-1],
        f"greatest_increase: days must lie between 1 and the number of margins less one; got "
        f"{days} of {values.shape[-1]}.",
    )
    return np.asarray(np.max(values[..., days:] / values[..., :-days], axis=-1) - 1.0)


def log_change_deviation(margin: Amounts) -> Float[np.ndarray, "*portfolio"]:
    r"""Standard deviation of the daily $\ln (M_t / M_{t-1})$.

    Args:
        margin: by day, of unchanged positions; positive; three at least.

    Raises:
        InvalidInputError: a margin is not finite or not positive, or there are fewer than three.
    """
    (values,) = checked_days("log_change_deviation", positive=("margin",), margin=margin)
    require(
        values.shape[-1] >= 3,
        f"log_change_deviation: margins must be 3 at least; got {values.shape[-1]}.",
    )
    return np.asarray(np.std(np.diff(np.log(values), axis=-1), axis=-1, ddof=1))


def relative_cost(margin: Amounts, base: Amounts) -> Float[np.ndarray, "*portfolio"]:
    """Mean margin over the mean of a base model on the same days: what steadiness costs.

    Args:
        margin: by day; positive.
        base: of the base model; positive.

    Raises:
        InvalidInputError: shapes differ, or a margin is not finite or not positive.

    References:
        Murphy, D. and Vause, N. (2021), "A CBA of APC: analysing approaches to procyclicality
        reduction in CCP initial margin models", SSRN 3967868.
    """
    values, others = checked_days(
        "relative_cost", positive=("margin", "base"), margin=margin, base=base
    )
    return np.asarray(np.mean(values, axis=-1) / np.mean(others, axis=-1))
