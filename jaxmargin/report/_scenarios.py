"""Pictures of scenarios."""

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from jaxmargin.report._figure import new_figure
from jaxmargin.report._quantiles import weighted_quantiles

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["plot_scenarios"]

_FEW = 40  # scenarios that are shown one by one
_SERIES = 8  # assets told apart by color


def plot_scenarios(table: pd.DataFrame, *, title: str) -> "Figure":
    """How far each price moves, and what moves with the first one.

    Few scenarios are shown one by one; of many, the spread of each asset by its quantiles, and the
    first asset's moves against its volatility's, or against the second asset's.

    Args:
        table: scenarios as `scenario_table` gives them.
        title: heading.

    Raises:
        InvalidInputError: matplotlib is not installed.
    """
    spots = {
        column.removeprefix("spot "): table[column].to_numpy(np.float64)
        for column in table.columns
        if column.startswith("spot ")
    }
    moving = {asset: moves for asset, moves in spots.items() if np.any(moves)}
    few = len(table) <= _FEW
    height = max(4.0, 0.28 * (len(table) if few else len(moving)) + 1.6)
    figure = new_figure(8.0 if few else 11.0, height, title)
    if few:
        _draw_each(figure.add_subplot(), table["scenario"].astype(str).tolist(), moving)
        return figure
    left, right = figure.subplots(1, 2)
    weight = table["weight"].to_numpy(np.float64)
    _draw_spread(left, moving, weight)
    _draw_pair(right, table, moving, weight)
    return figure


def _draw_each(axes: "Axes", labels: list[str], moving: dict[str, np.ndarray]) -> None:
    place = np.arange(len(labels))[::-1]
    for asset, moves in list(moving.items())[:_SERIES]:
        axes.plot(100.0 * moves, place, "o", markersize=5, label=asset)
    axes.axvline(0.0, color="0.6", linewidth=0.8)
    axes.set_yticks(place, labels)
    axes.set_xlabel("move of the price, %")
    axes.grid(axis="x", alpha=0.3)
    more = len(moving) - _SERIES
    if moving:
        axes.legend(title=f"{more} more not shown" if more > 0 else None, fontsize=8)


def _draw_spread(axes: "Axes", moving: dict[str, np.ndarray], weight: np.ndarray) -> None:
    place = np.arange(len(moving))[::-1]
    for row, moves in zip(place, moving.values(), strict=True):
        wide, narrow = (
            weighted_quantiles(moves, weight, (tail, 0.5, 1.0 - tail)) for tail in (0.01, 0.05)
        )
        axes.plot(100.0 * wide[[0, 2]], [row, row], color="C0", linewidth=1.5)
        axes.plot(100.0 * narrow[[0, 2]], [row, row], color="C0", linewidth=5.0, alpha=0.6)
        axes.plot(100.0 * wide[1], row, "o", color="white", markeredgecolor="C0", markersize=5)
        extremes = 100.0 * np.array([moves.min(), moves.max()])
        axes.plot(extremes, [row, row], "|", color="C3", markersize=9)
    axes.axvline(0.0, color="0.6", linewidth=0.8)
    axes.set_yticks(place, list(moving))
    axes.set_xlabel("move of the price, %")
    axes.set_title("line 1-99 %, bar 5-95 %, marks: extremes", fontsize=9)
    axes.grid(axis="x", alpha=0.3)


def _draw_pair(
    axes: "Axes", table: pd.DataFrame, moving: dict[str, np.ndarray], weight: np.ndarray
) -> None:
    first = next(iter(moving), None)
    if first is None:
        axes.set_axis_off()
        return
    volatility = [column for column in table.columns if column.startswith(f"volatility {first} ")]
    if volatility:
        other = table[volatility[len(volatility) // 2]].to_numpy(np.float64)
        label = f"move of the volatility, {volatility[len(volatility) // 2][11:]}, %"
    elif len(moving) > 1:
        name = list(moving)[1]
        other, label = moving[name], f"move of the price of {name}, %"
    else:
        axes.hist(100.0 * moving[first], bins=80, weights=weight, color="C0")
        axes.set_xlabel(f"move of the price of {first}, %")
        axes.set_ylabel("scenarios, by weight")
        return
    size = np.clip(4.0 * weight, 0.5, 12.0)
    axes.scatter(100.0 * moving[first], 100.0 * other, s=size, alpha=0.4, linewidths=0)
    axes.set_xlabel(f"move of the price of {first}, %")
    axes.set_ylabel(label)
    axes.set_title("one dot per scenario, sized by weight", fontsize=9)
    axes.grid(alpha=0.3)
