"""What drives margins: tables on the terminal, bars and ladders."""

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from rich.console import Group
from rich.table import Table
from rich.text import Text

from jaxmargin.report._figure import amount_scale, new_figure, plain_text

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["plot_attribution", "plot_ladder", "sensitivity_summary"]

_ROWS = 5
_BARS = 15  # positions with a bar of their own
_NAME = 30


def sensitivity_summary(tables: dict[str, pd.DataFrame], facts: dict[str, Any]) -> Group:
    """The positions and market moves that matter most, and how near the kink is."""
    parts: list[Table | Text] = [
        _drivers(tables["positions"], facts),
        _moves(tables["buckets"], facts),
    ]
    accounts = tables["accounts"].set_index("account")
    largest = accounts.loc[facts["largest"]]
    parts.append(
        Text(
            f"{facts['largest']}: margin {largest['initial']:,.2f}. Edge of its tail: "
            f"{largest['edge']}; next: {largest['runner_up']}, {largest['gap']:,.2f} away."
        )
    )
    if np.isfinite(largest["smooth"]):
        parts.append(
            Text(
                f"Smoothed over {facts['bandwidth']:g} deviations of its P&L, as second "
                f"derivatives are: {largest['smooth']:,.2f}; the margin charged less that: "
                f"{largest['smooth_gap']:+,.2f}."
            )
        )
    parameters = tables["parameters"].set_index("parameter")["slope"]
    for name, step, words in (
        ("level", 0.001, "A level higher by 0.1 points"),
        ("horizon_days", 1.0, "One day more of horizon, by root of time,"),
    ):
        if np.isfinite(parameters[name]):
            parts.append(Text(f"{words}: {step * parameters[name]:+,.2f} to first order."))
    seconds = ", ".join(f"{name} {value:.2f}" for name, value in facts["seconds"].items())
    parts.append(Text(f"Seconds, compiling included: {seconds}."))
    return Group(*parts)


def _drivers(positions: pd.DataFrame, facts: dict[str, Any]) -> Table:
    by = positions.groupby("instrument", sort=False)[["contribution", "standalone"]].sum()
    table = Table(title=Text(f"Margin of {facts['of']} by contract, {facts['currency']}"))
    table.add_column("contract", no_wrap=True, max_width=_NAME, overflow="ellipsis")
    for heading in ("contribution", "share", "alone"):
        table.add_column(heading, justify="right", no_wrap=True)
    order = by["contribution"].abs().sort_values(ascending=False, kind="stable").index
    whole = facts["initial"]

    def row(name: str, contribution: float, alone: float) -> None:
        share = f"{contribution / whole:+.1%}" if whole > 0.0 else ""
        table.add_row(Text(name), f"{contribution:+,.2f}", share, f"{alone:,.2f}")

    for name in order[: 2 * _ROWS]:
        row(str(name), *by.loc[name].to_numpy(np.float64))
    rest = by.loc[order[2 * _ROWS :]]
    if len(rest):
        row(f"{len(rest):,} more", *rest.sum().to_numpy(np.float64))
    table.add_section()
    residual = whole - by["contribution"].sum()
    if abs(residual) > 1e-6 * max(whole, 1.0):
        row("residual", residual, 0.0)
    row("margin", whole, by["standalone"].sum())
    return table


def _moves(buckets: pd.DataFrame, facts: dict[str, Any]) -> Table:
    table = Table(title=Text(f"Change of margin per move of the market, {facts['currency']}"))
    for heading in ("risk", "asset", "expiry", "bucket", "per"):
        table.add_column(heading, no_wrap=True, max_width=14, overflow="ellipsis")
    table.add_column("change", justify="right", no_wrap=True)
    size = buckets["amount"].abs()
    size = size[size >= 0.005]  # what shows in cents
    for risk in buckets["risk"].unique():
        table.add_section()
        for place in (
            size[buckets["risk"][size.index] == risk].nlargest(_ROWS if risk != "time" else 1).index
        ):
            move = buckets.loc[place]
            expiry = "" if pd.isna(move["expiry"]) else f"{move['expiry']:%Y-%m-%d}"
            table.add_row(
                move["risk"],
                Text(move["asset"]),
                expiry,
                move["bucket"],
                move["unit"],
                f"{move['amount']:+,.2f}",
            )
    return table


