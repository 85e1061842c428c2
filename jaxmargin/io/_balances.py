"""What accounts have beside their positions, for their equity."""

from pathlib import Path

import numpy as np
import pandas as pd
from jaxtyping import Float

from jaxmargin.io._collateral import check_posted
from jaxmargin.io._collateral_schema import COLLATERAL
from jaxmargin.io._market import MarketTables
from jaxmargin.io._problems import Problems
from jaxmargin.io._read import read_table

__all__ = ["build_balances", "read_balances"]


def read_balances(
    path: Path, market: MarketTables, accounts: pd.Index, problems: Problems
) -> pd.DataFrame | None:
    """Read and check a table of collateral without venues' schedules; None if it cannot be used.

    Args:
        path: account, asset, quantity; a column venue may be there and changes nothing.
        market: where prices are.
        accounts: every account with positions; those that the table does not name have nothing.
        problems: where problems go.
    """
    before = len(problems.found)
    balances = read_table(path, COLLATERAL, problems)
    if balances is None or len(problems.found) > before:
        return None
    check_posted(path.name, balances, market.assets["asset"], accounts, problems)
    return balances if len(problems.found) == before else None


def build_balances(
    balances: pd.DataFrame, market: MarketTables, accounts: pd.Index
) -> Float[np.ndarray, "account asset"]:
    """Units of each asset that each account has, in the order of `accounts` and of the market."""
    quantity = np.zeros((len(accounts), len(market.assets)))
    mine = balances[balances["account"].isin(accounts)]
    row = accounts.get_indexer(pd.Index(mine["account"]))
    quantity[row, market.asset_row(mine["asset"])] = mine["quantity"].to_numpy()
    return quantity
