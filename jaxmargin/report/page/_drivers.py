"""Sections of what margins depend on, and of what collateral costs."""

from typing import Any

import numpy as np
import pandas as pd

from jaxmargin.report._allocation_picture import plot_allocation
from jaxmargin.report._figure import NARROW
from jaxmargin.report._inline_svg import inline_svg
from jaxmargin.report._sensitivities import plot_attribution, plot_ladder
from jaxmargin.report._words import exact, full, name_whole, rounded
from jaxmargin.report.page._parts import (
    Cell,
    Heading,
    Picture,
    ResultFolder,
    Section,
    Table,
    Tile,
    figure_cell,
    left_out,
    money,
    name,
    plain,
    rows_of,
    share,
    signed_money,
)

__all__ = ["allocation_section", "sensitivity_section"]

_ROWS = 15
_MOVES = 5  # of each kind of risk
_LADDERS = 2
_NO_SENSITIVITIES = (
    "Sensitivities: not given. Write them with jaxmargin sensitivities JOB.toml --out DIR, and "
    "name DIR."
)
_NO_ALLOCATION = (
    "Allocation of collateral: not given. Write it with jaxmargin allocate JOB.toml --out DIR, "
    "and name DIR."
)


def sensitivity_section(found: ResultFolder | None) -> Section:
    """Contracts and market moves that matter most, and how far derivatives hold."""
    title = "What margins depend on"
    if found is None:
        return Section("sensitivities", title, missing=_NO_SENSITIVITIES)
    facts, currency = found.facts, found.currency
    positions, buckets = found.tables["positions"], found.tables["buckets"]
    ladder, whose = found.tables["ladder"], name_whole(facts["of"], 80)
    pictures = [
        Picture(
            inline_svg(
                lambda: plot_attribution(
                    positions, title="", currency=currency, width=NARROW, others=False
                ),
                name="attribution", title="Contributions to margin",
                description="Bars of what each contract adds to margin or frees, beside what it "
                "would need alone; the table has the figures.",
            ),
            f"What contracts add to the margin of {whose}, beside what each would need alone.",
        )
    ]  # fmt: skip
    for number, asset in enumerate(list(ladder["asset"].unique())[:_LADDERS]):
        own = ladder[ladder["asset"] == asset]
        pictures.append(
            Picture(
                inline_svg(
                    lambda own=own: plot_ladder(
                        own, buckets, title="", currency=currency, width=NARROW
                    ),
                    name=f"ladder-{number}", title="Margin in moved markets",
                    description="Lines of margin by move of a price, for three levels of "
                    "volatilities, and the tangent of today.",
                ),
                f"Margin when the price of {name_whole(asset, 40)} moves. The derivative holds "
                "where it stays near the line.",
            )
        )  # fmt: skip
    return Section(
        "sensitivities", title, _edge(found), pictures=pictures,
        tables=[_contracts(found, positions), _moves(buckets, currency, found.path)],
    )  # fmt: skip


def _edge(found: ResultFolder) -> list[str]:
    """How far the derivatives of the largest account hold."""
    accounts, facts = found.tables["accounts"], found.facts
    lead = [
        "What contracts add holds exactly while positions change, until another scenario enters or "
        "leaves the tail. Moves of the market are first derivatives, for small moves: prices of "
        "contracts are curved, and scenarios may come and go too. All of these are estimated from "
        "the scenarios of the margin and share its sampling error, which is not stated for them."
    ]
    own = accounts[accounts["account"] == facts["largest"]]
    if len(own) and np.isfinite(own["gap"].iloc[0]):
        row = own.iloc[0]
        lead.append(
            f"Of {name_whole(row['account'], 60)}, whose margin is the largest, the next scenario "
            f"is {exact(float(row['gap']), found.currency)} of loss away."
        )
    return lead


def _contracts(found: ResultFolder, positions: pd.DataFrame) -> Table:
    by = positions.groupby("instrument", sort=False)[["contribution", "standalone"]].sum()
    order = by["contribution"].abs().sort_values(ascending=False, kind="stable").index
    shown = by.loc[order[:_ROWS]].reset_index()
    whole = float(found.facts["initial"])
    shown["share"] = shown["contribution"] / whole if whole > 0.0 else np.nan
    headings = [
        Heading("contract", False), Heading(f"adds {found.currency}"), Heading("of all"),
        Heading(f"alone {found.currency}"),
    ]  # fmt: skip
    rows = rows_of(
        shown, ("instrument", name), ("contribution", signed_money), ("share", share),
        ("standalone", money),
    )  # fmt: skip
    note = left_out(len(shown), len(by), "contracts", f"{found.path}/positions.parquet")
    return Table("Contracts by what they add", headings, rows, note)


