"""The short tables that SIMM of a CRIF file prints."""

import pandas as pd
from rich.console import Group
from rich.table import Table
from rich.text import Text

__all__ = ["simm_summary"]

_ROWS = 10
_ADD_ONS = ("multipliers", "notional", "fixed")


def simm_summary(margins: pd.DataFrame, components: pd.DataFrame) -> Group:
    """The largest margins, and what all portfolios together are made of.

    Args:
        margins: as `SimmResult` has them.
        components: likewise.
    """
    largest = margins.nlargest(_ROWS, "total", keep="first")
    totals = Table("portfolio")
    totals.add_column("margin USD", justify="right", no_wrap=True)
    for name, total in largest[["portfolio", "total"]].to_numpy():
        totals.add_row(Text(str(name) or "(no name)", overflow="ellipsis"), f"{total:,.2f}")
    if len(margins) > len(largest):
        totals.add_row(f"{len(margins) - len(largest):,} more", "")
    totals.add_section()
    totals.add_row(f"all {len(margins):,}", f"{margins['total'].sum():,.2f}")
    parts = Table("product class", "risk class", "measure")
    parts.add_column("amount USD", justify="right", no_wrap=True)
    keys = ["product_class", "risk_class", "measure"]
    for *names, amount in (
        components.groupby(keys, sort=False)["amount"].sum().reset_index().to_numpy()
    ):
        parts.add_row(*(str(name).replace("_", " ") for name in names), f"{amount:,.2f}")
    for name in _ADD_ONS:
        if margins[name].any():
            parts.add_row("add-on", name, "", f"{margins[name].sum():,.2f}")
    note = "Amounts of one risk class add up; risk classes of a product class diversify."
    return Group(totals, parts, Text(note))