def plot_attribution(
    positions: pd.DataFrame,
    *,
    title: str,
    currency: str,
    width: float = 9.0,
    others: bool = True,
) -> "Figure":
    """Contribution of each position to its margin, next to what it would cost alone.

    Args:
        positions: `SensitivityResult.positions` of one account, or of several, which are summed
            by contract.
        title: heading.
        currency: of the margins.
        width: inches.
        others: whether contracts without a bar of their own have one together.

    Raises:
        InvalidInputError: matplotlib is not installed.
    """
    by = positions.groupby("instrument", sort=False)[["contribution", "standalone"]].sum()
    order = by["contribution"].abs().sort_values(ascending=False, kind="stable").index
    shown = by.loc[order[:_BARS]]
    rest = by.loc[order[_BARS:]]
    if len(rest) and others:
        shown = pd.concat([shown, rest.sum().to_frame(f"{len(rest):,} more").T])
    figure = new_figure(width, 1.6 + (0.36 if width > 8.0 else 0.27) * len(shown), title)
    axes: Axes = figure.add_subplot()
    place = np.arange(len(shown))[::-1]
    scale, unit = amount_scale(float(shown.abs().to_numpy(np.float64).max(initial=0.0)))
    contribution = shown["contribution"].to_numpy(np.float64) / scale
    axes.barh(place, shown["standalone"] / scale, height=0.8, color="0.88", label="alone")
    for sign, color, label in ((1.0, "C3", "adds margin"), (-1.0, "C0", "frees margin")):
        some = contribution * sign > 0.0
        if not some.any():
            continue
        axes.barh(place[some], contribution[some], height=0.45, color=color, label=label)
    axes.axvline(0.0, color="0.3", linewidth=0.8)
    axes.set_yticks(place, [plain_text(name) for name in shown.index])
    axes.set_xlabel(
        f"{unit}{currency}; contributions add up to "
        f"{positions['contribution'].sum() / scale:,.{1 if unit else 0}f}"
    )
    axes.grid(axis="x", alpha=0.3)
    axes.legend(loc="best", fontsize=8)
    return figure


def plot_ladder(
    ladder: pd.DataFrame, buckets: pd.DataFrame, *, title: str, currency: str, width: float = 5.2
) -> "Figure":
    """Margin against the price of each asset, volatilities moved too, and today's tangent.

    Args:
        ladder: `SensitivityResult.ladder`.
        buckets: `SensitivityResult.buckets`, whose prices are the slopes.
        title: heading.
        currency: of the margins.
        width: inches of each panel.

    Raises:
        InvalidInputError: matplotlib is not installed.
    """
    assets = list(ladder["asset"].unique())
    columns = 2 if len(assets) > 1 else 1
    rows = -(-len(assets) // columns)
    figure = new_figure(width * columns, 0.5 + 3.6 * max(rows, 1), title)
    slopes = buckets[buckets["risk"] == "price"].set_index("asset")["amount"]
    volatilities = np.sort(ladder["volatility"].unique())
    colors = dict(zip(volatilities, ("C0", "0.2", "C3"), strict=False))
    for number, asset in enumerate(assets):
        axes: Axes = figure.add_subplot(rows, columns, number + 1)
        mine = ladder[ladder["asset"] == asset]
        for volatility in volatilities:
            line = mine[mine["volatility"] == volatility]
            label = f"volatilities {volatility:+.0%}" if volatility else "volatilities as today"
            axes.plot(
                100.0 * line["price"],
                line["initial"],
                "o-",
                markersize=3,
                color=colors.get(volatility),
                label=label,
            )
        today = mine[(mine["price"] == 0.0) & (mine["volatility"] == 0.0)]["initial"].sum()
        reach = np.array([-8.0, 8.0])
        axes.plot(reach, today + slopes[asset] * reach, "--", color="C2", label="derivative")
        axes.set_xlabel(f"move of the price of {asset}, %")
        axes.yaxis.set_major_formatter("{x:,.0f}")
        axes.grid(alpha=0.3)
        if number % columns == 0:
            axes.set_ylabel(f"initial margin, {currency}")
        if number == 0:
            axes.legend(fontsize=8)
    return figure
