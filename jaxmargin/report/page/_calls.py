"""The section of margin calls, which a watched job has."""

import math

import numpy as np

from jaxmargin.report._words import exact, name_whole
from jaxmargin.report.page._parts import (
    Cell,
    Heading,
    ResultFolder,
    Section,
    Table,
    Tile,
    count,
    figure_cell,
    left_out,
    money,
    name,
    rows_of,
)

__all__ = ["calls_section", "calls_tiles"]

_ROWS = 50
_STATUS = {"opened": ("opened", "bad"), "continued": ("continued", "warn")}


def calls_section(margin: ResultFolder) -> Section:
    """Every open margin call, the largest first, and how many were closed; needs `calls`."""
    table, currency, path = margin.tables["calls"], margin.currency, margin.path
    calls = table[table["status"] != "closed"].sort_values("call", ascending=False, kind="stable")
    closed, shown = len(table) - len(calls), calls.head(_ROWS)
    limit = (margin.facts.get("update") or {}).get("call_at")
    asks = "" if limit is None else f" above {100.0 * limit:g} % of collateral"
    lead = [
        f"A call is opened where the requirement is{asks or ' above collateral'}, asks for all "
        "that is missing, and stays open until nothing is.",
        f"Open calls: {len(calls):,}, for {exact(float(calls['call'].sum()), currency)} together. "
        f"Closed by this update: {closed:,}.",
    ]
    headings = [
        Heading("account", False), Heading(f"call {currency}"), Heading(f"requirement {currency}"),
        Heading(f"collateral {currency}"), Heading("ratio"), Heading("since update"),
        Heading("status", False),
    ]  # fmt: skip
    rows = rows_of(
        shown, ("account", name), ("call", money), ("requirement", money), ("collateral", money),
        ("ratio", _ratio), ("since", count), ("status", _status),
    )  # fmt: skip
    note = left_out(len(shown), len(calls), "calls", f"{path}/calls.parquet")
    tables = [Table("Open calls", headings, rows, note)] if len(calls) else []
    return Section("calls", "Margin calls", lead, tables=tables)


def calls_tiles(margin: ResultFolder) -> list[Tile]:
    """How many calls are open, and for how much; nothing without `calls`."""
    table = margin.tables.get("calls")
    if table is None:
        return []
    opened = table[table["status"] != "closed"]
    amount = figure_cell(float(np.sum(opened["call"])), margin.currency)
    tone = "bad" if len(opened) else "good"
    new = int((opened["status"] == "opened").sum())
    note = f"for {amount.text}, {new:,} of them new" if len(opened) else ""
    return [Tile("Margin calls", Cell(f"{len(opened):,}", tone=tone), note)]


def _ratio(value: float | int) -> Cell:
    """Requirement per collateral in percent."""
    return Cell(f"{value:.2%}" if math.isfinite(value) else "no collateral")


def _status(status: object) -> Cell:
    words, tone = _STATUS.get(str(status), (name_whole(status), ""))
    return Cell(words, tone=tone)
