"""Margins after candidate orders, and of orders that are open."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from jaxmargin.io import (
    Problems,
    contract_rows,
    list_some,
    read_orders,
    require_folder,
    round_up,
    write_json,
    write_table,
)
from jaxmargin.jobs._facts import job_facts
from jaxmargin.jobs._input_files import InputFile, require_unchanged, see_files
from jaxmargin.jobs._load import Inputs, load_inputs, only_accounts

if TYPE_CHECKING:
    from jaxmargin.jobs._clock import Seconds

__all__ = ["WhatIfResult", "run_what_if"]


@dataclass(frozen=True)
class WhatIfResult:
    """Tables and facts as written; margins in the numeraire, rounded up.

    Attributes:
        margins: one row per order, as if it alone were filled: order, account, initial_before,
            initial, change (of initial margin), maintenance_before, maintenance.
        open_orders: one row per account: account, orders, exact, initial_before, initial_filled
            (with all orders), initial (of the worst fills), the same of maintenance, and fills,
            the orders filled where initial margin is largest, null where it is a bound. None
            unless asked for.
        facts: inputs, settings, seconds, orders per second, device and warnings, in plain types.
    """

    margins: pd.DataFrame
    open_orders: pd.DataFrame | None
    facts: dict[str, Any]


def run_what_if(
    path: Path,
    orders: Path,
    *,
    out: Path | None = None,
    open_orders: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> WhatIfResult:
    """Margin every order of a table by itself, and the worst fill of all orders of each account.

    An account that holds nothing yet is margined as a new one, and named in a warning. With `out`,
    writes `what_if.parquet` (`margins`), `what_if.json` (`facts`) and, with `open_orders`,
    `open_orders.parquet`.

    Args:
        path: job file, which gives positions, market, scenarios and rulebook.
        orders: table with the columns order, account, instrument (or combo) and quantity; rows of
            one order are its legs.
        out: folder for the results; None to write nothing.
        open_orders: whether to margin open orders too, see `open_order_margins`.
        progress: called with work done and work in all.

    Raises:
        InvalidInputError: with every problem of the job, or else of the orders.
        MemoryError: memory ran out, and did so with ever smaller chunks too.
    """
    if out is not None:
        require_folder(out)
    start = time.perf_counter()
    inputs = load_inputs(path)
    problems, files = Problems(), see_files([orders])
    legs = read_orders(
        orders, inputs.book.instruments["instrument"], inputs.job.book["combos"], problems
    )
    problems.raise_if_any()
    require_unchanged(files)
    assert legs is not None  # a table that cannot be used has problems
    read_seconds = time.perf_counter() - start

    import jax

    from jaxmargin.jobs._calculation import build_calculation
    from jaxmargin.jobs._clock import Seconds, measured
    from jaxmargin.margin import start_run
    from jaxmargin.sensitivities import open_order_margins, what_if

    accounts = pd.Index(np.sort(legs["account"].unique()))
    with measured() as base:
        calculation = build_calculation(only_accounts(inputs, accounts))
        run = start_run(calculation.rulebook, calculation.book, calculation.market)
    number, names = pd.factorize(legs["order"])
    arrays = (
        accounts.get_indexer(pd.Index(legs["account"])),
        contract_rows(inputs.book, legs["instrument"]),
        legs["quantity"].to_numpy(np.float64),
        number,
    )
    with measured() as single:
        found = what_if(run, *arrays, progress=progress)
    unit = inputs.job.settings["round_to"]
    margins = _margins(found, names, accounts, unit)
    worst, both = None, Seconds()
    if open_orders:
        with measured() as both:
            result = open_order_margins(run, *arrays, progress=progress)
        worst = _open_orders(result, found.account, names, accounts, unit)
    new = accounts.difference(inputs.book.accounts)
    facts = _facts(inputs, files, legs, margins, read_seconds, (base, single, both))
    facts["device"] = {"kind": jax.devices()[0].device_kind, "count": jax.device_count()}
    facts["warnings"] = _warnings(orders, legs, new)
    if out is not None:
        out.mkdir(parents=True, exist_ok=True)
        file = out / "open_orders.parquet"
        if worst is not None:
            write_table(worst, file)
        elif file.exists():
            facts["warnings"].append(
                f"{file.name} is of an earlier run. Give --open to write it anew, or take it away."
            )
        write_table(margins, out / "what_if.parquet")
        write_json(facts, out / "what_if.json")
    return WhatIfResult(margins, worst, facts)


def _rounded(table: dict[str, Any], found: Any, columns: tuple[str, ...], unit: float) -> None:
    for name in columns:
        table[name] = round_up(np.asarray(getattr(found, name)), unit)


def _margins(found: Any, names: pd.Index, accounts: pd.Index, unit: float) -> pd.DataFrame:
    table: dict[str, Any] = {"order": names, "account": accounts[found.account]}
    _rounded(table, found, ("initial_before", "initial"), unit)
    table["change"] = table["initial"] - table["initial_before"]
    _rounded(table, found, ("maintenance_before", "maintenance"), unit)
    return pd.DataFrame(table)


def _open_orders(
    found: Any, owner: np.ndarray, names: pd.Index, accounts: pd.Index, unit: float
) -> pd.DataFrame:
    table: dict[str, Any] = {
        "account": accounts[found.account],
        "orders": found.orders,
        "exact": found.exact,
    }
    for kind in ("initial", "maintenance"):
        _rounded(table, found, (f"{kind}_before", f"{kind}_filled", kind), unit)
    filled = pd.Series(names[found.filled]).groupby(owner[found.filled]).agg(list)
    fills = [
        filled.get(account, []) if exact else None
        for account, exact in zip(found.account, found.exact, strict=True)
    ]
    table["fills"] = pd.Series(fills, dtype=object)
    return pd.DataFrame(table)


def _facts(
    inputs: Inputs,
    orders: tuple[InputFile, ...],
    legs: pd.DataFrame,
    margins: pd.DataFrame,
    read_seconds: float,
    seconds: "tuple[Seconds, Seconds, Seconds]",
) -> dict[str, Any]:
    base, single, both = seconds
    return {
        **job_facts(inputs, *orders),
        "counts": {
            "orders": len(margins),
            "legs": len(legs),
            "accounts": int(margins["account"].nunique()),
        },
        "seconds": {
            "read": round(read_seconds, 3),
            "margins_before": round(base.cold, 3),
            "orders_cold": round(single.cold, 3),
            "orders_warm": round(single.warm, 3),
            "open_orders_cold": round(both.cold, 3),
            "open_orders_warm": round(both.warm, 3),
        },
        "orders_per_second": round(len(margins) / single.warm) if single.warm > 0.0 else None,
    }


def _warnings(orders: Path, legs: pd.DataFrame, new: pd.Index) -> list[str]:
    warnings = []
    ignored = legs.attrs["ignored_columns"]
    if ignored:
        warnings.append(f"{orders.name}: columns that are not used: {', '.join(ignored)}.")
    if len(new):
        listed = list_some(new, repr)
        who = "1 account" if len(new) == 1 else f"{len(new):,} accounts"
        warnings.append(
            f"{orders.name}, column account: {who} without positions yet ({listed}), "
            "margined as new. Correct the name if that is not so."
        )
    return warnings
