"""When a venue computed its marks: the whole minute that its own prices tell."""

from collections.abc import Iterable

import numpy as np
import pandas as pd
from scipy.special import ndtr

__all__ = ["mark_times"]

_SECONDS_PER_YEAR = 365.0 * 86_400.0
_MINUTES = range(-5, 11)  # tried around the snapshot; collectors are seen to be late by up to three
_VOLATILITY_STEP = 1e-4  # mark volatilities are rounded to 0.01 points
_PRICE_STEP = 1e-6


def mark_times(
    rows: pd.DataFrame, forwards: pd.DataFrame, time: pd.Timestamp
) -> dict[str, pd.Timestamp]:
    r"""The whole minute at which most marks of a coin agree with Black's formula.

    Deribit marks options at time to expiry $T$ = (expiry - minute) / 365 days, rate zero, on the
    parity forward. A snapshot of several requests is late by seconds to minutes, differently for
    each coin. The minute with the largest share of marks within the rounding of volatility and
    price is taken, and among equals that with the smallest median error.

    Args:
        rows: coin-settled options: underlying, option_type, strike, expiry, price, volatility.
        forwards: asset, expiry, forward.
        time: moment of the snapshot.

    Returns:
        The minute of each underlying that has marks; the snapshot's own minute for others.
    """
    quotes = rows.drop(columns="forward").merge(
        forwards.rename(columns={"asset": "underlying"}), on=["underlying", "expiry"]
    )
    nearest = time.round("min")
    result = {}
    for underlying, own in quotes.groupby("underlying"):
        marked = own[(own["price"] > 0.0) & (own["volatility"] > 0.0)]
        tried = (nearest + pd.Timedelta(minutes=minutes) for minutes in _MINUTES)
        result[str(underlying)] = _best(marked, tried) if len(marked) else nearest
    return result


def _best(quotes: pd.DataFrame, tried: Iterable[pd.Timestamp]) -> pd.Timestamp:
    def closeness(time: pd.Timestamp) -> tuple[float, float]:
        error, bound = _errors(quotes, time)
        return float(np.mean(error <= bound)), -float(np.median(error / bound))

    return max(tried, key=closeness)


def _errors(quotes: pd.DataFrame, time: pd.Timestamp) -> tuple[np.ndarray, np.ndarray]:
    """Distance of marks from Black's formula in coin, and what rounding explains of it."""
    seconds = (quotes["expiry"] - time).dt.total_seconds().to_numpy()
    root = np.sqrt(np.maximum(seconds, 1.0) / _SECONDS_PER_YEAR)
    sign = np.where(quotes["option_type"] == "call", 1.0, -1.0)
    ratio = (quotes["strike"] / quotes["forward"]).to_numpy()
    total = quotes["volatility"].to_numpy() * root
    d1 = -np.log(ratio) / total + total / 2.0
    price = sign * (ndtr(sign * d1) - ratio * ndtr(sign * (d1 - total)))
    vega = np.exp(-d1 * d1 / 2.0) / np.sqrt(2.0 * np.pi) * root
    bound = 0.5 * (_VOLATILITY_STEP * vega + _PRICE_STEP)
    return np.abs(price - quotes["price"].to_numpy()), 1.1 * bound
