"""Orders: candidate trades of accounts, each of one or more legs."""

from pathlib import Path

import pandas as pd

from jaxmargin.io._combos import expand_combos
from jaxmargin.io._problems import Problems
from jaxmargin.io._read import read_table
from jaxmargin.io._schema import COMBOS, ORDERS

__all__ = ["read_orders"]


def read_orders(
    path: Path, instruments: pd.Series, combos: Path | None, problems: Problems
) -> pd.DataFrame | None:
    """One row per leg: order, account, instrument, quantity; None if the table cannot be used.

    Orders come in the order of the file, combos as their legs. Accounts may be any.

    Args:
        path: file with those columns; instrument may also name a combo.
        instruments: names of contracts.
        combos: table of combos, checked before; or None.
        problems: where problems go.
    """
    before = len(problems.found)
    orders = read_table(path, ORDERS, problems)
    legs = None if combos is None else read_table(combos, COMBOS, problems)
    if orders is None:
        return None
    if orders.empty:
        problems.add(path.name, "no orders", "Give at least one row below the header.")
        return None
    first = orders.groupby("order")["account"].transform("first")
    problems.add_rows(
        path.name, "account", orders["account"] != first,
        "another account than in the first row of the order",
        "Give all rows of an order the same account, or the rows another order.",
        values=orders["order"],
    )  # fmt: skip
    known = instruments if legs is None else pd.concat([instruments, legs["combo"]])
    problems.add_unknown(
        path.name, "instrument", orders["instrument"], known,
        "Add them to the instruments table of the job, or correct the names.",
    )  # fmt: skip
    if len(problems.found) > before:
        return None
    if legs is None or combos is None:
        return orders
    expanded = expand_combos(orders, legs, instruments, combos.name, problems)
    names = pd.Index(orders["order"].unique())
    number = pd.Series(names.get_indexer(pd.Index(expanded["order"])))
    result = expanded.iloc[number.argsort(kind="stable")].reset_index(drop=True)
    result.attrs = orders.attrs
    return result
