"""The history table to joint closing prices."""

from pathlib import Path

import numpy as np
import pandas as pd

from jaxmargin.io._problems import Problems
from jaxmargin.io._read import read_table
from jaxmargin.io._schema import HISTORY

__all__ = ["read_history"]

_STEP = pd.Timedelta(days=1)


def read_history(
    path: Path,
    assets: list[str],
    *,
    constant: list[str],
    start: pd.Timestamp | None,
    end: pd.Timestamp | None,
    problems: Problems,
) -> pd.DataFrame | None:
    """Daily closes, one row per day and one column per asset; None if the table cannot be used.

    Every asset must have every day of the same span. A gap is an error and is not filled: a
    return over two days would pass for one of a single day.

    Args:
        path: file of the table `history`.
        assets: assets of the market, in order.
        constant: those of them whose price is held constant, such as the numeraire.
        start: first day, or None for the first in the file.
        end: last day, or None for the last in the file.
        problems: where problems go.
    """
    before = len(problems.found)
    table = read_table(path, HISTORY, problems)
    if table is None or len(problems.found) > before:
        return None
    moving = [asset for asset in assets if asset not in constant]
    absent = [asset for asset in moving if asset not in set(table["asset"])]
    if absent:
        problems.add(
            f"{path.name}, column asset",
            f"no history of {', '.join(absent)}",
            "Add their closes, or name them in `constant` to hold their prices still.",
        )
        return None
    if start is not None:
        table = table[table["time"] >= start]
    if end is not None:
        table = table[table["time"] <= end]
    table = table[table["asset"].isin(moving)]
    closes = table.pivot(index="time", columns="asset", values="close").sort_index()
    if closes.empty:
        problems.add(
            f"{path.name}, column time", "no day within start and end", "Widen start and end."
        )
        return None
    _check_days(path.name, closes, problems)
    if len(problems.found) > before:
        return None
    return closes.assign(**dict.fromkeys(constant, 1.0))[assets]


def _check_days(file: str, closes: pd.DataFrame, problems: Problems) -> None:
    """The same days for all, one after the other."""
    where = f"{file}, column time"
    own = {asset: closes[asset].dropna() for asset in closes.columns}
    first = max(series.index[0] for series in own.values())
    last = min(series.index[-1] for series in own.values())
    for asset, series in own.items():
        missing = closes.index.difference(series.index)
        if len(missing):
            problems.add(
                where,
                f"{asset} has {len(series):,} of {len(closes):,} days, {series.index[0].date()} to "
                f"{series.index[-1].date()}; the first without a close is {missing[0].date()}",
                f"Joint returns need the same days for all: set start = {first.date()} and "
                f"end = {last.date()} in [scenarios], or fill the gap.",
            )
    days = pd.DatetimeIndex(closes.index)
    steps = days[1:] - days[:-1]
    gaps = np.flatnonzero(steps != _STEP)
    if gaps.size:
        problems.add(
            where,
            f"{gaps.size:,} steps that are not one day, the first after "
            f"{days[gaps[0]].isoformat()} ({steps[gaps[0]]})",
            "Give one close a day, at the same time of day, without gaps; or set start or end.",
        )
