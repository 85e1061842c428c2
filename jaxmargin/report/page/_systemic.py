"""Sections of stresses of a whole book, and of rulebooks side by side."""

import math

import pandas as pd

from jaxmargin.report._compare import plot_comparison
from jaxmargin.report._figure import NARROW
from jaxmargin.report._inline_svg import inline_svg
from jaxmargin.report._stress import costliest_stress, plot_liquidation, plot_stress_losses
from jaxmargin.report._words import name_whole
from jaxmargin.report.page._parts import (
    Cell,
    Heading,
    Picture,
    ResultFolder,
    Section,
    Table,
    Tile,
    count,
    figure_cell,
    money,
    name,
    rows_of,
)

__all__ = ["comparison_section", "stress_section"]

_NO_STRESS = "Stress: not given. Write it with jaxmargin stress JOB.toml --out DIR, and name DIR."
_NO_COMPARISON = (
    "Other rulebooks: not given. Write them with jaxmargin compare JOB.toml --rulebooks A,B --out "
    "DIR, and name DIR."
)
_RULES = {
    "cover_one": "Cover one: the largest member",
    "cover_two": "Cover two: the two largest",
    "largest_or_next_two": "Largest, or second and third",
}


def stress_section(found: ResultFolder | None) -> Section:
    """Losses beyond resources by stress, and what a fund would need."""
    title = "Stress"
    if found is None:
        return Section("stress", title, missing=_NO_STRESS)
    fund, facts, currency = found.tables["fund"], found.facts, found.currency
    tiles = [
        Tile(
            words,
            figure_cell(facts["fund"][rule]["amount"], currency),
            f"in {name_whole(facts['fund'][rule]['stress'], 60)}",
        )
        for rule, words in _RULES.items()
    ]
    lead = [
        f"Losses beyond {name_whole(facts['resources']).replace('-', ' ')} in "
        f"{len(fund):,} stresses. Stresses are given moves, not drawn, so that they have no "
        "standard error.",
        *(f"Approximation: {name_whole(text)}" for text in facts["approximations"]),
    ]
    pictures = [] if fund.empty else [_losses(fund, currency)]
    liquidation = found.tables.get("liquidation")
    if liquidation is not None and len(liquidation):
        pictures.append(_liquidation(liquidation, costliest_stress(fund), currency))
    costs = [column for column in ("cost_off", "cost_on") if column in fund.columns]
    headings = [
        Heading("stress", False), Heading(f"P&L {currency}"), Heading("accounts short"),
        Heading(f"beyond resources {currency}"), Heading("largest member", False),
        Heading(f"theirs {currency}"), Heading(f"cover two {currency}"),
        *(Heading(f"liquidation, breaker {column[5:]}") for column in costs),
    ]  # fmt: skip
    rows = rows_of(
        fund, ("stress", name), ("pnl", money), ("accounts_short", count), ("shortfall", money),
        ("largest_member", name), ("largest", money), ("cover_two", money),
        *((column, money) for column in costs),
    )  # fmt: skip
    note = f"By account in {found.path}/stress.parquet."
    return Section("stress", title, lead, tiles, pictures,
                   [Table("Stresses", headings, rows, note)])  # fmt: skip


def _losses(fund: pd.DataFrame, currency: str) -> Picture:
    return Picture(
        inline_svg(
            lambda: plot_stress_losses(fund, title="", currency=currency, width=NARROW),
            name="losses", title="Losses beyond resources",
            description="Stacked bars of losses beyond resources by stress: of the three largest "
            "members and all others; the table has the figures.",
        ),
        "Losses beyond resources by stress: of the three largest members, and of the others.",
    )  # fmt: skip


def _liquidation(liquidation: pd.DataFrame, worst: str, currency: str) -> Picture:
    return Picture(
        inline_svg(
            lambda: plot_liquidation(
                liquidation, stress=worst, title="", currency=currency, width=NARROW
            ),
            name="liquidation", title="Liquidation step by step",
            description="Lines of prices, of the fund and of unpaid losses by step, and of what "
            "is liquidated, with and without a breaker.",
        ),
        f"Liquidation in {name_whole(worst, 80)}, the stress that costs others most.",
    )  # fmt: skip


def comparison_section(found: ResultFolder | None) -> Section:
    """The same book by several rulebooks."""
    title = "Rulebooks side by side"
    if found is None:
        return Section("compare", title, missing=_NO_COMPARISON)
    summary, currency = found.tables["summary"], found.currency
    picture = Picture(
        inline_svg(
            lambda: plot_comparison(
                found.tables["margins"], found.tables["components"], title="",
                currency=currency, width=NARROW,
            ),
            name="compare", title="Rulebooks side by side",
            description="Stacked bars of the parts of each rulebook's total, and boxes of how "
            "margins of accounts compare with the first rulebook's.",
        ),
        "Parts of each rulebook's total; and margins of accounts, times the first rulebook's.",
    )  # fmt: skip
    headings = [
        Heading("rulebook", False), Heading(f"initial {currency}"),
        Heading(f"maintenance {currency}"), Heading("of the first"), Heading("asks most of"),
        Heading("asks least of"),
    ]  # fmt: skip
    rows = rows_of(
        summary, ("rulebook", name), ("initial", money), ("maintenance", money),
        ("of_first", lambda ratio: Cell(f"{ratio:.2f}x" if math.isfinite(ratio) else "")),
        ("asks_most", count), ("asks_least", count),
    )  # fmt: skip
    note = f"By account in {found.path}/margins.parquet."
    pictures = [picture] if len(found.tables["margins"]) else []
    return Section("compare", title, pictures=pictures,
                   tables=[Table("Totals", headings, rows, note)])  # fmt: skip
