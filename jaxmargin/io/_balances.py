"""What accounts have beside their positions, for their equity."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
from jaxtyping import Float

from jaxmargin.io._book import BookTables
from jaxmargin.io._collateral import check_posted
from jaxmargin.io._collateral_schema import COLLATERAL
from jaxmargin.io._market import MarketTables
from jaxmargin.io._problems import Problems
from jaxmargin.io._read import read_table

__all__ = ["build_balances", "read_balances", "with_accounts_of"]


def read_balances(
    path: Path, market: MarketTables, problems: Problems, *, given: pd.DataFrame | None = None
) -> pd.DataFrame | None:
    """Read and check a table of collateral without venues' schedules; None if it cannot be used.

    Any account may be in it: one that has closed its last position still has its collateral; see
    `with_accounts_of`.

    Args:
        path: account, asset, quantity; a column venue may be there and changes nothing.
        market: where prices are.
        problems: where problems go.
        given: the table as it was read before, to be checked in this market instead.
    """
    before = len(problems.found)
    balances = read_table(path, COLLATERAL, problems) if given is None else given
    if balances is None or len(problems.found) > before:
        return None
    check_posted(path.name, balances, market.assets["asset"], None, problems)
    return balances if len(problems.found) == before else None


def with_accounts_of(book: BookTables, balances: pd.DataFrame) -> BookTables:
    """The book with the accounts of its positions and of a table of collateral, no others."""
    names = pd.concat([book.positions["account"], balances["account"]])
    return replace(book, accounts=pd.Index(np.sort(names.unique())))


def build_balances(
    balances: pd.DataFrame, market: MarketTables, accounts: pd.Index
) -> Float[np.ndarray, "account asset"]:
    """Units of each asset that each account has, in the order of `accounts` and of the market."""
    quantity = np.zeros((len(accounts), len(market.assets)))
    mine = balances[balances["account"].isin(accounts)]
    row = accounts.get_indexer(pd.Index(mine["account"]))
    quantity[row, market.asset_row(mine["asset"])] = mine["quantity"].to_numpy()
    return quantity
