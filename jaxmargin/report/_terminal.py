"""The short table a margin run prints."""

import math
import re
from typing import Any

import numpy as np
import pandas as pd
from rich.console import Console, Group
from rich.table import Table
from rich.text import Text

from jaxmargin.report._quantiles import weighted_quantiles

__all__ = ["margin_summary", "print_plain", "reverse_summary", "scenario_summary"]

_ROWS = 10
_AT_HOUR = re.compile(r"T\d\d:\d\dZ$")  # a table on a terminal has room for days
_COLUMNS = 24
_LONGEST = 300


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
    execution = manifest["execution"]
    devices = f"{execution['devices']} devices" if execution["devices"] > 1 else "1 device"
    run = Text(
        f"{counts['accounts']:,} accounts, {counts['positions']:,} positions, "
        f"{counts['instruments']:,} contracts, {counts['scenarios']:,} scenarios; "
        f"chunks of {execution['chunk_rows']:,} accounts on {devices} ({device['kind']}), "
        f"{manifest['settings']['precision']}; "
        f"cold {seconds['cold']:.2f} s, warm {seconds['warm']:.2f} s, read {seconds['read']:.2f} s"
    )
    warnings = [Text(f"warning: {warning}", style="yellow") for warning in manifest["warnings"]]
    return Group(table, run, *warnings)


def scenario_summary(table: pd.DataFrame, provenance: dict[str, Any]) -> Group:
    """Spread of every move of a scenario table, and where the scenarios come from."""
    shown = Table(title=f"{len(table):,} scenarios, {provenance['kind']}")
    shown.add_column("moves", no_wrap=True)
    for heading in ("lowest", "1 %", "median", "99 %", "highest"):
        shown.add_column(heading, justify="right", no_wrap=True)
    weight = table["weight"].to_numpy(np.float64)
    skipped = {"scenario", "weight", "days", "damping"}
    columns = [column for column in table.columns if column not in skipped]
    for column in columns[:_COLUMNS]:
        moves = table[column].to_numpy(np.float64)
        quantiles = weighted_quantiles(moves, weight, (0.01, 0.5, 0.99))
        cells = [moves.min(), *quantiles, moves.max()]
        shown.add_row(Text(_AT_HOUR.sub("", column)), *(f"{cell:+.4f}" for cell in cells))
    if len(columns) > _COLUMNS:
        shown.add_row(f"{len(columns) - _COLUMNS:,} more", "", "", "", "", "")
    facts = [
        Text(f"{name}: {_short(value)}")
        for name, value in provenance.items()
        if name != "kind" and value is not None
    ]
    return Group(shown, *facts)


def reverse_summary(
    account: str,
    moves: pd.DataFrame,
    *,
    loss: float,
    radius: float,
    plausibility: float,
    status: str,
    currency: str,
    covariance: str,
) -> Group:
    """The scenario of a reverse stress: what each factor does, and how plausible it is."""
    table = Table(title=Text(f"{account} loses {loss:,.2f} {currency}"))
    table.add_column("risk factor", no_wrap=True)
    for heading in ("move", "std. deviations", "share of distance"):
        table.add_column(heading, justify="right", no_wrap=True)
    for factor, move, deviations, share in moves.to_numpy():
        shown = f"{np.expm1(move):+.2%}" if _is_relative(factor) else f"{move:+.4f}"
        table.add_row(Text(factor), shown, f"{deviations:+.2f}", f"{share:+.1%}")
    return Group(
        table,
        Text(
            f"{radius:.3f} standard deviations away ({covariance} covariance); a normal move goes "
            f"as far with probability {plausibility:.3g}; search: {status}."
        ),
    )


def _is_relative(factor: str) -> bool:
    return factor.endswith((" spot", " volatility"))


def _short(value: Any) -> str:
    text = ", ".join(map(str, value)) if isinstance(value, list) else str(value)
    return text if len(text) <= _LONGEST else text[: _LONGEST - 3] + "..."


def print_plain(lines: list[str], *, error: bool = False) -> None:
    """Print lines as they are: no markup, no wrapping, so that they can be searched and copied."""
    console = Console(stderr=error, markup=False, highlight=False, soft_wrap=True)
    for line in lines:
        console.print(line)
