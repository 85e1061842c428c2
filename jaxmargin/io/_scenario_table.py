"""Scenarios as a table: one row each, one column per part of the market that moves."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from jaxmargin.io._content import read_raw
from jaxmargin.io._market import MarketTables
from jaxmargin.io._problems import Problems, nearest
from jaxmargin.io._read import parse_cells
from jaxmargin.io._schema import Column
from jaxmargin.scenarios import Shocks

__all__ = ["read_scenarios", "scenario_table"]

_BY_ASSET = ("spot", "perpetual", "funding")
_BY_PILLAR = ("basis", "volatility", "rate")
_TILT = ("width", "skew", "wings", "floor")
_RELATIVE = {"spot", "perpetual", "basis", "volatility"}  # stored as logs, written as changes
_DAYS_PER_YEAR = 365.0


def scenario_table(shocks: Shocks, market: MarketTables, labels: Sequence[str]) -> pd.DataFrame:
    """Scenarios with readable columns: scenario, weight, days, overlap, then `part asset [expiry]`.

    Spot, perpetual, basis and volatility are relative changes (-0.1 is a fall of 10 %), funding
    and rate changes of annual rates. The spot of an asset that follows another is its whole
    price, not the ratio. Columns in which nothing moves are left out, except spot. What
    `read_scenarios` reads.
    """
    columns: dict[str, np.ndarray] = {
        "scenario": np.asarray(labels, object),
        "weight": np.asarray(shocks.weight, np.float64),
        "days": np.asarray(shocks.time, np.float64) * _DAYS_PER_YEAR,
        "overlap": np.full(len(labels), float(shocks.overlap)),
    }
    if shocks.damping is not None:
        columns["damping"] = np.asarray(shocks.damping, np.float64)
    names = _names(market)
    for part, suffixes in names.items():
        moves = getattr(shocks.tilt if part in _TILT else shocks, part, None)
        if moves is None:
            continue
        moves = np.asarray(moves, np.float64)
        if part == "spot":
            moves = moves + np.where(_follows(market)[:, None], moves[market.base_row()], 0.0)
        for suffix, row in zip(suffixes, moves, strict=True):
            if part in ("spot", "width") or np.any(row):
                columns[f"{part} {suffix}"] = np.expm1(row) if part in _RELATIVE else row
    return pd.DataFrame(columns)


def read_scenarios(
    path: Path, market: MarketTables, *, constant: Sequence[str], problems: Problems
) -> tuple[dict[str, np.ndarray], list[str]] | None:
    """Read a table of scenarios, as `scenario_table` writes it; None if it cannot be used.

    A column that names a part and an asset but no expiry (`volatility BTC`) counts for all
    expiries of the asset without a column of their own. A part without a column does not move;
    every asset needs a column for its spot or a place in `constant`, except one that follows
    another: without a column it keeps its ratio. `weight`, `days` and `overlap` may be left out:
    equal weights, no time, independent scenarios.

    Args:
        path: Parquet or CSV.
        market: the market tables.
        constant: assets whose price does not move.
        problems: where problems go.

    Returns:
        Arrays named as the fields of `Shocks` (and of `TiltShocks`), and the labels.
    """
    before = len(problems.found)
    raw = read_raw(path, problems)
    if raw is None:
        return None
    names = _names(market)
    plain = ("scenario", "weight", "days", "overlap", "damping")
    known = [*plain, *(f"{part} {suffix}" for part, each in names.items() for suffix in each)]
    known += [f"{part} {asset}" for part in names for asset in market.assets["asset"]]
    for column in raw.columns:
        if column not in known:
            problems.add(
                f"{path.name}, column {column}",
                f"no part of this market{nearest(column, known)}",
                f"Columns are {', '.join(plain)}, and 'part asset' or 'part asset expiry' with the "
                f"parts {', '.join(names)}.",
            )
    if "scenario" not in raw.columns or raw.empty:
        problems.add(path.name, "no column 'scenario', or no row", "Name every scenario in it.")
        return None
    labels = parse_cells(path.name, Column("scenario", "text"), raw["scenario"], problems)
    problems.add_rows(
        path.name, "scenario", labels.duplicated(), "a name used before", "Give each its own name.",
        values=labels,
    )  # fmt: skip
    numbers = {
        column: parse_cells(path.name, Column(column, "number"), raw[column], problems)
        for column in raw.columns
        if column in known and column != "scenario"
    }
    _check_numbers(path.name, numbers, market, constant, problems)
    if len(problems.found) > before:
        return None
    return _arrays(numbers, names, len(raw), market), list(labels)


def _names(market: MarketTables) -> dict[str, list[str]]:
    """Column suffix of every row of every part, in the order of the market's arrays."""
    assets = list(market.assets["asset"])
    pillars = [
        f"{asset} {expiry.strftime('%Y-%m-%dT%H:%MZ')}"
        for asset, expiry in zip(market.forwards["asset"], market.forwards["expiry"], strict=True)
    ]
    return {
        **dict.fromkeys(_BY_ASSET, assets),
        **dict.fromkeys(_BY_PILLAR, pillars),
        **dict.fromkeys(_TILT, pillars),
    }


