"""Sections of margins: accounts, components, scenarios, coverage."""

from typing import Any

import numpy as np
import pandas as pd

from jaxmargin.report._coverage_pictures import plot_coverage
from jaxmargin.report._inline_svg import inline_svg
from jaxmargin.report._margin_pictures import (
    plot_components,
    plot_margin_spread,
    plot_margins,
    plot_worst_scenarios,
)
from jaxmargin.report._words import exact, name_whole
from jaxmargin.report.page._parts import (
    Cell,
    Heading,
    Picture,
    ResultFolder,
    Section,
    Table,
    Tile,
    count,
    error_cell,
    left_out,
    money,
    name,
    rows_of,
    share,
)

__all__ = ["component_section", "coverage_section", "margin_section", "scenario_section"]

_ROWS = 30
_BARS = 10
_GIVE = "Margins: not given. Write them with jaxmargin margin JOB.toml --out DIR, and name DIR."
_UNMOVED = "no move"
_EMPTY = "The book has no accounts, so there is nothing to show."
_WORST = {
    "expected-shortfall": "A margin is the mean of the losses in the tail, of several scenarios as "
    "a rule; the one with the largest loss is named.",
    "value-at-risk": "A margin is the loss that is exceeded only in the tail; the scenario named "
    "has the largest loss of all, which may be more than the margin.",
    "worst-case": "A margin is the loss in the scenario named, before add-ons and rounding.",
}
_OF_VENUE = (
    "It is the one in which the rule finds the largest loss; where a rule takes each coin or "
    "market by itself, that of the one with the largest."
)
_STATES = {
    "covered": ("covered", "good"),
    "below-initial": ("below initial margin", "warn"),
    "below-maintenance": ("below maintenance margin", "bad"),
    "no-equity": ("without equity", "bad"),
}


def margin_section(margin: ResultFolder | None) -> Section:
    """The largest margins with their standard errors, and how all of them spread."""
    title = "Margin by account"
    if margin is None or margin.tables["requirements"].empty:
        return Section("margins", title, missing=_GIVE if margin is None else _EMPTY)
    table, currency = margin.tables["requirements"], margin.currency
    total = float(table["initial"].sum())
    shown = table.nlargest(_ROWS, "initial", keep="first")
    shown = shown.assign(share=shown["initial"] / total if total > 0.0 else np.nan)
    top = float(shown["initial"].iloc[:_BARS].sum())
    lead = [
        f"The {min(_BARS, len(table))} largest of {len(table):,} accounts have "
        f"{top / total:.1%} of all initial margin."
        if total > 0.0
        else "No account has a margin."
    ]
    pictures = [
        Picture(
            inline_svg(
                lambda: plot_margins(table, title="", currency=currency),
                name="margins", title="Largest initial margins",
                description="Bars of the largest initial margins with two standard errors on "
                "either side; the table below has the figures.",
            ),
            "The largest initial margins; lines reach two standard errors to either side.",
        ),
        Picture(
            inline_svg(
                lambda: plot_margin_spread(table, title="", currency=currency),
                name="spread", title="Spread of initial margins",
                description="A histogram of initial margins of all accounts on a logarithmic "
                "axis; the quantiles are in the table below.",
            ),
            _zero(table),
        ),
    ]  # fmt: skip
    headings = [
        Heading("account", False), Heading(f"initial {currency}"), Heading("standard error"),
        Heading("of all"), Heading(f"maintenance {currency}"),
    ]  # fmt: skip
    columns: list[tuple[str, Any]] = [
        ("account", name), ("initial", money), ("standard_error", error_cell),
        ("share", share), ("maintenance", money),
    ]  # fmt: skip
    if has_scenarios(margin):
        headings.append(Heading("worst scenario", False))
        columns.append(("worst_scenario", name))
    rows = rows_of(shown, *columns)
    note = left_out(len(shown), len(table), "accounts", f"{margin.path}/requirements.parquet")
    tables = [Table("Largest accounts", headings, rows, note=note), _quantiles(table, currency)]
    return Section("margins", title, lead, pictures=pictures, tables=tables)


def component_section(margin: ResultFolder | None) -> Section:
    """What margins are made of, in total and of the largest."""
    title = "What margins are made of"
    if margin is None or margin.tables["requirements"].empty:
        return Section("components", title, missing=_GIVE if margin is None else _EMPTY)
    table, components = margin.tables["requirements"], margin.tables["components"]
    largest = table.nlargest(_BARS, "initial", keep="first")["account"].tolist()
    total = components.groupby("component", sort=False)["amount"].sum().rename("amount")
    by = total.reset_index()
    by["label"] = by["component"].str.replace("_", " ")
    whole = float(total.sum())
    by["share"] = by["amount"] / whole if whole > 0.0 else np.nan
    picture = Picture(
        inline_svg(
            lambda: plot_components(
                components, largest, title="", currency=margin.currency
            ),
            name="components", title="Components of initial margin",
            description="Stacked bars of the shares of components, of all accounts together and "
            "of the largest; totals are in the table below.",
        ),
        f"Shares of components, of all accounts together and of the {len(largest)} largest.",
    )  # fmt: skip
    headings = [Heading("component", False), Heading(margin.currency), Heading("of all")]
    rows = rows_of(by, ("label", name), ("amount", money), ("share", share))
    rows.append((Cell("all"), money(whole), Cell("")))
    where = f"By account in {margin.path}/components.parquet."
    return Section(
        "components", title, pictures=[picture],
        tables=[Table("All accounts together", headings, rows, note=where)],
    )  # fmt: skip