def _moves(buckets: pd.DataFrame, currency: str, path: str) -> Table:
    parts = [
        own.loc[own["amount"].abs().nlargest(_MOVES, keep="first").index]
        for _, own in buckets.groupby("risk", sort=False)
    ]
    shown = pd.concat(parts) if parts else buckets
    where = [
        " ".join(
            part
            for part in (
                name_whole(row.asset, 40),
                "" if pd.isna(row.expiry) else f"{row.expiry:%Y-%m-%d}",
                name_whole(row.bucket, 40),
            )
            if part
        )
        for row in list[Any](shown.itertuples())
    ]
    shown = shown.assign(where=where)
    headings = [
        Heading("risk", False), Heading("of", False), Heading("moves by", False),
        Heading(f"margin {currency}"),
    ]  # fmt: skip
    rows = rows_of(shown, ("risk", name), ("where", name), ("unit", name), ("amount", signed_money))
    note = left_out(len(shown), len(buckets), "moves", f"{path}/buckets.parquet")
    return Table("Moves of the market", headings, rows, note)


def allocation_section(found: ResultFolder | None) -> Section:
    """Collateral before and after, what it saves, and who stays short."""
    title = "Allocation of collateral"
    if found is None:
        return Section("allocation", title, missing=_NO_ALLOCATION)
    facts, currency = found.facts, found.currency
    coverage, assets = found.tables["coverage"], found.tables["assets"]
    cost, lack = facts["cost"], facts["shortfall"]
    short = coverage[coverage["shortfall"] > 0.0]
    saved, before = cost["posted_before"] - cost["posted"], lack["before"]
    tiles = [
        Tile("Cost of a year, before", figure_cell(cost["posted_before"], currency),
             f"leaves {rounded(before)} {currency} uncovered" if before > 0.0 else ""),
        Tile("Cheapest first", figure_cell(cost["greedy"], currency)),
        Tile("Allocation", figure_cell(cost["posted"], currency),
             f"no plan costs less than {exact(cost['lower_bound'])}" if short.empty else ""),
        Tile("Saved a year", Cell(rounded(cost["savings"]) + f" {currency}",
                                  full(cost["savings"], currency),
                                  "good" if cost["savings"] > 0.0 else ""),
             "against the cheapest first"),
        Tile("Accounts short", Cell(f"{len(short):,}", tone="bad" if len(short) else "good")),
    ]  # fmt: skip
    lead = [
        f"Against what was posted before, a year costs {exact(abs(saved))} {currency} "
        f"{'less' if saved >= 0.0 else 'more'}."
    ]
    pictures = [] if coverage.empty else [_posted(found)]
    return Section(
        "allocation", title, lead, tiles, pictures,
        [_plans(found), *_short(short, found), _assets(assets, found)],
    )  # fmt: skip


def _posted(found: ResultFolder) -> Picture:
    tables = found.tables
    return Picture(
        inline_svg(
            lambda: plot_allocation(
                tables["allocation"], tables["coverage"], tables["assets"], title="",
                currency=found.currency, width=NARROW,
            ),
            name="allocation", title="Collateral posted",
            description="Stacked bars of collateral by account with marks at requirements, and "
            "bars of how much of each asset is used; tables have the figures.",
        ),
        "What counts of each asset, account by account, and how much of each asset is used.",
    )  # fmt: skip


def _plans(found: ResultFolder) -> Table:
    cost, lack = found.facts["cost"], found.facts["shortfall"]
    headings = [
        Heading("", False), Heading("before"), Heading("cheapest first"), Heading("allocation")
    ]  # fmt: skip
    rows = [
        (plain(f"cost of a year {found.currency}"),
         *(money(cost[plan]) for plan in ("posted_before", "greedy", "posted"))),
        (plain(f"not covered {found.currency}"),
         *(money(lack[plan]) for plan in ("before", "greedy", "after"))),
    ]  # fmt: skip
    gap = found.facts["certificate"]["gap"]
    return Table("Before and after", headings, rows, f"Relative gap of the proof: {gap:.1e}.")


def _short(short: pd.DataFrame, found: ResultFolder) -> list[Table]:
    if short.empty:
        return []
    shown = short.nlargest(_ROWS, "shortfall", keep="first")
    headings = [
        Heading("account", False), Heading(f"short by {found.currency}"),
        Heading(f"requirement {found.currency}"), Heading("why", False),
    ]  # fmt: skip
    rows = rows_of(
        shown, ("account", name), ("shortfall", money), ("requirement", money),
        ("reasons", lambda said: plain(" ".join(map(str, said)))),
    )  # fmt: skip
    note = left_out(len(shown), len(short), "accounts are short", f"{found.path}/coverage.parquet")
    return [Table("Accounts that stay short", headings, rows, note)]


def _assets(assets: pd.DataFrame, found: ResultFolder) -> Table:
    shown = assets.nlargest(_ROWS, "market_value", keep="first")
    headings = [
        Heading("asset", False), Heading("available, units"), Heading("posted, units"),
        Heading(f"posted {found.currency}"),
        Heading(f"one unit more saves {found.currency} a year"),
    ]  # fmt: skip
    rows = rows_of(
        shown, ("asset", name), ("available", money), ("posted", money), ("market_value", money),
        ("value_of_one_more", money),
    )  # fmt: skip
    return Table(
        "Assets",
        headings,
        rows,
        left_out(len(shown), len(assets), "assets", f"{found.path}/assets.parquet"),
        beside=True,
    )
