"""The tables of what orders do to margins."""

from typing import Any

import pandas as pd
from rich.console import Group
from rich.table import Table
from rich.text import Text

__all__ = ["what_if_summary"]

_ROWS = 5
_NAME = 17  # columns of a name, so that four columns fit a terminal of 80


def what_if_summary(
    margins: pd.DataFrame, open_orders: pd.DataFrame | None, facts: dict[str, Any]
) -> Group:
    """Orders that cost most margin and free most, accounts by worst fill, and how it went."""
    parts: list[Table | Text] = [_orders(margins, facts["currency"])]
    if open_orders is not None:
        parts.append(_accounts(open_orders, facts["currency"]))
    counts, seconds, rate = facts["counts"], facts["seconds"], facts["orders_per_second"]
    parts.append(
        Text(
            f"{counts['orders']:,} orders, {counts['legs']:,} legs, {counts['accounts']:,} "
            f"accounts; read {seconds['read']:.2f} s, margins before orders "
            f"{seconds['margins_before']:.2f} s, "
            f"orders cold {seconds['orders_cold']:.2f} s, warm {seconds['orders_warm']:.2f} s"
            + ("" if rate is None else f" ({rate:,} orders a second)")
        )
    )
    parts += [Text(f"warning: {warning}", style="yellow") for warning in facts["warnings"]]
    return Group(*parts)


def _orders(margins: pd.DataFrame, currency: str) -> Table:
    table = _table(f"Margin if one order fills, {currency}", ("order", "account"))
    for heading in ("initial after", "change"):
        table.add_column(heading, justify="right", no_wrap=True)
    change = margins["change"]
    sections = (
        change[change > 0.0].nlargest(_ROWS, keep="first"),
        change[change < 0.0].nsmallest(_ROWS, keep="first"),
    )
    for heading, some in zip(("cost most", "free most"), sections, strict=True):
        table.add_section()
        table.add_row(Text(heading if len(some) else f"{heading}: none", style="italic"))
        for row in some.index:
            table.add_row(
                Text(margins["order"][row]),
                Text(margins["account"][row]),
                f"{margins['initial'][row]:,.2f}",
                f"{change[row]:+,.2f}",
            )
    return table


def _accounts(open_orders: pd.DataFrame, currency: str) -> Table:
    table = _table(f"Margin of open orders by worst fill, {currency}", ("account",))
    for heading in ("orders", "initial before", "worst fill"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("kind", no_wrap=True)
    added = open_orders["initial"] - open_orders["initial_before"]
    shown = added.nlargest(2 * _ROWS, keep="first").index
    for row in shown:
        table.add_row(
            Text(open_orders["account"][row]),
            f"{open_orders['orders'][row]:,}",
            f"{open_orders['initial_before'][row]:,.2f}",
            f"{open_orders['initial'][row]:,.2f}",
            "exact" if open_orders["exact"][row] else "bound",
        )
    if len(open_orders) > len(shown):
        table.add_row(f"{len(open_orders) - len(shown):,} more")
    table.add_section()
    table.add_row(
        f"all {len(open_orders):,}",
        f"{open_orders['orders'].sum():,}",
        f"{open_orders['initial_before'].sum():,.2f}",
        f"{open_orders['initial'].sum():,.2f}",
    )
    return table


def _table(title: str, names: tuple[str, ...]) -> Table:
    table = Table(title=Text(title))
    for name in names:
        table.add_column(name, no_wrap=True, max_width=_NAME, overflow="ellipsis")
    return table