def scenario_section(margin: ResultFolder | None) -> Section:
    """Which scenarios are the worst of how many accounts, and of how much margin.

    Empty where the rule has no scenarios.
    """
    title = "Worst scenarios"
    if margin is None or margin.tables["requirements"].empty:
        return Section("scenarios", title, missing=_GIVE if margin is None else _EMPTY)
    if not has_scenarios(margin):
        kind = name_whole(margin.facts["settings"]["rulebook"].get("kind", "this rule"), 60)
        missing = f"Scenarios: {kind} has none; its margins are set by positions and prices alone."
        return Section("scenarios", title, missing=missing)
    table, currency = margin.tables["requirements"], margin.currency
    by = table.groupby("worst_scenario", observed=True)["initial"].agg(["sum", "size"])
    by = by.sort_values(["sum", "size"], ascending=False, kind="stable").reset_index()
    total = float(by["sum"].sum())
    by["share"] = by["sum"] / total if total > 0.0 else np.nan
    shown = by.head(_ROWS // 2)
    picture = Picture(
        inline_svg(
            lambda: plot_worst_scenarios(table, title="", currency=currency),
            name="scenarios", title="Worst scenarios",
            description="Bars of the initial margin of the accounts that each scenario is the "
            "worst of, with how many they are; the table has the figures.",
        ),
        "Margin of the accounts whose worst scenario it is.",
    )  # fmt: skip
    headings = [
        Heading("scenario", False), Heading("accounts"), Heading(f"their initial {currency}"),
        Heading("of all"),
    ]  # fmt: skip
    rows = rows_of(
        shown, ("worst_scenario", name), ("size", count), ("sum", money), ("share", share)
    )
    note = left_out(len(shown), len(by), "scenarios", f"{margin.path}/requirements.parquet")
    kind = margin.facts["settings"]["rulebook"].get("kind")
    lead = [f"{len(by):,} scenarios are the worst of some account. {_WORST.get(kind, _OF_VENUE)}"]
    return Section(
        "scenarios", title, lead, pictures=[picture],
        tables=[Table("Scenarios", headings, rows, note=note)],
    )  # fmt: skip


def coverage_section(margin: ResultFolder | None) -> Section:
    """Equity beside requirements: how many accounts are in which state, and who lacks most."""
    title = "Coverage by collateral"
    if margin is None:
        return Section("coverage", title, missing=_GIVE)
    states, currency = margin.tables.get("states"), margin.currency
    if states is None:
        missing = (
            "Collateral: not in the margins. Name its table as collateral in [book] of the job, "
            "and margin it again."
        )
        return Section("coverage", title, missing=missing)
    if states.empty:
        return Section("coverage", title, missing=_EMPTY)
    counts = states["status"].value_counts()
    tiles = [
        Tile(f"Accounts {words}", Cell(f"{int(counts.get(key, 0)):,}", tone=tone))
        for key, (words, tone) in _STATES.items()
    ]
    lack = (states["initial"] - states["equity"]).rename("lack")
    short = states.assign(lack=lack)[lack > 0.0].sort_values("lack", ascending=False, kind="stable")
    shown = short.head(_ROWS // 2)
    said = exact(float(short["lack"].sum()), currency)
    lead = [
        f"Accounts that lack initial margin: {len(short):,}, together {said}."
        if len(short)
        else "Equity of every account covers initial margin."
    ]
    taken = float(states["haircut"].sum())
    if taken > 0.0:
        whole = exact(float(states["balance"].sum()), currency)
        lead.append(f"Equity is after haircuts of {exact(taken, currency)} on balances of {whole}.")
    picture = Picture(
        inline_svg(
            lambda: plot_coverage(states, title="", currency=currency),
            name="coverage", title="Equity and margin",
            description="Bars of equity within bars of initial margin of the accounts that lack "
            "most, with marks at maintenance margin; the table has the figures.",
        ),
        "Accounts that lack most: equity beside what they need.",
    )  # fmt: skip
    headings = [Heading("account", False)] + [
        Heading(f"{words} {currency}") for words in ("lacks", "equity", "initial")
    ]
    headings.append(Heading("state", False))
    rows = rows_of(
        shown, ("account", name), ("lack", money), ("equity", money), ("initial", money),
        ("status", _state),
    )  # fmt: skip
    note = left_out(len(shown), len(short), "accounts lack margin", f"{margin.path}/states.parquet")
    tables = (
        [Table("Accounts that lack most", headings, rows, note, beside=True)] if len(short) else []
    )
    return Section("coverage", title, lead, tiles, [picture], tables)


def has_scenarios(margin: ResultFolder) -> bool:
    """Whether margins come from scenarios: a rule without any has one, in which nothing moves."""
    return set(margin.tables["requirements"]["worst_scenario"].unique()) != {_UNMOVED} or (
        margin.facts.get("counts", {}).get("scenarios") != 1
    )


def _state(status: object) -> Cell:
    words, tone = _STATES.get(str(status), (name_whole(status), ""))
    return Cell(words, tone=tone)


def _zero(table: pd.DataFrame) -> str:
    none = int((table["initial"] <= 0.0).sum())
    return "How all initial margins spread." + (
        f" {none:,} accounts without margin are left out." if none else ""
    )


def _quantiles(table: pd.DataFrame, currency: str) -> Table:
    levels = (0.05, 0.25, 0.5, 0.75, 0.95, 0.99)
    found = np.quantile(table["initial"].to_numpy(np.float64), levels, method="inverted_cdf")
    rows = [
        (Cell(f"{level:.0%} of accounts"), money(float(value)))
        for level, value in zip(levels, found, strict=True)
    ]
    rows.append((Cell("the largest"), money(float(table["initial"].max()))))
    return Table(
        "Initial margins up to which accounts are", [Heading("", False), Heading(currency)], rows
    )
