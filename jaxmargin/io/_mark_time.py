"""When a venue computed its marks: the whole minute that its own prices tell."""

import numpy as np
import pandas as pd
from scipy.special import ndtr

__all__ = ["mark_times"]

_SECONDS_PER_YEAR = 365.0 * 86_400.0
_MINUTES = range(-5, 11)  # tried around the snapshot; collectors are seen to be late by up to three
_VOLATILITY_STEP = 1e-4  # mark volatilities are rounded to 0.01 points
_PRICE_STEP = 1e-6
_SHARE = 0.5  # of the marks that must agree with a minute before it is believed


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
        The minute of each underlying, as far as at least half of its marks agree with one.
    """
    quotes = rows.drop(columns="forward").merge(
        forwards.rename(columns={"asset": "underlying"}), on=["underlying", "expiry"]
    )
    tried = [time.round("min") + pd.Timedelta(minutes=minutes) for minutes in _MINUTES]
    result = {}
    for underlying, own in quotes.groupby("underlying"):
        marked = own[(own["price"] > 0.0) & (own["volatility"] > 0.0)]
        if len(marked):
            (share, _), best = max((_closeness(marked, minute), minute) for minute in tried)
            if share >= _SHARE:
                result[str(underlying)] = best
    return result


def _closeness(quotes: pd.DataFrame, time: pd.Timestamp) -> tuple[float, float]:
    """Share of marks that rounding explains, and minus the median error."""
    error, bound = _errors(quotes, time)
    return float(np.mean(error <= bound)), -float(np.median(error / bound))


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
