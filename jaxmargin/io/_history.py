"""The history table to joint closing prices, volatilities, basis and funding."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from jaxmargin.io._problems import Problems
from jaxmargin.io._read import read_table
from jaxmargin.io._schema import HISTORY

__all__ = ["STATES", "History", "read_history"]

_STEP = pd.Timedelta(days=1)
STATES = ("volatility", "term", "skew", "basis", "funding")


@dataclass(frozen=True)
class History:
    """Joint daily history, checked: one row per day, one column per asset that moves.

    Attributes:
        closes: closing prices.
        states: of `STATES`, those that the table has for some asset: one column per such asset.
        ignored: columns of the table that have no meaning.
    """

    closes: pd.DataFrame
    states: dict[str, pd.DataFrame]
    ignored: tuple[str, ...]


def read_history(
    path: Path,
    assets: list[str],
    *,
    constant: list[str],
    start: pd.Timestamp | None,
    end: pd.Timestamp | None,
    problems: Problems,
) -> History | None:
    """Daily closes and other states; None if the table cannot be used.

    Every asset must have every day of the same span, and a state on every day or on none. A gap is
    an error and is not filled: a return over two days would pass for one of a single day.

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
    moving, ignored = [a for a in assets if a not in constant], table.attrs["ignored_columns"]
    if not moving:
        problems.add(
            path.name, "every asset of the market is held constant", "Leave one out of `constant`."
        )
        return None
    absent = [asset for asset in moving if asset not in set(table["asset"])]
    if absent:
        problems.add(
            f"{path.name}, column asset",
            f"no history of {', '.join(absent)}",
            "Add their closes, or name them in `constant` to hold their prices still.",
        )
        return None
    for name in STATES:
        problems.add_rows(
            path.name, name, table["asset"].isin(constant) & table[name].notna(),
            "a value for an asset that is held constant", "Leave it blank, or let the asset move.",
            values=table["asset"],
        )  # fmt: skip
    if start is not None:
        table = table[table["time"] >= start]
    if end is not None:
        table = table[table["time"] <= end]
    table = table[table["asset"].isin(moving)]
    if table.empty:
        problems.add(
            f"{path.name}, column time", "no day within start and end", "Widen start and end."
        )
        return None
    row_of = table.assign(row=table.index + 1).pivot(index="time", columns="asset", values="row")
    closes = table.pivot(index="time", columns="asset", values="close").sort_index()[moving]
    _check_days(path.name, closes, problems)
    if len(problems.found) == before:
        _check_moving(path.name, closes, problems)
    states = {
        name: table.pivot(index="time", columns="asset", values=name).sort_index()[moving]
        for name in STATES
    }
    if len(problems.found) == before:
        _check_states(path.name, states, row_of.sort_index(), problems)
    if len(problems.found) > before:
        return None
    known = {name: table.dropna(axis=1) for name, table in states.items()}
    moved = {name: each for name, each in known.items() if len(each.columns)}
    return History(closes, moved, tuple(ignored))


def _check_moving(file: str, closes: pd.DataFrame, problems: Problems) -> None:
    """A constant series has no volatility; what does not move is named, not guessed."""
    spread = closes.max() - closes.min()
    still = [str(asset) for asset in closes.columns[(spread == 0.0).to_numpy()]]
    if still and len(closes) > 1:
        problems.add(
            f"{file}, column close",
            f"the price of {', '.join(still)} never moves",
            "Give real prices, or name them in `constant` to hold them still.",
        )


def _check_states(
    file: str, states: dict[str, pd.DataFrame], row_of: pd.DataFrame, problems: Problems
) -> None:
    for name, table in states.items():
        for asset in table.columns:
            missing = table[asset].isna()
            if missing.any() and not missing.all():
                problems.add(
                    f"{file}, column {name}",
                    f"{asset} has {int((~missing).sum()):,} of {len(table):,} days; the first "
                    f"without is {table.index[missing.to_numpy()][0].date()} "
                    f"(row {row_of.loc[missing, asset].iloc[0]})",
                    "Give it on every day of the window or on none; set start and end in "
                    "[scenarios] to a window that has it.",
                )
            elif not missing.any() and len(table) > 1 and table[asset].nunique() == 1:
                problems.add(
                    f"{file}, column {name}",
                    f"the {name} of {asset} never moves",
                    "Leave it blank for this asset, or give real values.",
                )


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
