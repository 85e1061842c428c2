"""Several rulebooks side by side: a table for the terminal, and a picture."""

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from rich.console import Group
from rich.table import Table
from rich.text import Text

from jaxmargin.report._figure import new_figure, plain_text

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["compare_summary", "plot_comparison"]

_COLORS = ("C0", "C1", "C2", "C3", "C4", "C5")  # the others together are gray
_STACKED = 8.0  # inches: panels of narrower figures stand one below the other
_MEANINGLESS = 1e-4  # of the total: components below this are not drawn


def compare_summary(summary: pd.DataFrame, facts: dict[str, Any]) -> Group:
    """Totals by rulebook, and of how many accounts each asks the most and the least."""
    table = Table(title=Text(facts["title"]) if facts["title"] else None)
    table.add_column("rulebook", no_wrap=True)
    for heading in (f"initial {facts['currency']}", "maintenance", "of first", "most", "least"):
        table.add_column(heading, justify="right", no_wrap=True)
    for row in summary.itertuples(index=False):
        table.add_row(
            Text(str(row.rulebook)),
            f"{row.initial:,.0f}",
            f"{row.maintenance:,.0f}",
            f"{row.of_first:.2f}x",
            f"{row.asks_most:,}",
            f"{row.asks_least:,}",
        )
    seconds = facts["seconds"]
    return Group(
        table,
        Text(
            "most, least: accounts of which the rulebook asks most or least. "
            f"Cold {seconds['cold']:.2f} s, warm {seconds['warm']:.2f} s."
        ),
    )


def plot_comparison(
    margins: pd.DataFrame,
    components: pd.DataFrame,
    *,
    title: str,
    currency: str,
    width: float = 12.0,
) -> "Figure":
    """What each rulebook's total is made of, and how its margins of accounts compare.

    Args:
        margins: as `CompareResult` has it.
        components: likewise.
        title: heading.
        currency: of amounts.
        width: inches; panels stand one below the other in a figure narrower than 8.

    Raises:
        InvalidInputError: matplotlib is not installed.
    """
    names = list(dict.fromkeys(margins["rulebook"]))
    height, heading = 2.2 + 0.55 * len(names), title.replace("$", r"\$")
    if width < _STACKED:
        figure = new_figure(width, 1.8 * height, heading)
        left, right = figure.subplots(2, 1, sharey=True)
    else:
        figure = new_figure(width, height, heading)
        left, right = figure.subplots(1, 2, width_ratios=(1.5, 1.0), sharey=True)
    from matplotlib.ticker import LogLocator

    place = {name: len(names) - 1 - number for number, name in enumerate(names)}
    totals = margins.groupby("rulebook", observed=True)[["initial", "maintenance"]].sum()
    scale, unit = (1e6, "million ") if totals["initial"].max() >= 1e6 else (1.0, "")
    _draw_parts(left, components, totals, place, scale)
    maintenance = totals["maintenance"].reindex(names).to_numpy(np.float64) / scale
    left.plot(
        maintenance, [place[name] for name in names], "d",
        color="white", markeredgecolor="black", label="maintenance, total",
    )  # fmt: skip
    left.margins(x=0.03)
    left.set_yticks(list(place.values()), [plain_text(name) for name in place])
    left.set_xlabel(f"parts of initial margin, all accounts, {unit}{currency}")
    left.axvline(0.0, color="black", linewidth=0.8)
    left.grid(axis="x", alpha=0.3)
    left.set_axisbelow(True)
    handles, labels = left.get_legend_handles_labels()
    figure.legend(
        handles,
        labels,
        loc="outside lower center",
        ncols=6 if width >= _STACKED else 2,
        fontsize=8,
        frameon=False,
    )
    wide = margins.pivot_table(index="account", columns="rulebook", values="initial", observed=True)
    first = wide[names[0]].where(wide[names[0]] > 0.0)
    for name in names:
        ratios = (wide[name] / first).dropna().to_numpy()
        ratios = ratios[ratios > 0.0]
        if ratios.size:
            right.boxplot(
                ratios, positions=[place[name]], orientation="horizontal", widths=0.5,
                whis=(5.0, 95.0), showfliers=False, medianprops={"color": "C3"}, manage_ticks=False,
            )  # fmt: skip
    right.set_xscale("log")
    right.axvline(1.0, color="0.5", linestyle=":", linewidth=1.0)
    right.set_xlabel("initial margin of an account, times the first's")
    right.xaxis.set_major_locator(LogLocator(subs=(1.0, 1.5, 2.0, 3.0, 5.0, 7.0)))
    right.xaxis.set_major_formatter(lambda ratio, _: f"{ratio:.3g}x")
    right.xaxis.set_minor_formatter(lambda ratio, _: "")
    right.set_title("box: quartiles, whiskers: 5 % and 95 % of accounts", fontsize=9)
    right.grid(axis="x", alpha=0.3)
    return figure


def _draw_parts(
    axes: Any, components: pd.DataFrame, totals: pd.DataFrame, place: dict[str, int], scale: float
) -> None:
    sums = components.groupby(["rulebook", "component"], observed=True)["amount"].sum()
    table = sums.unstack(fill_value=0).reindex(list(place))
    weight = table.abs().sum().sort_values(ascending=False)
    shown = [name for name in weight.index if weight[name] > _MEANINGLESS * totals["initial"].max()]
    named, others = shown[: len(_COLORS)], shown[len(_COLORS) :]
    layers = [(name, table[name], color) for name, color in zip(named, _COLORS, strict=False)]
    if others:
        layers.append(("others", table[others].sum(axis=1), "0.6"))
    up, down = np.zeros(len(table)), np.zeros(len(table))
    rows = [place[name] for name in table.index]
    for name, amounts, color in layers:
        size = amounts.to_numpy() / scale
        start = np.where(size >= 0.0, up, down)
        axes.barh(
            rows,
            size,
            left=start,
            height=0.6,
            color=color,
            label=plain_text(str(name).replace("_", " ")),
        )
        up, down = up + np.maximum(size, 0.0), down + np.minimum(size, 0.0)
