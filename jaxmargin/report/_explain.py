"""The table that says why a margin changed."""

from typing import Any

import numpy as np
import pandas as pd
from rich.console import Group
from rich.table import Table
from rich.text import Text

__all__ = ["explain_summary"]

_ACCOUNTS = 5


def explain_summary(margins: pd.DataFrame, steps: pd.DataFrame, facts: dict[str, Any]) -> Group:
    """Steps in the order of the path, and the accounts whose margins changed most.

    Shares are of the sum of the steps' absolute amounts, so that those which cancel still show.
    """
    runs, whole = facts["runs"], float(steps["amount"].abs().sum())
    who = facts["account"] or f"{facts['accounts']:,} accounts"
    title = f"Initial margin of {who}, {facts['currency']}"
    table = Table(title=Text(title))
    table.add_column("step, in the order of the path", no_wrap=True)
    for heading in ("amount", "first order", "share"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_row("run A", f"{facts['before']:,.2f}", "", "")
    table.add_section()
    for step, amount, first_order in steps.to_numpy():
        if step == "residual":
            table.add_section()
        linear = "" if np.isnan(first_order) else f"{first_order:+,.2f}"
        share = abs(amount) / whole if whole > 0.0 else 0.0
        table.add_row(step, f"{amount:+,.2f}", linear, f"{share:.2%}")
    table.add_section()
    table.add_row("run B", f"{facts['after']:,.2f}", "", "")
    named = [
        Text(f"{letter}: {run['run']}, valued at {run['valuation_time'][:16]}Z")
        for letter, run in zip("AB", runs, strict=True)
    ]
    if len(margins) < 2:
        return Group(table, *named)
    change = margins["after"] - margins["before"]
    lines = [
        Text(
            f"{margins['account'][row]}: {margins['before'][row]:,.2f} to "
            f"{margins['after'][row]:,.2f} ({change[row]:+,.2f})"
        )
        for row in change.abs().nlargest(_ACCOUNTS, keep="first").index
    ]
    return Group(table, *named, Text("Accounts that changed most:"), *lines)
