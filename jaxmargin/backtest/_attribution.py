"""P&L attribution: whether a risk model's P&L follows that of full revaluation."""

import equinox as eqx
import numpy as np
from jaxtyping import Float, Int

from jaxmargin.backtest._inputs import Amounts, checked_days
from jaxmargin.backtest._traffic_light import Zone
from jaxmargin.errors import require

__all__ = ["FRTB_ATTRIBUTION_LIMITS", "Attribution", "AttributionLimits", "attribution_test"]


class AttributionLimits(eqx.Module):
    """Edges of the zones of `attribution_test`.

    Attributes:
        green_correlation: green above.
        red_correlation: red below.
        green_distance: green below.
        red_distance: red above.
    """

    green_correlation: float = eqx.field(static=True)
    red_correlation: float = eqx.field(static=True)
    green_distance: float = eqx.field(static=True)
    red_distance: float = eqx.field(static=True)

    def __check_init__(self) -> None:
        """Raises `InvalidInputError` if the red zone overlaps the green one."""
        require(
            self.red_correlation <= self.green_correlation
            and self.green_distance <= self.red_distance,
            "AttributionLimits: the red zone must not overlap the green one; got "
            f"correlations {self.red_correlation!r}, {self.green_correlation!r} and distances "
            f"{self.green_distance!r}, {self.red_distance!r}.",
        )


FRTB_ATTRIBUTION_LIMITS = AttributionLimits(0.80, 0.70, 0.09, 0.12)
"""For 250 days: Basel framework MAR32; Delegated Regulation (EU) 2022/2059, article 9."""


class Attribution(eqx.Module):
    """How close two series of P&L are.

    Attributes:
        correlation: Spearman's, in [-1, 1]; NaN where a series is constant.
        distance: Kolmogorov and Smirnov's, the greatest between the distribution functions.
        zone: a `Zone`; yellow is what Basel calls amber, and red where there is no correlation.
    """

    correlation: Float[np.ndarray, "*portfolio"]
    distance: Float[np.ndarray, "*portfolio"]
    zone: Int[np.ndarray, "*portfolio"]


def attribution_test(
    hypothetical: Amounts,
    risk_theoretical: Amounts,
    *,
    limits: AttributionLimits = FRTB_ATTRIBUTION_LIMITS,
) -> Attribution:
    """Spearman correlation and Kolmogorov-Smirnov distance of two series, and their zone.

    Green if both are better than their green limit, red if one is worse than its red limit.

    Args:
        hypothetical: P&L by day of unchanged positions, fully revalued.
        risk_theoretical: P&L of the same days and positions by the risk model.
        limits: edges of the zones.

    Raises:
        InvalidInputError: shapes differ, a value is not finite, or there are fewer than two days.

    References:
        Basel framework MAR32, "Profit and loss attribution test".
    """
    one, two = checked_days(
        "attribution_test", hypothetical=hypothetical, risk_theoretical=risk_theoretical
    )
    require(one.shape[-1] >= 2, "attribution_test: days must be 2 at least; got 1.")
    correlation, distance = _rank_correlation(one, two), _greatest_distance(one, two)
    green = (correlation > limits.green_correlation) & (distance < limits.green_distance)
    red = ~(correlation >= limits.red_correlation) | (distance > limits.red_distance)
    zone = np.where(red, int(Zone.RED), np.where(green, int(Zone.GREEN), int(Zone.YELLOW)))
    return Attribution(np.asarray(correlation), np.asarray(distance), np.asarray(zone))


def _rank_correlation(
    one: Float[np.ndarray, "*portfolio day"], two: Float[np.ndarray, "*portfolio day"]
) -> Float[np.ndarray, "*portfolio"] | np.floating:
    from scipy.stats import rankdata  # takes a second to import

    ranks = [rankdata(series, axis=-1) for series in (one, two)]
    first, second = (rank - np.mean(rank, axis=-1, keepdims=True) for rank in ranks)
    size = np.sqrt(np.sum(first**2, axis=-1) * np.sum(second**2, axis=-1))
    together = np.sum(first * second, axis=-1)
    return np.where(size > 0.0, together / np.where(size > 0.0, size, 1.0), np.nan)


def _greatest_distance(
    one: Float[np.ndarray, "*portfolio day"], two: Float[np.ndarray, "*portfolio day"]
) -> Float[np.ndarray, "*portfolio"] | np.floating:
    """Of the two empirical distribution functions, at values where both have made their steps."""
    days = one.shape[-1]
    both = np.concatenate([one, two], axis=-1)
    order = np.argsort(both, axis=-1, kind="stable")
    values = np.take_along_axis(both, order, axis=-1)
    gap = np.cumsum(np.where(order < days, 1, -1), axis=-1)
    done = np.concatenate(
        [values[..., 1:] > values[..., :-1], np.ones_like(gap[..., :1], bool)], axis=-1
    )
    return np.max(np.where(done, np.abs(gap), 0), axis=-1) / days
