"""Stress tests of a whole book: a table for the terminal, and pictures."""

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from rich.console import Group
from rich.table import Table
from rich.text import Text

from jaxmargin.report._figure import name_rows, new_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["costliest_stress", "plot_liquidation", "plot_stress_losses", "stress_summary"]

_SCALES = ((1e9, "bn "), (1e6, "m "), (1e3, "thousand "))  # of the largest amount
_STACKED = 8.0  # inches: panels of narrower figures stand one below the other
_COLORS = {"off": "C3", "on": "C0"}


def stress_summary(fund: pd.DataFrame, facts: dict[str, Any]) -> Group:
    """By stress: P&L, loss beyond resources, cover two, and what liquidation costs others."""
    scale, unit = _scale(fund[["pnl", "shortfall"]].abs().to_numpy().max())
    costs = [name for name in ("cost_off", "cost_on") if name in fund.columns]
    title = Text(facts["title"]) if facts["title"] else None
    table = Table(title=title, box=None, padding=(0, 1, 0, 0))
    table.add_column("stress", overflow="fold", max_width=26)
    headings = ["P&L", "short", "beyond", "cover 1", "cover 2"]
    for heading in headings + [name.replace("_", " ") for name in costs]:
        table.add_column(heading, justify="right", no_wrap=True)
    columns = ["pnl", "shortfall", "largest", "cover_two", *costs]
    amounts = fund[columns].to_numpy(np.float64) / scale
    for row, (name, short) in enumerate(zip(fund["stress"], fund["accounts_short"], strict=True)):
        pnl, *others = (f"{amount:,.2f}" for amount in amounts[row])
        table.add_row(Text(str(name)), pnl, f"{short:,}", *others)
    sizes, said = facts["fund"], []
    for rule, name in (
        ("cover_one", "cover 1"),
        ("cover_two", "cover 2"),
        ("largest_or_next_two", "largest, or 2nd and 3rd"),
    ):
        amount = sizes[rule]["amount"]
        said.append(
            f"{name}: {amount:,.2f}, by {sizes[rule]['stress']}" if amount else f"{name}: none"
        )
    lines = [
        f"In {unit}{facts['currency']}. short: accounts with losses beyond {facts['resources']}.",
        *said,
    ]
    if costs:
        lines.append("cost: what liquidation takes from the fund and others, breaker off or on.")
    lines += [f"approximation: {text}" for text in facts["approximations"]]
    lines += [f"missing: {text}" for text in facts["warnings"]]
    seconds = facts["seconds"]
    lines.append(f"Cold {seconds['cold']:.2f} s, warm {seconds['warm']:.2f} s.")
    return Group(table, *(Text(line) for line in lines))


def plot_stress_losses(
    fund: pd.DataFrame, *, title: str, currency: str, width: float = 9.0
) -> "Figure":
    """Losses beyond resources by stress: of the three largest members, and of the others.

    Args:
        fund: as `StressResult` has it.
        title: heading.
        currency: of amounts.
        width: inches.

    Raises:
        InvalidInputError: matplotlib is not installed.
    """
    figure = new_figure(width, 1.6 + 0.35 * len(fund), title.replace("$", r"\$"))
    axes = figure.subplots()
    scale, unit = _scale(fund["shortfall"].max())
    rows, start = np.arange(len(fund))[::-1], np.zeros(len(fund))
    parts = {
        "largest member": fund["largest"],
        "second": fund["second"],
        "third": fund["third"],
        "all others": fund["shortfall"] - fund[["largest", "second", "third"]].sum(axis=1),
    }
    for (name, amount), color in zip(parts.items(), ("C3", "C1", "C8", "0.7"), strict=True):
        size = np.maximum(amount.to_numpy() / scale, 0.0)
        axes.barh(rows, size, left=start, height=0.6, color=color, label=name)
        start = start + size
    name_rows(axes, rows, fund["stress"], f"loss beyond resources, {unit}{currency}")
    axes.set_xlim(left=0.0)
    figure.legend(
        loc="outside lower center", ncols=4 if width >= _STACKED else 2, fontsize=8, frameon=False
    )
    return figure


def plot_liquidation(
    liquidation: pd.DataFrame, *, stress: str, title: str, currency: str, width: float = 11.0
) -> "Figure":
    """Prices, the fund and what nobody has paid yet, by step of one stress, breaker off and on.

    Args:
        liquidation: as `StressResult` has it.
        stress: which.
        title: heading.
        currency: of amounts.
        width: inches; panels stand one below the other in a figure narrower than 8.

    Raises:
        InvalidInputError: matplotlib is not installed.
    """
    own = liquidation[liquidation["stress"] == stress]
    heading, stacked = title.replace("$", r"\$"), width < _STACKED
    figure = new_figure(width, 10.5 if stacked else 4.2, heading)
    left, middle, right = figure.subplots(*((3, 1) if stacked else (1, 3)))
    scale, unit = _scale(own[["fund", "shortfall", "liquidated"]].abs().to_numpy().max())
    prices = [name for name in own.columns if name.startswith("price ")]
    for breaker, part in own.groupby("breaker", sort=False):
        color = _COLORS[str(breaker)]
        width = 3.0 if breaker == "off" else 1.2  # so that both show where they agree
        for number, name in enumerate(prices):
            price = part[name].to_numpy()
            style = ("-", "--", ":", "-.")[number % 4]
            left.plot(
                part["step"], 100.0 * (price / price[0] - 1.0), style, color=color, linewidth=width,
                label=f"{name.removeprefix('price ')}, breaker {breaker}",
            )  # fmt: skip
        for name, amount, style in (("fund", "fund", "-"), ("unpaid", "shortfall", ":")):
            middle.plot(
                part["step"], part[amount] / scale, style, color=color, linewidth=width,
                label=f"{name}, breaker {breaker}",
            )  # fmt: skip
        right.step(
            part["step"], part["liquidated"] / scale, where="mid", color=color, linewidth=width,
            label=f"breaker {breaker}",
        )  # fmt: skip
    left.set_ylabel("price after orders, % from the first step's")
    middle.set_ylabel(f"{unit}{currency}")
    right.set_ylabel(f"liquidated in the step, {unit}{currency}")
    for axes in (left, middle, right):
        axes.set_xlabel("step")
        axes.grid(alpha=0.3)
        axes.legend(fontsize=7, frameon=False)
    return figure


def costliest_stress(fund: pd.DataFrame) -> str:
    """The stress whose liquidation costs others most, breaker off or on; the first of equal ones.

    Args:
        fund: as `StressResult` has it, with costs of liquidation.
    """
    costs = fund[[name for name in fund.columns if name.startswith("cost_")]].max(axis=1)
    return str(fund["stress"].iloc[int(costs.argmax())])


def _scale(largest: float) -> tuple[float, str]:
    for scale, unit in _SCALES:
        if largest >= scale:
            return scale, unit
    return 1.0, ""
