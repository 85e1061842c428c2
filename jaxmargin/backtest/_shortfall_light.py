"""The traffic light for expected shortfall."""

import numpy as np
from jaxtyping import Float

from jaxmargin.backtest._cumulative_violations import cumulative_violations
from jaxmargin.backtest._inputs import Amounts
from jaxmargin.backtest._result import require_level
from jaxmargin.backtest._traffic_light import TrafficLight, ZoneLimits, zone_of
from jaxmargin.errors import require

__all__ = ["shortfall_light_start", "shortfall_traffic_light"]

_STEPS = 512  # of the grid, to one exceedance
_DEVIATIONS = 40.0  # from the mean, beyond which the distribution is nothing in double precision


def shortfall_traffic_light(
    probability: Amounts, *, level: float, zones: ZoneLimits | None = None
) -> TrafficLight:
    r"""Zone by the sum of cumulative violations, $X = \sum_t (\alpha - u_t)^+ / \alpha$.

    If the model is right, $X$ is a sum of $B \sim \mathrm{Bin}(n, \alpha)$ independent uniform
    variables. Its distribution function is calculated from that by Fourier transform, to about
    $10^{-6}$; the normal approximation is too low in the far tail.

    Args:
        probability: see `cumulative_violations`.
        level: confidence level $1 - \alpha$.
        zones: where the zones begin; those of the Basel Committee if None.

    Raises:
        InvalidInputError: see `cumulative_violations`.

    References:
        Costanzino, N. and Curran, M. (2018), "A simple traffic light approach to backtesting
        expected shortfall", Risks 6(1), 2.
    """
    depth = cumulative_violations(probability, level=level)
    statistic = np.sum(depth, axis=-1)
    grid, cumulative = _distribution(depth.shape[-1], level)
    found = np.interp(statistic, grid, cumulative)
    return TrafficLight(
        statistic=np.asarray(statistic),
        zone=zone_of(np.asarray(found), zones or ZoneLimits()),
        probability=np.asarray(found),
        type_one_error=np.asarray(np.where(statistic > 0.0, 1.0 - found, 1.0)),
    )


def shortfall_light_start(days: int, probability: float, *, level: float) -> float:
    """The sum of violations at which the distribution function reaches `probability`.

    With 0.95 and 0.9999, where the yellow and the red zone begin.

    Raises:
        InvalidInputError: there is no day, or a probability is outside (0, 1).
    """
    require_level("shortfall_light_start", level)
    require_level("shortfall_light_start", probability, "probability")
    require(days >= 1, f"shortfall_light_start: days must be 1 at least; got {days}.")
    grid, cumulative = _distribution(days, level)
    return float(np.interp(probability, cumulative, grid))


def _distribution(
    days: int, level: float
) -> tuple[Float[np.ndarray, " point"], Float[np.ndarray, " point"]]:
    """Values of the sum and their cumulative probability."""
    tail = 1.0 - level
    deviation = np.sqrt(days * tail * (1.0 / 3.0 - tail / 4.0))
    longest = min(float(days), days * tail / 2.0 + _DEVIATIONS * (deviation + 1.0))
    points = int(np.ceil(longest * _STEPS)) + 1
    size = 1 << (points + _STEPS).bit_length()
    one_day = np.zeros(size)
    one_day[: _STEPS + 1] = tail / _STEPS  # a uniform variable, trapezoidal
    one_day[[0, _STEPS]] *= 0.5
    one_day[0] += level
    mass = np.fft.irfft(np.fft.rfft(one_day) ** days, size)[:points]
    nothing = level**days
    middle = np.cumsum(mass) - 0.5 * mass  # the mass of a point lies around it
    middle[0] = nothing  # the only value that has a probability of its own
    cumulative = np.clip(np.maximum.accumulate(middle), nothing, 1.0)
    return np.arange(points) / _STEPS, cumulative
