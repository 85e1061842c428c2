"""Correlations that are given rather than estimated."""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from jaxmargin.io._problems import Problems
from jaxmargin.io._read import read_table
from jaxmargin.io._schema import CORRELATIONS

__all__ = ["read_correlations"]


def read_correlations(path: Path, names: Sequence[str], problems: Problems) -> pd.DataFrame | None:
    """Pairs of risk factors and their correlation; None if the table cannot be used.

    A pair may be given in either order, once; pairs that are not given keep their estimate.

    Args:
        path: file with the columns `first`, `second` and `correlation`.
        names: names of the risk factors, such as `BTC spot`.
        problems: where problems go.
    """
    before = len(problems.found)
    table = read_table(path, CORRELATIONS, problems)
    if table is None:
        return None
    for column in ("first", "second"):
        problems.add_unknown(
            path.name, column, table[column], names, f"The risk factors are {', '.join(names)}."
        )
    value = table["correlation"]
    problems.add_rows(
        path.name, "correlation", value.abs() > 1.0, "not between -1 and 1",
        "Give a correlation, not a percentage.", values=value,
    )  # fmt: skip
    own = table["first"] == table["second"]
    problems.add_rows(
        path.name, "second", own, "a factor with itself", "Leave the row out: it is 1.",
        values=table["first"],
    )  # fmt: skip
    both = zip(table["first"], table["second"], strict=True)
    pairs = pd.Series([" and ".join(sorted(pair)) for pair in both], dtype=object)
    problems.add_rows(
        path.name, "first + second", pairs.duplicated() & ~own, "a pair given before",
        "Give each pair once.", values=pairs,
    )  # fmt: skip
    return table if len(problems.found) == before else None
