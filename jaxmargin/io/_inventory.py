"""Tables of what may be posted and what posting costs, checked."""

from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from jaxmargin.io._collateral import CollateralTables
from jaxmargin.io._collateral_schema import COSTS, INVENTORY
from jaxmargin.io._market import MarketTables
from jaxmargin.io._problems import Problems
from jaxmargin.io._read import read_table

__all__ = ["InventoryTables", "read_inventory"]


@dataclass(frozen=True)
class InventoryTables:
    """The tables of inventory and of costs, checked.

    Attributes:
        inventory: one row per asset: `quantity` at hand beyond what is posted already, in units;
            `cost` of posting for a year, as a fraction of market value; `lot`, the smallest
            quantity that can be moved, NaN where the asset is divisible.
        costs: one row per venue and asset: `cost` for a year that the venue adds to the asset's
            own, such as custody or currency; empty without a table.
    """

    inventory: pd.DataFrame
    costs: pd.DataFrame


def read_inventory(
    paths: dict[str, Path], market: MarketTables, collateral: CollateralTables, problems: Problems
) -> InventoryTables | None:
    """Read and check `inventory`, and `costs` if there are any; None if one cannot be used.

    Args:
        paths: files of the tables.
        market: where prices are.
        collateral: what is posted already, and what venues accept.
        problems: where problems go.
    """
    before = len(problems.found)
    inventory = read_table(paths["inventory"], INVENTORY, problems)
    costs = (
        read_table(paths["costs"], COSTS, problems)
        if "costs" in paths
        else pd.DataFrame({column.name: [] for column in COSTS.columns})
    )
    if inventory is None or costs is None or len(problems.found) > before:
        return None
    assets, file = market.assets["asset"], paths["inventory"].name
    problems.add_unknown(
        file, "asset", inventory["asset"], assets, "Add their prices to the assets table."
    )
    problems.add_rows(
        file, "quantity", inventory["quantity"] < 0.0, "negative",
        "Give what is at hand beyond what is posted, 0 if nothing is.",
        values=inventory["quantity"],
    )  # fmt: skip
    for name, table in (("inventory", inventory), ("costs", costs)):
        if len(table):
            problems.add_rows(
                paths[name].name, "cost", table["cost"] < 0.0, "negative",
                "Give the cost of a year as a fraction of market value; write 5 % as 0.05.",
                values=table["cost"],
            )  # fmt: skip
    if len(costs):
        schedule = collateral.schedule
        for column in ("venue", "asset"):
            problems.add_unknown(
                paths["costs"].name, column, costs[column], schedule[column],
                f"Name each {column} as the schedule does.",
            )  # fmt: skip
    posted = collateral.collateral
    held = posted.loc[posted["quantity"] > 0.0, "asset"]
    absent = sorted(set(held) - set(inventory["asset"]))
    if absent:
        problems.add(
            f"{file}, column asset",
            f"no row for {', '.join(absent)}, which is posted already",
            "Add its cost, with quantity 0 if there is no more of it.",
        )
    return None if len(problems.found) > before else InventoryTables(inventory, costs)
