"""The checks that every backtest makes of its inputs, on the host."""

import numpy as np
from jaxtyping import Array, Bool, Float, Int

from jaxmargin.errors import require

__all__ = [
    "Amounts",
    "Counts",
    "Hits",
    "Numbers",
    "Values",
    "checked_counts",
    "checked_days",
    "checked_hits",
]

Amounts = Float[Array | np.ndarray, "*portfolio day"]
Hits = Bool[Array | np.ndarray, "*portfolio day"]
# NumPy turns what has no axis left into a scalar
Values = Float[np.ndarray, "*portfolio"] | np.floating
Numbers = Int[np.ndarray, "*portfolio"] | np.integer
Counts = int | np.integer | Int[Array | np.ndarray, "*portfolio"]


def checked_days(
    caller: str, *, positive: tuple[str, ...] = (), **series: Amounts
) -> list[Float[np.ndarray, "*portfolio day"]]:
    """The series in double precision, once they are known to be usable.

    Args:
        caller: the function that asks, for the message.
        positive: names of the series that must be positive.
        series: by name.

    Raises:
        InvalidInputError: shapes differ, there is no day, or a value is not finite or not positive.
    """
    arrays = {name: np.asarray(values, np.float64) for name, values in series.items()}
    shapes = {name: array.shape for name, array in arrays.items()}
    require(
        len(set(shapes.values())) == 1,
        f"{caller}: the series must have one shape; got {shapes}. Repeat what is constant.",
    )
    shape = next(iter(shapes.values()))
    require(
        len(shape) > 0 and shape[-1] > 0,
        f"{caller}: the series must cover one day at least; got shape {shape}.",
    )
    for name, array in arrays.items():
        rule, bad = "finite", ~np.isfinite(array)
        if name in positive and not bad.any():
            rule, bad = "positive", array <= 0.0
        require(
            not bad.any(),
            f"{caller}: {name} must be {rule}; {bad.sum()} of {bad.size} values are not, the first "
            f"at {np.argwhere(bad)[:1].tolist()}. Leave such days out of all series.",
        )
    return list(arrays.values())


def checked_hits(caller: str, hits: Hits) -> Bool[np.ndarray, "*portfolio day"]:
    """The exceedances as a host array of one day at least.

    Raises:
        InvalidInputError: there is no day.
    """
    array = np.asarray(hits)
    require(
        array.ndim > 0 and array.shape[-1] > 0,
        f"{caller}: hits must cover one day at least; got shape {array.shape}.",
    )
    return array


def checked_counts(
    caller: str, exceedances: Counts, days: Counts
) -> tuple[Int[np.ndarray, "*portfolio"], Int[np.ndarray, "*portfolio"]]:
    """Exceedances and days, broadcast against each other.

    Raises:
        InvalidInputError: there is no day, or exceedances are negative or more than the days.
    """
    count, total = np.broadcast_arrays(
        np.asarray(exceedances, np.int64), np.asarray(days, np.int64)
    )
    bad = (total < 1) | (count < 0) | (count > total)
    require(
        not bad.any(),
        f"{caller}: 0 <= exceedances <= days and days >= 1 must hold; {bad.sum()} of {bad.size} "
        f"portfolios fail, the first with {count[bad][:1].tolist()} exceedances in "
        f"{total[bad][:1].tolist()} days.",
    )
    return count, total
