"""What an allocation of collateral comes to, on the terminal."""

from typing import Any

import numpy as np
import pandas as pd
from rich.console import Group
from rich.table import Table
from rich.text import Text

__all__ = ["allocation_summary"]

_ROWS = 5
_SHORT = 10
_REASONS = 3
_NAME = 14  # columns of an account or asset, so that tables fit a terminal of 80
_CONTRACT = 22


def allocation_summary(
    coverage: pd.DataFrame, assets: pd.DataFrame, positions: pd.DataFrame, facts: dict[str, Any]
) -> Group:
    """Before, cheapest first and now; assets; dearest positions; proof; who is short and why."""
    counts, seconds = facts["counts"], facts["seconds"]
    parts: list[Table | Text] = [_plans(facts), *_savings(facts), _assets(assets, facts)]
    if positions["cost_per_day"].notna().any():
        parts.append(_positions(positions, facts["currency"]))
    parts += _short(coverage, facts["currency"])
    parts.append(
        Text(
            f"{counts['accounts']:,} accounts, {counts['assets']:,} assets, {counts['lines']:,} "
            f"ways to post, {counts['limits']:,} limits; read {seconds['read']:.2f} s, margins "
            f"cold {seconds['margins_cold']:.2f} s, warm {seconds['margins_warm']:.2f} s, "
            f"allocation {seconds['allocation']:.2f} s"
        )
    )
    parts += [Text(f"warning: {warning}", style="yellow") for warning in facts["warnings"]]
    return Group(*parts)


def _plans(facts: dict[str, Any]) -> Table:
    cost, short = facts["cost"], facts["shortfall"]
    table = Table(title=Text(f"Collateral for {facts['requirement']:,.2f} {facts['currency']}"))
    table.add_column("", no_wrap=True)
    for heading in ("posted before", "cheapest first", "allocation"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_row(
        "cost of a year", *(f"{cost[plan]:,.2f}" for plan in ("posted_before", "greedy", "posted"))
    )
    table.add_row("shortfall", *(f"{short[plan]:,.2f}" for plan in ("before", "greedy", "after")))
    return table


def _savings(facts: dict[str, Any]) -> list[Text]:
    cost, proof = facts["cost"], facts["certificate"]
    lines = []
    if facts["shortfall"]["greedy"] > facts["shortfall"]["after"] + facts["round_to"]:
        lines.append(Text("Posting the cheapest first leaves more uncovered."))
    elif cost["savings"] > 0.0:
        share = cost["savings"] / cost["greedy"]
        lines.append(
            Text(
                f"Saves {cost['savings']:,.2f} a year ({share:.2%}) against posting the cheapest "
                "first."
            )
        )
    else:
        lines.append(Text("Posting the cheapest first is as good here, but for rounding."))
    if facts["shortfall"]["accounts"] == 0:
        lines.append(
            Text(
                f"No allocation costs less than {cost['lower_bound']:,.2f}; rounding adds "
                f"{cost['posted'] - cost['lower_bound']:,.2f}."
            )
        )
    lines.append(
        Text(
            f"Certificate: primal residual {proof['primal_residual']:.1e}, dual residual "
            f"{proof['dual_residual']:.1e}, gap {proof['gap']:.1e}."
        )
    )
    return lines


def _assets(assets: pd.DataFrame, facts: dict[str, Any]) -> Table:
    table = Table(title=Text(f"Assets; values in {facts['currency']}, savings of a year"))
    table.add_column("asset", no_wrap=True, max_width=_NAME, overflow="ellipsis")
    for heading in ("available", "posted", "market value", "one more saves"):
        table.add_column(heading, justify="right", no_wrap=True)
    shown = assets.nlargest(2 * _ROWS, "market_value", keep="first")
    for row in shown.itertuples():
        table.add_row(
            Text(str(row.asset)),
            f"{row.available:,.2f}",
            f"{row.posted:,.2f}",
            f"{row.market_value:,.2f}",
            f"{row.value_of_one_more:,.4f}",
        )
    if len(assets) > len(shown):
        table.add_row(f"{len(assets) - len(shown):,} more")
    return table


def _positions(positions: pd.DataFrame, currency: str) -> Table:
    """Positions that cost most and save most, by quantity times cost of one contract."""
    whole = positions["quantity"] * positions["cost_per_day"]
    table = Table(title=Text(f"Funding cost of margin by position, {currency} a day"))
    table.add_column("account", no_wrap=True, max_width=_NAME, overflow="ellipsis")
    table.add_column("instrument", no_wrap=True, max_width=_CONTRACT, overflow="ellipsis")
    for heading in ("quantity", "one more", "all of it"):
        table.add_column(heading, justify="right", no_wrap=True)
    for some in (
        whole[whole > 0.0].nlargest(_ROWS, keep="first"),
        whole[whole < 0.0].nsmallest(_ROWS, keep="first"),
    ):
        table.add_section()
        for row in some.index:
            table.add_row(
                Text(positions["account"][row]),
                Text(positions["instrument"][row]),
                f"{positions['quantity'][row]:,.4g}",
                f"{positions['cost_per_day'][row]:+,.4g}",
                f"{whole[row]:+,.2f}",
            )
    return table


def _short(coverage: pd.DataFrame, currency: str) -> list[Text]:
    short = coverage[coverage["shortfall"] > 0.0]
    shown = short.nlargest(_SHORT, "shortfall", keep="first")
    lines = []
    for account, shortfall, reasons in shown[["account", "shortfall", "reasons"]].to_numpy():
        said = list(np.asarray(reasons, object))
        more = f" ({len(said) - _REASONS} more in coverage)" if len(said) > _REASONS else ""
        lines.append(
            Text(
                f"short by {shortfall:,.2f} {currency} at account {account}: "
                + " ".join(said[:_REASONS])
                + more,
                style="red",
            )
        )
    if len(short) > len(shown):
        rest = short["shortfall"].sum() - shown["shortfall"].sum()
        lines.append(
            Text(f"{len(short) - len(shown):,} more accounts short by {rest:,.2f}", style="red")
        )
    return lines
