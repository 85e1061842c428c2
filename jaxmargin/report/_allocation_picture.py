"""The picture of who posts what."""

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from jaxmargin.report._figure import amount_scale, new_figure, plain_text

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["plot_allocation"]

_ACCOUNTS = 20  # shown one by one, largest requirement first
_ASSETS = 6  # told apart by color; the others together are gray
_STACKED = 8.0  # inches: panels of narrower figures stand one below the other


def plot_allocation(
    allocation: pd.DataFrame,
    coverage: pd.DataFrame,
    assets: pd.DataFrame,
    *,
    title: str,
    currency: str,
    width: float = 11.0,
) -> "Figure":
    """What counts of each asset with each account, and how much of each asset is used.

    Args:
        allocation: as `AllocateResult` has it.
        coverage: likewise.
        assets: likewise.
        title: heading.
        currency: of amounts.
        width: inches; panels stand one below the other in a figure narrower than 8.

    Raises:
        InvalidInputError: matplotlib is not installed.
    """
    shown = coverage.nlargest(_ACCOUNTS, "requirement", keep="first")
    order = assets.sort_values("market_value", ascending=False, kind="stable")["asset"].tolist()
    named, others = order[:_ASSETS], order[_ASSETS:]
    counted = allocation.pivot_table(
        index="account", columns="asset", values="counted", aggfunc="sum", fill_value=0.0
    ).reindex(index=shown["account"], columns=order, fill_value=0.0)
    height, below = max(4.5, 0.27 * len(shown) + 1.8), 1.2 + 0.3 * len(named)
    if width < _STACKED:
        figure = new_figure(width, height + below, title.replace("$", r"\$"))
        left, right = figure.subplots(2, 1, height_ratios=(height, below))
    else:
        figure = new_figure(width, height, title.replace("$", r"\$"))
        left, right = figure.subplots(1, 2, width_ratios=(2.4, 1.0))
    scale, unit = amount_scale(float(shown["requirement"].max()) if len(shown) else 0.0)
    place = np.arange(len(shown))[::-1]
    start = np.zeros(len(shown))
    colors = {asset: f"C{number}" for number, asset in enumerate(named)}
    layers = [(asset, counted[asset].to_numpy(), colors[asset]) for asset in named]
    if others:
        layers.append(("others", counted[others].sum(axis=1).to_numpy(), "0.6"))
    for asset, amount, color in layers:
        left.barh(
            place, amount / scale, left=start / scale, height=0.72, color=color,
            label=plain_text(asset),
        )  # fmt: skip
        start = start + amount
    left.plot(
        shown["requirement"] / scale, place, "|", color="black", markersize=13, markeredgewidth=2.0,
        label="requirement",
    )  # fmt: skip
    left.set_yticks(
        place, [plain_text(f"{row.account} · {row.venue}") for row in shown.itertuples()]
    )
    left.set_ylim(-0.7, len(shown) - 0.3)
    left.set_xlim(0.0, 1.03 * max(float(shown["requirement"].max()), float(start.max())) / scale)
    left.set_xlabel(f"collateral value after haircuts and limits, {unit}{plain_text(currency)}")
    more = len(coverage) - len(shown)
    left.set_title(
        f"the {len(shown)} largest requirements; {more:,} accounts more are not shown"
        if more
        else "each account",
        fontsize=9,
    )
    left.grid(axis="x", alpha=0.3)
    left.set_axisbelow(True)
    handles, labels = left.get_legend_handles_labels()
    figure.legend(
        handles,
        labels,
        loc="outside lower center",
        ncols=len(labels) if width >= _STACKED else 3,
        fontsize=9,
        frameon=False,
    )
    table = assets.set_index("asset").loc[named]
    share = 100.0 * table["posted"] / table["available"].where(table["available"] > 0.0, np.inf)
    rows = np.arange(len(named))[::-1]
    right.barh(rows, np.full(len(named), 100.0), height=0.5, color="0.92")
    right.barh(rows, share, height=0.5, color=[colors[asset] for asset in named])
    for row, part in zip(rows, share, strict=True):
        right.text(102.0, row, f"{part:.3g} %", va="center", fontsize=9)
    right.set_yticks(rows, [plain_text(asset) for asset in named])
    right.set_xlim(0.0, 120.0)
    right.set_xticks(range(0, 101, 20))
    right.set_xlabel("posted, % of what is available")
    right.set_title("inventory used", fontsize=9)
    return figure
