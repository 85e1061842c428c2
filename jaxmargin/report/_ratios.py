"""The picture of what several rulebooks ask of each group of accounts."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from jaxmargin.report._figure import new_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["plot_ratios"]

_FAR = np.log(8.0)  # ratios from here on have the darkest color


def plot_ratios(margins: pd.DataFrame, groups: Mapping[str, str], *, title: str) -> "Figure":
    """Initial margin of groups of accounts by each rulebook, relative to the first rulebook's.

    Args:
        margins: as `CompareResult` has it.
        groups: group of each account.
        title: heading.

    Raises:
        InvalidInputError: matplotlib is not installed.
    """
    names = list(dict.fromkeys(margins["rulebook"]))
    table = margins.assign(group=margins["account"].map(dict(groups))).pivot_table(
        index="group", columns="rulebook", values="initial", aggfunc="sum", observed=True
    )
    table = table.reindex(index=list(dict.fromkeys(groups.values())), columns=names)
    first = table[names[0]].to_numpy(np.float64)[:, None]
    ratio = table.to_numpy(np.float64) / np.where(first > 0.0, first, np.nan)
    figure = new_figure(2.6 + 1.05 * len(names), 2.2 + 0.45 * len(table), title)
    axes = figure.subplots()
    shade = np.clip(np.log(np.maximum(ratio, 1e-9)), -_FAR, _FAR)
    axes.imshow(shade, cmap="RdBu_r", vmin=-_FAR, vmax=_FAR, aspect="auto")
    for row, column in np.ndindex(ratio.shape):
        found = ratio[row, column]
        text = "none" if np.isnan(found) else f"{found:.2f}x"
        dark = abs(shade[row, column]) > 0.6 * _FAR
        axes.text(column, row, text, ha="center", va="center", color="white" if dark else "black")
    axes.set_xticks(range(len(names)), [name.replace(":", "\n") for name in names], rotation=20)
    axes.set_yticks(range(len(table)), list(table.index))
    axes.set_title(f"initial margin, times that of {names[0]}", fontsize=9)
    return figure
