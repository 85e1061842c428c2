"""The tables of what accounts have beside their positions, and of what it counts for."""

import pandas as pd

from jaxmargin.io import (
    MarketTables,
    Problems,
    check_haircuts_of,
    read_balances,
    read_haircuts,
)
from jaxmargin.jobs._settings import Job

__all__ = ["read_held_collateral"]


def read_held_collateral(
    job: Job,
    market: MarketTables,
    problems: Problems,
    *,
    balances: pd.DataFrame | None = None,
    haircuts: pd.DataFrame | None = None,
) -> tuple[pd.DataFrame | None, pd.DataFrame | None]:
    """Balances and haircuts of [book], each None where the job has none or it cannot be used.

    Args:
        job: the job file.
        market: where prices are.
        problems: where problems go.
        balances: to take in place of what the job's table has.
        haircuts: the same.
    """
    file, path = job.book["collateral"], job.book["haircuts"]
    if path and not file:
        problems.add(
            f"{job.path.name}, [book]",
            "haircuts without collateral",
            "Give a table of what accounts have as collateral too, or leave haircuts out.",
        )
    if path and path == file:
        problems.add(
            f"{job.path.name}, [book]",
            f"{path.name} is both collateral and haircuts",
            "Give a table of its own for each.",
        )
        return None, None
    if not file:
        return None, None
    balances = read_balances(file, market, problems, given=balances)
    if not path:
        return balances, None
    haircuts = read_haircuts(path, market, problems, given=haircuts)
    if balances is not None and haircuts is not None:
        check_haircuts_of(path, haircuts, file, balances, problems)
    return balances, haircuts
