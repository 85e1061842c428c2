"""The Basel Committee's traffic light for value at risk."""

import enum

import equinox as eqx
import numpy as np
from jaxtyping import Float, Int

from jaxmargin.backtest._inputs import Counts, checked_counts
from jaxmargin.backtest._result import require_level
from jaxmargin.errors import require

__all__ = [
    "BASEL_1996_PLUS_FACTORS",
    "FRTB_MULTIPLIERS",
    "CapitalFactors",
    "TrafficLight",
    "Zone",
    "ZoneLimits",
    "traffic_light",
    "zone_of",
    "zone_starts",
]


class Zone(enum.IntEnum):
    """What a supervisor concludes: nothing, questions, or that the model is wrong."""

    GREEN = 0
    YELLOW = 1
    RED = 2


class ZoneLimits(eqx.Module):
    """Cumulative probabilities at which the zones begin, if the model is right.

    Attributes:
        yellow: in (0, 1).
        red: in (0, 1), above `yellow`.

    References:
        Basel Committee on Banking Supervision (1996), "Supervisory framework for the use of
        'backtesting' in conjunction with the internal models approach": 95 % and 99.99 %.
    """

    yellow: float = eqx.field(static=True, default=0.95)
    red: float = eqx.field(static=True, default=0.9999)

    def __check_init__(self) -> None:
        """Raises `InvalidInputError` if the probabilities are out of order."""
        require(
            0.0 < self.yellow < self.red < 1.0,
            f"ZoneLimits: 0 < yellow < red < 1 must hold; got {self.yellow!r} and {self.red!r}.",
        )


class CapitalFactors(eqx.Module):
    """What a supervisor charges by the number of exceedances.

    Attributes:
        by_exceedances: for 0, 1, 2 ... exceedances; the last holds for more.
    """

    by_exceedances: tuple[float, ...] = eqx.field(static=True)

    def at(self, exceedances: Counts) -> Float[np.ndarray, "*portfolio"]:
        """The factor for a number of exceedances."""
        table = np.asarray(self.by_exceedances)
        return np.asarray(table[np.minimum(np.asarray(exceedances), len(table) - 1)])


FRTB_MULTIPLIERS = CapitalFactors((1.5,) * 5 + (1.70, 1.76, 1.83, 1.88, 1.92, 2.00))
"""Of capital, for 99 % and 250 days: Basel framework MAR32.9, table 1."""

BASEL_1996_PLUS_FACTORS = CapitalFactors((0.0,) * 5 + (0.40, 0.50, 0.65, 0.75, 0.85, 1.00))
"""Added to a multiplier of 3, for 99 % and 250 days: Basel Committee (1996), table 2."""


class TrafficLight(eqx.Module):
    """Zone of each portfolio.

    Attributes:
        statistic: what was compared: a number of exceedances, or a sum of violations.
        zone: a `Zone`.
        probability: of a statistic up to the one observed, if the model is right.
        type_one_error: probability of the observed statistic or a worse one, if it is.
    """

    statistic: Float[np.ndarray, "*portfolio"]
    zone: Int[np.ndarray, "*portfolio"]
    probability: Float[np.ndarray, "*portfolio"]
    type_one_error: Float[np.ndarray, "*portfolio"]


def traffic_light(
    exceedances: Counts, days: Counts, *, level: float, zones: ZoneLimits | None = None
) -> TrafficLight:
    r"""Zone by the cumulative binomial probability of the exceedances, for any number of days.

    Green below 95 %, red from 99.99 % on: $P(X \le x)$ with $X \sim \mathrm{Bin}(n, \alpha)$.

    Raises:
        InvalidInputError: `level` is outside (0, 1), or the counts make no sense.

    References:
        Basel Committee (1996), see `ZoneLimits`.
    """
    require_level("traffic_light", level)
    count, total = checked_counts("traffic_light", exceedances, days)
    from scipy.stats import binom  # takes a second to import

    law = binom(total, 1.0 - level)
    probability = np.asarray(law.cdf(count))
    return TrafficLight(
        statistic=count.astype(np.float64),
        zone=zone_of(probability, zones or ZoneLimits()),
        probability=probability,
        type_one_error=np.asarray(law.sf(count - 1)),
    )


def zone_starts(days: int, *, level: float, zones: ZoneLimits | None = None) -> tuple[int, int]:
    """The fewest exceedances of the yellow and of the red zone.

    Raises:
        InvalidInputError: `level` is outside (0, 1).
    """
    require_level("zone_starts", level)
    chosen = zones or ZoneLimits()
    from scipy.stats import binom  # takes a second to import

    yellow, red = binom(days, 1.0 - level).ppf([chosen.yellow, chosen.red])
    return int(yellow), int(red)


def zone_of(
    probability: Float[np.ndarray, "*portfolio"], zones: ZoneLimits
) -> Int[np.ndarray, "*portfolio"]:
    """The `Zone` of a cumulative probability."""
    yellow, red = probability >= zones.yellow, probability >= zones.red
    return np.asarray(yellow.astype(np.int64) + red)
