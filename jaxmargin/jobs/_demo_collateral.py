"""Made-up venues, schedules and inventory for the demo's accounts."""

import numpy as np
import pandas as pd

__all__ = ["DEMO_ALLOCATION", "demo_collateral"]

DEMO_ALLOCATION = """
[allocation]                       # for jaxmargin allocate; all tables are made up
collateral = "collateral/posted.parquet"
schedule = "collateral/schedule.parquet"
inventory = "collateral/inventory.parquet"
limits = "collateral/limits.parquet"
exclusions = "collateral/exclusions.parquet"
costs = "collateral/costs.parquet"
"""

_VENUES = ("north", "east", "south")
# Haircuts by size: up to so many units, then the rest. No source: chosen so that venues differ; the
# last takes coins alone, so that what is cheapest is not best where it is worth most.
_SCHEDULE = (
    ("north", "BTC", 20.0, 0.05), ("north", "BTC", np.nan, 0.10),
    ("north", "ETH", 400.0, 0.08), ("north", "ETH", np.nan, 0.15),
    ("north", "SOL", np.nan, 0.25), ("north", "USDC", np.nan, 0.0),
    ("east", "BTC", np.nan, 0.15), ("east", "ETH", np.nan, 0.20), ("east", "USDC", np.nan, 0.01),
    ("south", "BTC", np.nan, 0.25), ("south", "ETH", np.nan, 0.30), ("south", "SOL", np.nan, 0.40),
)  # fmt: skip
# Share of the book's gross notional at hand, and cost of a year as a share of market value.
_INVENTORY = {
    "BTC": (0.010, 0.015),
    "ETH": (0.015, 0.010),
    "SOL": (0.500, 0.060),
    "USDC": (0.500, 0.045),
}
_POSTED = 0.05  # of each account's gross notional
_HABIT = {"north": "USDC", "east": "USDC", "south": "SOL"}  # what is posted before


def demo_collateral(
    positions: pd.DataFrame, notional: pd.Series, spots: dict[str, float]
) -> dict[str, pd.DataFrame]:
    """Tables of collateral that suffice for the margins of a book.

    Args:
        positions: account, instrument, quantity.
        notional: of one contract, in the numeraire, by name.
        spots: of the coins.
    """
    size = positions["quantity"].abs() * positions["instrument"].map(notional)
    gross = size.groupby(positions["account"]).sum()
    prices = {**spots, "USDC": 1.0}
    venue = np.resize(np.array(_VENUES, object), len(gross))
    habit = np.array([_HABIT[name] for name in venue], object)
    price = np.array([prices[asset] for asset in habit])
    held = pd.DataFrame(
        {
            "account": gross.index,
            "venue": venue,
            "asset": habit,
            "quantity": np.floor(_POSTED * gross.to_numpy() / price),
        }
    )
    schedule = pd.DataFrame(_SCHEDULE, columns=["venue", "asset", "up_to", "haircut"])
    coin = schedule["asset"] != "USDC"
    schedule["class"] = np.where(coin, "coin", "stablecoin")
    schedule["issuer"] = schedule["asset"].map({"SOL": "group of SOL"}).fillna("")
    schedule["currency"] = ""
    inventory = pd.DataFrame(
        [
            {
                "asset": asset,
                "quantity": float(np.ceil(100.0 * share * gross.sum() / prices[asset])) / 100.0,
                "cost": cost,
                "lot": np.nan,
            }
            for asset, (share, cost) in _INVENTORY.items()
        ]
    )
    return {
        "posted": held,
        "schedule": schedule,
        "inventory": inventory,
        "limits": pd.DataFrame(
            [
                ("east", "class", "coin", "posted", 0.6),
                ("north", "asset", "SOL", "requirement", 0.2),
            ],
            columns=["venue", "by", "name", "basis", "size"],
        ),
        # the first account belongs to the group, so that SOL would fail together with it
        "exclusions": held[["account"]].head(1).assign(issuer="group of SOL"),
        "costs": pd.DataFrame(
            [("south", "BTC", 0.002), ("south", "ETH", 0.002)], columns=["venue", "asset", "cost"]
        ),
    }
