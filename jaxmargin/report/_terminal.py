"""The short table a margin run prints."""

import math
from typing import Any

import pandas as pd
from rich.console import Console, Group
from rich.table import Table
from rich.text import Text

__all__ = ["margin_summary", "print_plain"]

_ROWS = 10


def margin_summary(requirements: pd.DataFrame, manifest: dict[str, Any]) -> Group:
    """The largest margins with their error bars, the totals, and how the run went."""
    largest = requirements.nlargest(_ROWS, "initial", keep="first")
    currency = manifest["settings"]["numeraire"]
    table = Table(title=Text(manifest["title"]) if manifest["title"] else None)
    table.add_column("account", no_wrap=True)
    for heading in (f"initial {currency}", "± s.e.", "maintenance"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("worst scenario", no_wrap=True)
    columns = ("account", "initial", "standard_error", "maintenance", "worst_scenario")
    for account, initial, error, maintenance, worst in largest[list(columns)].to_numpy():
        table.add_row(
            Text(account),
            f"{initial:,.2f}",
            "" if math.isnan(error) else f"{error:,.2f}",
            f"{maintenance:,.2f}",
            Text(worst),
        )
    others = len(requirements) - len(largest)
    if others:
        table.add_row(f"{others:,} more", "", "", "", "")
    table.add_section()
    table.add_row(
        f"all {len(requirements):,}",
        f"{requirements['initial'].sum():,.2f}",
        "",
        f"{requirements['maintenance'].sum():,.2f}",
        "",
    )
    counts, seconds, device = manifest["counts"], manifest["seconds"], manifest["device"]
    run = Text(
        f"{counts['accounts']:,} accounts, {counts['positions']:,} positions, "
        f"{counts['instruments']:,} contracts, {counts['scenarios']:,} scenarios; "
        f"{device['count']} x {device['kind']}, {manifest['settings']['precision']}; "
        f"cold {seconds['cold']:.2f} s, warm {seconds['warm']:.2f} s, read {seconds['read']:.2f} s"
    )
    warnings = [Text(f"warning: {warning}", style="yellow") for warning in manifest["warnings"]]
    return Group(table, run, *warnings)


def print_plain(lines: list[str], *, error: bool = False) -> None:
    """Print lines as they are: no markup, no wrapping, so that they can be searched and copied."""
    console = Console(stderr=error, markup=False, highlight=False, soft_wrap=True)
    for line in lines:
        console.print(line)
