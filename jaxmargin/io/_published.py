"""Figures that clearing houses publish about their margins."""

from pathlib import Path

import numpy as np
import pandas as pd

from jaxmargin.io._problems import Problems
from jaxmargin.io._shipped import shipped_files
from jaxmargin.io._toml import is_number, read_toml

__all__ = ["published_library", "read_published"]

_FIGURES = (
    "coverage", "mean_loss_to_margin", "increase_1_days", "increase_5_days", "increase_10_days",
    "peak_to_trough",
)  # fmt: skip


def published_library() -> dict[str, Path]:
    """The files that come with the package, by name."""
    return shipped_files("published")


def read_published(path: Path, problems: Problems) -> pd.DataFrame | None:
    """One row per group of products: house, group, source and figures, NaN where none is given.

    Args:
        path: the file.
        problems: where problems go.
    """
    content = read_toml(path, "file of published figures", problems)
    if content is None:
        return None
    before = len(problems.found)
    for key in ("title", "source"):
        if not isinstance(content.get(key), str):
            problems.add(f"{path.name}, {key}", f"got {content.get(key)!r}", "Give a text.")
    groups = content.get("group")
    if not (isinstance(groups, list) and groups and all(isinstance(g, dict) for g in groups)):
        problems.add(f"{path.name}, group", "no list of tables", "Write [[group]] for each.")
        groups = []
    rows = []
    for number, group in enumerate(groups, 1):
        place, known = f"{path.name}, group {number}", ("name", *_FIGURES)
        problems.add_unknown_keys(place, group, known)
        if not isinstance(group.get("name"), str):
            problems.add(f"{place}, name", f"got {group.get('name')!r}", "Name the products.")
        row = {"house": content.get("title"), "group": group.get("name")}
        for figure in _FIGURES:
            value = group.get(figure, np.nan)
            if figure in group and not (is_number(value) and value >= 0.0):
                problems.add(f"{place}, {figure}", f"got {value!r}", "Give a fraction from 0 on.")
            row[figure] = value
        rows.append(row | {"source": content.get("source")})
    return pd.DataFrame(rows) if len(problems.found) == before else None
