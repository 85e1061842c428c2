"""Marks of several sources, and sentences about assets without a good one."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import jax.numpy as jnp
import numpy as np
import pandas as pd
from jaxtyping import Array, Float

from jaxmargin.io._collateral_schema import MARKS
from jaxmargin.io._market import MarketTables
from jaxmargin.io._problems import Problems
from jaxmargin.io._read import read_table
from jaxmargin.market import Marks, MarkStatus

__all__ = ["MarkTables", "describe_unpriced", "read_marks"]


@dataclass(frozen=True)
class MarkTables:
    """The latest price of each source and asset; assets in the order of the market.

    Attributes:
        price: NaN where the source has none.
        age: seconds before the valuation time; NaN where there is no price.
        sources: names of the sources, sorted.
    """

    price: Float[Array, "source asset"]
    age: Float[Array, "source asset"]
    sources: pd.Index


def read_marks(
    path: Path, market: MarketTables, *, numeraire: str, problems: Problems
) -> MarkTables | None:
    """Read and check `marks`, for `combine_marks`; None if the table cannot be used.

    Args:
        path: file with the columns `time`, `source`, `asset` and `price`, in the numeraire.
        market: its assets and its time; later marks are refused.
        numeraire: the currency of prices, which every source has at 1.
        problems: where problems go.
    """
    before = len(problems.found)
    marks = read_table(path, MARKS, problems)
    if marks is None:
        return None
    problems.add_unknown(
        path.name, "asset", marks["asset"], market.assets["asset"], "Add them to the assets table."
    )
    problems.add_rows(
        path.name, "time", marks["time"] > market.time,
        f"after the valuation time {market.time.isoformat()}",
        "Take out later marks, or correct valuation_time.", values=marks["time"].astype(str),
    )  # fmt: skip
    own = marks["asset"] == numeraire
    problems.add_rows(
        path.name, "price", own & (marks["price"] != 1.0), f"not 1 for the numeraire {numeraire!r}",
        "Give prices in the numeraire, whose own is 1.", values=marks["price"],
    )  # fmt: skip
    if len(problems.found) > before:
        return None
    latest = marks.sort_values("time").drop_duplicates(["source", "asset"], keep="last")
    sources = pd.Index(np.sort(latest["source"].unique()))
    price = np.full((len(sources), len(market.assets)), np.nan)
    age = np.full_like(price, np.nan)
    place = sources.get_indexer(pd.Index(latest["source"])), market.asset_row(latest["asset"])
    price[place] = latest["price"].to_numpy()
    age[place] = (market.time - latest["time"]).dt.total_seconds().to_numpy()
    constant = (market.assets["asset"] == numeraire).to_numpy()
    price[:, constant], age[:, constant] = 1.0, 0.0
    return MarkTables(jnp.asarray(price), jnp.asarray(age), sources)


def describe_unpriced(marks: Marks, assets: Sequence[str]) -> list[str]:
    """A sentence for each asset without a good mark; it counts for nothing as collateral."""
    why = {
        MarkStatus.TOO_FEW: "too few sources have a recent price",
        MarkStatus.APART: "too few sources agree",
    }
    found = zip(assets, np.asarray(marks.status), np.asarray(marks.sources), strict=True)
    return [
        f"{asset} has no good price and counts for nothing: {why[MarkStatus(status)]} "
        f"({sources} usable)."
        for asset, status, sources in found
        if status != MarkStatus.GOOD
    ]
