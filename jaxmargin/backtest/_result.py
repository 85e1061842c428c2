"""What a backtest says."""

import equinox as eqx
import numpy as np
import scipy.special
from jaxtyping import Bool, Float, Int

from jaxmargin.backtest._inputs import Numbers, Values
from jaxmargin.errors import require

__all__ = [
    "BacktestResult",
    "chi_square_result",
    "normal_result",
    "require_level",
]


def require_level(caller: str, level: float, name: str = "level") -> None:
    """Raise `InvalidInputError` unless a confidence level lies in (0, 1)."""
    require(
        0.0 < level < 1.0,
        f"{caller}: {name} must lie in (0, 1); got {level!r}. Write 97.5 % as 0.975.",
    )


class BacktestResult(eqx.Module):
    """Statistic and p-value of a test of each portfolio.

    Attributes:
        statistic: value of the test statistic; NaN where it is not defined.
        p_value: probability of a statistic at least as extreme if the model is right, in [0, 1];
            NaN where the statistic is.
        degrees: degrees of freedom of its chi-square distribution; None for another distribution.
    """

    statistic: Float[np.ndarray, "*portfolio"]
    p_value: Float[np.ndarray, "*portfolio"]
    degrees: Int[np.ndarray, "*portfolio"] | None = None

    def rejected(self, level: float = 0.95) -> Bool[np.ndarray, "*portfolio"]:
        """Whether the model is rejected at a confidence level: `p_value < 1 - level`.

        False where the test is not defined.

        Raises:
            InvalidInputError: `level` is outside (0, 1).
        """
        require_level("rejected", level)
        return np.asarray(self.p_value < 1.0 - level)


def chi_square_result(statistic: Values | float, degrees: Numbers | int) -> BacktestResult:
    """The result of a statistic that is chi-square distributed if the model is right.

    Rounding below zero counts as zero. NaN without a degree of freedom.
    """
    freedom = np.broadcast_to(np.asarray(degrees, np.int64), np.shape(statistic))
    value = np.where(freedom > 0, np.maximum(statistic, 0.0), np.nan)
    return BacktestResult(value, np.asarray(scipy.special.chdtrc(freedom, value)), freedom)


def normal_result(statistic: Values | float, *, two_sided: bool) -> BacktestResult:
    """The result of a statistic that is standard normal if the model is right.

    One-sided, large values speak against the model.
    """
    value = np.asarray(statistic, np.float64)
    tail = scipy.special.ndtr(-(np.abs(value) if two_sided else value))
    return BacktestResult(value, np.asarray(2.0 * tail if two_sided else tail))
