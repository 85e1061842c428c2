"""Tables about a venue as a whole: its members, what they contribute, and traded volumes."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from jaxtyping import Float, Int

from jaxmargin.io._problems import Problems, list_some
from jaxmargin.io._read import read_table
from jaxmargin.io._schema import Column, Table

__all__ = [
    "CONTRIBUTIONS",
    "MEMBERS",
    "VOLUMES",
    "read_contributions",
    "read_members",
    "read_volumes",
]

MEMBERS = Table("members", (Column("account", "text"), Column("member", "text")), ("account",))
CONTRIBUTIONS = Table(
    "contributions", (Column("member", "text"), Column("contribution", "number")), ("member",)
)
VOLUMES = Table(
    "volumes",
    (
        Column("asset", "text"),
        Column("daily_volume", "number", positive=True),
        Column("volatility", "number", positive=True),
    ),
    ("asset",),
)


def read_members(
    path: Path, accounts: pd.Index, problems: Problems
) -> tuple[list[str], Int[np.ndarray, " account"]] | None:
    """Names of members, and which each account belongs to; None if the table cannot be used.

    Args:
        path: account, member.
        accounts: every account, in order; others in the table are left out.
        problems: where problems go.
    """
    table = _whole(path, MEMBERS, "account", accounts, problems)
    if table is None:
        return None
    names = sorted(set(table["member"]))
    return names, pd.Index(names).get_indexer(pd.Index(table["member"])).astype(np.int32)


def read_contributions(
    path: Path, members: Sequence[str], problems: Problems
) -> Float[np.ndarray, " member"] | None:
    """What each member has in the default fund; None if the table cannot be used.

    Args:
        path: member, contribution (in the numeraire, not negative).
        members: every member, in order.
        problems: where problems go.
    """
    table = _whole(path, CONTRIBUTIONS, "member", members, problems)
    if table is None:
        return None
    amounts = table["contribution"].to_numpy(np.float64)
    if (amounts < 0.0).any():
        named = list_some(list(table.loc[amounts < 0.0, "member"]))
        problems.add(
            f"{path.name}, column contribution", f"negative for {named}", "Give amounts from 0."
        )
        return None
    return amounts


def read_volumes(path: Path, coins: Sequence[str], problems: Problems) -> pd.DataFrame | None:
    """Volume and volatility of each coin, in order; None if the table cannot be used.

    Args:
        path: asset, daily_volume (in coins, of usual times), volatility (annual, as a fraction).
        coins: every coin, in order.
        problems: where problems go.
    """
    return _whole(path, VOLUMES, "asset", coins, problems)


def _whole(
    path: Path, table: Table, key: str, wanted: Sequence[str] | pd.Index, problems: Problems
) -> pd.DataFrame | None:
    """The rows for `wanted`, in order; each must be there."""
    before = len(problems.found)
    found = read_table(path, table, problems)
    if found is None or len(problems.found) > before:
        return None
    missing = [name for name in wanted if name not in set(found[key])]
    if missing:
        problems.add(
            f"{path.name}, column {key}",
            f"no row for {list_some(missing)}",
            f"Give each {key} a row.",
        )
        return None
    return found.set_index(key).loc[list(wanted)].reset_index()
