"""Sections of backtests and framework checks."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from jaxmargin.report._backtest import plot_margin_paths
from jaxmargin.report._coverage_pictures import plot_breach_counts, plot_breaches
from jaxmargin.report._figure import NARROW
from jaxmargin.report._inline_svg import inline_svg
from jaxmargin.report._intervals import share_interval
from jaxmargin.report._words import exact, full, name_whole
from jaxmargin.report.page._parts import (
    Cell,
    Heading,
    Picture,
    ResultFolder,
    Section,
    Table,
    Tile,
    count,
    left_out,
    money,
    name,
    plain,
    rows_of,
    share,
)

__all__ = ["backtest_section", "check_section"]

_ROWS = 15
_PATHS = 2
_TOGETHER, _EVERY, _LIGHT = "all as one", "all", "traffic-light"
_NO_BACKTEST = (
    "Backtest: not given. Write it with jaxmargin backtest JOB.toml --out DIR, and name DIR."
)
_NO_CHECKS = (
    "Framework checks: not given. Write them with jaxmargin checks JOB.toml --framework emir "
    "--out DIR, and name DIR."
)
_VERDICTS = {
    "pass": ("✓ pass", "good"),
    "fail": ("✗ fails", "bad"),
    "not-evaluated": ("? cannot be evaluated", "warn"),
}


def backtest_section(found: ResultFolder | None) -> Section:
    """Breaches beside those expected, verdicts of every test, and margins beside losses."""
    title = "Backtest"
    if found is None:
        return Section("backtest", title, missing=_NO_BACKTEST)
    facts, kpis, tests = found.facts, found.tables["kpis"], found.tables["tests"]
    own, every = kpis[kpis["account"] != _EVERY], kpis[kpis["account"] == _EVERY].iloc[0]
    days = int(facts["days"])
    lead = [
        f"{name_whole(facts['measure'])} over {facts['horizon_days']} days from the "
        f"{facts['window']} days before, for today's positions on {days:,} days to "
        f"{name_whole(facts['last_day'])}."
    ]
    tiles = [
        Tile("Breaches of margin", count(every["breaches"]),
             f"of {days * len(own):,} account days"),
        Tile("Coverage", share(every["coverage"]), "account days without a breach"),
        Tile("Greatest shortfall", Cell(exact(every["greatest_shortfall"], found.currency),
                                       full(every["greatest_shortfall"], found.currency))),
    ]  # fmt: skip
    pictures, tables = [], [_tests(tests)] if len(tests) else []
    level, light = facts["settings"]["rulebook"].get("level"), tests[tests["test"] == _LIGHT]
    if level is not None and len(light):
        apart = -(-days // int(facts["horizon_days"]))  # days whose horizons do not overlap
        pictures, table = _breaches(light, apart, float(level))
        tables.append(table)
    pictures += _paths(found)
    tables.append(_accounts(own, found))
    return Section("backtest", title, lead, tiles, pictures, tables)


def _breaches(light: pd.DataFrame, days: int, level: float) -> tuple[list[Picture], Table]:
    """Days beyond the value at risk beside those expected, with exact intervals."""
    breaches = light.set_index("account")["statistic"]
    accounts = breaches.drop(_TOGETHER, errors="ignore")
    pictures = [
        Picture(
            inline_svg(
                lambda: plot_breach_counts(accounts, days, level, title=""),
                name="breach-counts", title="Breaches observed and expected",
                description="Bars of how many accounts have how many breaches, and a line of how "
                "many would if the model were right.",
            ),
            f"Days beyond the value at risk at {level:.4g} by account, beside those of a right "
            "model if accounts were independent.",
        ),
        Picture(
            inline_svg(
                lambda: plot_breaches(accounts, days, level, title=""),
                name="breaches", title="Accounts with most breaches",
                description="Shares of days beyond the value at risk with exact 95 % intervals, "
                "and the share expected; the table has the figures.",
            ),
            "Accounts with most breaches. Of many accounts some lie beyond by chance.",
        ),
    ]  # fmt: skip
    order = accounts.sort_values(ascending=False, kind="stable").head(_ROWS)
    names = [*([_TOGETHER] if _TOGETHER in breaches.index else []), *order.index]
    shown = light.set_index("account").loc[names].reset_index()
    low, high = share_interval(shown["statistic"].to_numpy(np.float64), days)
    headings = [
        Heading("account", False), Heading("breaches"), Heading("expected"), Heading("share"),
        Heading("95 % interval"), Heading("zone", False),
    ]  # fmt: skip
    rows = [
        (name(row.account), count(row.statistic), Cell(f"{days * (1.0 - level):.3g}"),
         share(row.statistic / days), Cell(f"{low[at]:.2%} to {high[at]:.2%}"), _zone(row.zone))
        for at, row in enumerate(_rows(shown))
    ]  # fmt: skip
    note = (
        f"On {days:,} days whose horizons do not overlap; intervals of Clopper and Pearson. "
        f"{left_out(len(order), len(accounts), 'accounts', 'tests.parquet')}"
    )
    return pictures, Table("Breaches observed and expected", headings, rows, note.strip())


def _zone(zone: object) -> Cell:
    tones = {"green": "good", "yellow": "warn", "red": "bad"}
    return Cell(name_whole(zone), tone=tones.get(str(zone), ""))


def _tests(tests: pd.DataFrame) -> Table:
    headings = [
        Heading("test", False), Heading("accounts tested"), Heading("rejected"),
        Heading("of a right model"), Heading("all as one: p-value"), Heading("verdict", False),
    ]  # fmt: skip
    rows = []
    for test, group in tests.groupby("test", sort=False):
        own, whole = group[group["account"] != _TOGETHER], group[group["account"] == _TOGETHER]
        defined = own[own["p_value"].notna()]
        expected = "red" if test == _LIGHT else f"{0.05 * len(defined):,.1f}"
        value, verdict = Cell(""), Cell("")
        if len(whole) and np.isfinite(whole["p_value"].iloc[0]):
            value = Cell(f"{whole['p_value'].iloc[0]:.3g}")
            rejected = bool(whole["rejected"].iloc[0])
            verdict = Cell(*(("✗ rejected", "", "bad") if rejected else ("✓ not rejected", "",
                                                                          "good")))  # fmt: skip
        rows.append(
            (name(str(test).replace("-", " ")), count(len(defined)),
             count(int(defined["rejected"].sum())), Cell("almost none" if expected == "red"
                                                         else expected), value, verdict)
        )  # fmt: skip
    note = (
        "At 95 %; accounts share markets, so that their tests are not independent of one another. "
        "All as one: the positions of all accounts as those of one."
    )
    return Table("Tests", headings, rows, note)


def _paths(found: ResultFolder) -> list[Picture]:
    paths = found.tables.get("backtest")
    if paths is None or paths.empty:
        return []
    accounts = list(dict.fromkeys(paths["account"]))[:_PATHS]
    shown = paths[paths["account"].isin(accounts)]
    shown = shown.assign(portfolio=shown["account"], model="margin", loss=-shown["realized"])
    return [
        Picture(
            inline_svg(
                lambda: plot_margin_paths(shown, title="", unit=found.currency, width=NARROW),
                name="paths", title="Margins and losses by day",
                description="Lines of margin by day and bars of the losses that followed, of the "
                "accounts with the largest margins.",
            ),
            "Margin by day and the losses that followed, of the largest accounts.",
        )
    ]  # fmt: skip


def _accounts(own: pd.DataFrame, found: ResultFolder) -> Table:
    worst = own.sort_values(["breaches", "mean_margin"], ascending=False, kind="stable")
    shown = worst.head(_ROWS)
    headings = [
        Heading("account", False), Heading("breaches"), Heading("coverage"),
        Heading(f"greatest shortfall {found.currency}"), Heading(f"mean margin {found.currency}"),
    ]  # fmt: skip
    rows = rows_of(
        shown, ("account", name), ("breaches", count), ("coverage", share),
        ("greatest_shortfall", money), ("mean_margin", money),
    )  # fmt: skip
    note = left_out(len(shown), len(own), "accounts", f"{found.path}/kpis.parquet")
    return Table("Margin as called, by account, all days", headings, rows, note, folded=True)


def check_section(found: Sequence[ResultFolder]) -> Section:
    """Every check of every framework with its verdict, value, limit and citation."""
    title = "Framework checks"
    if not found:
        return Section("checks", title, missing=_NO_CHECKS)
    lead, tiles, tables = [], [], []
    for each in found:
        table, facts = each.tables["checks"], each.facts
        lead += [name_whole(note, 1_000) for note in facts.get("notes", [])]
        counts, heading = facts["counts"], name_whole(facts["framework_title"])
        for status, (words, tone) in _VERDICTS.items():
            number = int(counts.get(status, 0))
            label = f"{name_whole(facts['framework'], 30).upper()}: {words.partition(' ')[2]}"
            tiles.append(Tile(label, Cell(f"{number:,}", tone=tone if number else "")))
        headings = [
            Heading("check", False), Heading("", False), Heading("value"), Heading("limit"),
            Heading("status", False), Heading("why", False), Heading("citation", False),
        ]  # fmt: skip
        rows = [
            (name(row.id), plain(row.title), _number(row.value), _number(row.limit),
             _verdict(row.status), plain(_why(row)), plain(_cited(row)))
            for row in _rows(table)
        ]  # fmt: skip
        tables.append(Table(f"{heading}, as of {name_whole(facts['day'])}", headings, rows))
    return Section("checks", title, list(dict.fromkeys(lead)), tiles, tables=tables)


def _rows(table: pd.DataFrame) -> list[Any]:
    return list(table.itertuples(index=False))


def _number(value: float | int) -> Cell:
    return Cell("" if np.isnan(value) else f"{value:,.4g}", "" if np.isnan(value) else repr(value))


def _verdict(status: object) -> Cell:
    words, tone = _VERDICTS.get(str(status), (name_whole(status), ""))
    return Cell(words, tone=tone)


def _why(row: Any) -> str:
    reason = "" if row.status == "pass" else str(row.reason)
    give = f"Give {row.give}." if row.give else ""
    return ". ".join(part for part in (reason, give) if part)


def _cited(row: Any) -> str:
    if row.basis == "read":
        return str(row.citation)
    how = "limit from memory" if row.basis == "recalled" else "limit chosen, none is given"
    return f"{row.citation} ({how})"
