"""What collateral counts for in the equity of accounts."""

from pathlib import Path

import numpy as np
import pandas as pd
from jaxtyping import Float

from jaxmargin.io._collateral import check_schedule
from jaxmargin.io._collateral_arrays import haircut_tiers
from jaxmargin.io._collateral_schema import HAIRCUTS, SCHEDULE
from jaxmargin.io._market import MarketTables
from jaxmargin.io._problems import Problems
from jaxmargin.io._read import read_table

__all__ = ["check_haircuts_of", "counted_units", "read_haircuts"]


def read_haircuts(
    path: Path, market: MarketTables, problems: Problems, *, given: pd.DataFrame | None = None
) -> pd.DataFrame | None:
    """Read and check the haircuts of all accounts' collateral; None if they cannot be used.

    Args:
        path: asset, up_to, haircut. Several rows of an asset are size tiers: `up_to` is the upper
            bound of each in units of the asset, blank for a last tier without end; what exceeds
            the last bound counts for nothing.
        market: where prices are.
        problems: where problems go.
        given: the table as it was read before, to be checked in this market instead.
    """
    before = len(problems.found)
    haircuts = read_table(path, HAIRCUTS, problems) if given is None else given
    if haircuts is None or len(problems.found) > before:
        return None
    check_schedule(path.name, _schedule(haircuts), market.assets["asset"], problems)
    return haircuts if len(problems.found) == before else None


def check_haircuts_of(
    path: Path, haircuts: pd.DataFrame, file: Path, balances: pd.DataFrame, problems: Problems
) -> None:
    """Every asset that an account has stands in the table of haircuts.

    Args:
        path: the table of haircuts.
        haircuts: as read from it.
        file: the table of collateral.
        balances: as read from it.
        problems: where problems go.
    """
    held = balances["quantity"] != 0.0
    problems.add_rows(
        file.name, "asset", held & ~balances["asset"].isin(haircuts["asset"]),
        f"no haircut in {path.name}", "Add a row for it there, with 1 if it is not accepted.",
        values=balances["asset"],
    )  # fmt: skip


def counted_units(
    posted: Float[np.ndarray, "account asset"], haircuts: pd.DataFrame, market: MarketTables
) -> Float[np.ndarray, "account asset"]:
    """Units that count, of units posted, which are not negative."""
    schedule = _schedule(haircuts).sort_values(
        ["asset", "up_to"], na_position="last", ignore_index=True
    )
    upper, fraction = haircut_tiers(schedule, pd.Index([""]), market)
    counted, below = np.zeros_like(posted), np.zeros_like(posted)
    for tier in range(upper.shape[-1]):
        reached = np.minimum(posted, upper[..., tier])
        counted += (1.0 - fraction[..., tier]) * (reached - below)
        below = reached
    return counted


def _schedule(haircuts: pd.DataFrame) -> pd.DataFrame:
    """The table as the schedule of a venue without a name."""
    known = {*haircuts.columns}
    return haircuts.assign(**{c.name: "" for c in SCHEDULE.columns if c.name not in known})