def _follows(market: MarketTables) -> np.ndarray:
    return (market.assets["base"] != "").to_numpy()


def _check_numbers(
    file: str,
    numbers: dict[str, pd.Series],
    market: MarketTables,
    constant: Sequence[str],
    problems: Problems,
) -> None:
    for column, values in numbers.items():
        part = column.split(" ")[0]
        if part in _RELATIVE:
            problems.add_rows(
                file, column, values <= -1.0, "a relative change of -1 or less",
                "Write a fall of 10 % as -0.1.", values=values,
            )  # fmt: skip
        elif part == "width":
            problems.add_rows(file, column, values <= 0.0, "not positive", "Give a log-moneyness.")
        elif part in ("weight", "days", "floor", "damping"):
            problems.add_rows(file, column, values < 0.0, "negative", "Give zero or more.")
        if part == "damping":
            problems.add_rows(file, column, values > 1.0, "above 1", "Give a share of the P&L.")
    overlap = numbers.get("overlap", pd.Series([1.0]))
    if overlap.nunique() != 1 or overlap.iloc[0] < 1.0:
        problems.add(
            f"{file}, column overlap", "not one number from 1 for all scenarios",
            "Give how many neighboring scenarios share observations, the same in each row.",
        )  # fmt: skip
    for asset in constant:
        moved = numbers.get(f"spot {asset}", pd.Series([0.0])) != 0.0
        problems.add_rows(
            file, f"spot {asset}", moved, "moves, but is held constant", "Take it out of one."
        )
    if "weight" in numbers and not (numbers["weight"] > 0.0).any():
        problems.add(f"{file}, column weight", "no weight above zero", "Weight some scenario.")
    still = [
        str(asset)
        for asset, follows in zip(market.assets["asset"], _follows(market), strict=True)
        if f"spot {asset}" not in numbers and asset not in constant and not follows
    ]
    if still:
        problems.add(
            file,
            f"no column for the spot price of {', '.join(still)}",
            f"Add columns such as 'spot {still[0]}', or name them in `constant` to keep them.",
        )
    for suffix in _names(market)["skew"]:
        tilted = [part for part in ("skew", "wings") if _column(numbers, part, suffix) is not None]
        if tilted and _column(numbers, "width", suffix) is None:
            problems.add(
                file, f"columns {' and '.join(tilted)} of {suffix} without width",
                f"Give the log-moneyness at which they are full, in 'width {suffix}'.",
            )  # fmt: skip
            break


def _column(numbers: dict[str, pd.Series], part: str, suffix: str) -> pd.Series | None:
    """The column of an asset's expiry, or the one for all its expiries."""
    return numbers.get(
        f"{part} {suffix}", numbers.get(f"{part} {suffix.split(' ', maxsplit=1)[0]}")
    )


def _arrays(
    numbers: dict[str, pd.Series], names: dict[str, list[str]], count: int, market: MarketTables
) -> dict[str, np.ndarray]:
    def rows(part: str, default: float) -> np.ndarray:
        found = []
        for suffix in names[part]:
            column = _column(numbers, part, suffix)
            value = np.full(count, default) if column is None else column.to_numpy(np.float64)
            found.append(np.log1p(value) if part in _RELATIVE else value)
        return np.stack(found) if found else np.zeros((0, count))

    weight = numbers["weight"].to_numpy() if "weight" in numbers else np.ones(count)
    days = numbers["days"].to_numpy() if "days" in numbers else np.zeros(count)
    moving = {column.split(" ")[0] for column in numbers} | {"spot"}
    result = {part: rows(part, 0.0) for part in (*_BY_ASSET, *_BY_PILLAR) if part in moving}
    follows, whole = _follows(market)[:, None], result["spot"]
    given = np.array([f"spot {asset}" in numbers for asset in market.assets["asset"]])[:, None]
    result["spot"] = np.where(follows & given, whole - whole[market.base_row()], whole)
    overlap = numbers.get("overlap", pd.Series([1.0])).iloc[0]
    result |= {"overlap": np.asarray(overlap, np.float64)}
    result |= {"time": days / _DAYS_PER_YEAR, "weight": weight / weight.mean()}
    if "damping" in numbers:
        result["damping"] = numbers["damping"].to_numpy(np.float64)
    if any(column.split(" ")[0] in _TILT for column in numbers):
        result |= {part: rows(part, 1.0 if part == "width" else 0.0) for part in _TILT}
    return result
