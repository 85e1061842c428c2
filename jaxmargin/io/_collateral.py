"""Tables of what is posted and of what venues accept, checked."""

from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from jaxmargin.io._collateral_schema import COLLATERAL, EXCLUSIONS, LIMITS, SCHEDULE
from jaxmargin.io._market import MarketTables
from jaxmargin.io._problems import Problems
from jaxmargin.io._read import read_table

__all__ = ["CollateralTables", "check_posted", "check_schedule", "read_collateral"]

_TRAITS = ("class", "issuer", "currency")


@dataclass(frozen=True)
class CollateralTables:
    """The tables of collateral, checked; see `build_collateral`.

    Attributes:
        collateral: one row per account and asset, with the account's venue.
        schedule: one row per venue, asset and size tier, sorted so.
        limits: one row per limit; empty without a table.
        exclusions: issuers whose assets an account may not post; empty without a table.
        accounts: account names, in the order of every result.
        not_accepted: rows of `collateral` in assets that their venue's schedule does not name, so
            that they count for nothing. Whoever prints must name them.
    """

    collateral: pd.DataFrame
    schedule: pd.DataFrame
    limits: pd.DataFrame
    exclusions: pd.DataFrame
    accounts: pd.Index
    not_accepted: pd.DataFrame


def read_collateral(
    paths: dict[str, Path], market: MarketTables, accounts: pd.Index, problems: Problems
) -> CollateralTables | None:
    """Read and check the tables of collateral; None if one could not be used.

    Args:
        paths: files of `collateral` and `schedule`, and of `limits` and `exclusions` if there are
            any. In `schedule`, several rows of an asset are size tiers: `up_to` is the upper bound
            of each in units of the asset, blank for a last tier without end; what exceeds the last
            bound counts for nothing. `venue` may be blank in `collateral` if there is only one.
        market: where prices are.
        accounts: every account that may post; those without collateral have none.
        problems: where problems go.
    """
    before = len(problems.found)
    collateral = read_table(paths["collateral"], COLLATERAL, problems)
    schedule = read_table(paths["schedule"], SCHEDULE, problems)
    extra = {
        table.name: read_table(paths[table.name], table, problems)
        if table.name in paths
        else pd.DataFrame({column.name: [] for column in table.columns})
        for table in (LIMITS, EXCLUSIONS)
    }
    limits, exclusions = extra["limits"], extra["exclusions"]
    if collateral is None or schedule is None or limits is None or exclusions is None:
        return None
    if len(problems.found) > before:
        return None
    assets = market.assets["asset"]
    check_schedule(paths["schedule"].name, schedule, assets, problems)
    check_posted(paths["collateral"].name, collateral, assets, accounts, problems)
    collateral = _check_venues(paths["collateral"].name, collateral, schedule, problems)
    if len(limits):
        _check_limits(paths["limits"].name, limits, schedule, problems)
    if len(exclusions):
        file = paths["exclusions"].name
        problems.add_unknown(file, "account", exclusions["account"], accounts, "Correct the names.")
        issuers = schedule.loc[schedule["issuer"] != "", "issuer"]
        problems.add_unknown(
            file, "issuer", exclusions["issuer"], issuers, "Name issuers of the schedule."
        )
    if len(problems.found) > before:
        return None
    accepted = pd.MultiIndex.from_frame(schedule[["venue", "asset"]])
    posted = pd.MultiIndex.from_frame(collateral[["venue", "asset"]])
    return CollateralTables(
        collateral=collateral,
        schedule=schedule.sort_values(
            ["venue", "asset", "up_to"], na_position="last", ignore_index=True
        ),
        limits=limits,
        exclusions=exclusions,
        accounts=accounts,
        not_accepted=collateral[~posted.isin(accepted) & (collateral["quantity"] > 0.0)],
    )


def check_schedule(
    file: str, schedule: pd.DataFrame, assets: pd.Series, problems: Problems
) -> None:
    """Haircuts are shares that do not fall with size, and an asset has one class and so on."""
    haircut = schedule["haircut"]
    problems.add_rows(
        file, "haircut", (haircut < 0.0) | (haircut > 1.0), "not between 0 and 1",
        "Write 5 % as 0.05.", values=haircut,
    )  # fmt: skip
    problems.add_unknown(
        file, "asset", schedule["asset"], assets, "Add their prices to the assets table."
    )
    ordered = schedule.sort_values(["venue", "asset", "up_to"], na_position="last")
    groups = ordered.groupby(["venue", "asset"], sort=False)
    falls = (groups["haircut"].diff() < 0.0).reindex(schedule.index)
    problems.add_rows(
        file, "haircut", falls, "lower than that of a smaller size of the asset",
        "Give haircuts that do not fall with up_to.", values=haircut,
    )  # fmt: skip
    for trait in _TRAITS:
        first = groups[trait].transform("first").reindex(schedule.index)
        problems.add_rows(
            file, trait, schedule[trait] != first, "not the same in all rows of an asset",
            f"Give each asset of a venue one {trait}.", values=schedule["asset"],
        )  # fmt: skip


def check_posted(
    file: str,
    collateral: pd.DataFrame,
    assets: pd.Series,
    accounts: pd.Index | None,
    problems: Problems,
) -> None:
    """Quantities are not negative, and assets are known, as are accounts where they are given."""
    problems.add_rows(
        file, "quantity", collateral["quantity"] < 0.0, "negative",
        "Enter a debt as a position in a contract of kind spot.", values=collateral["quantity"],
    )  # fmt: skip
    problems.add_unknown(
        file, "asset", collateral["asset"], assets, "Add their prices to the assets table."
    )
    if accounts is not None:
        problems.add_unknown(
            file, "account", collateral["account"], accounts,
            "Take out accounts without a requirement, or correct the names.",
        )  # fmt: skip


def _check_venues(
    file: str, collateral: pd.DataFrame, schedule: pd.DataFrame, problems: Problems
) -> pd.DataFrame:
    """Every account posts at one venue; the venues filled in."""
    venues = sorted(schedule["venue"].unique())
    blank = collateral["venue"] == ""
    if len(venues) == 1:
        collateral = collateral.assign(venue=collateral["venue"].where(~blank, venues[0]))
    else:
        problems.add_rows(
            file, "venue", blank, "no value", f"Name one of {', '.join(venues)}.",
            values=collateral["account"],
        )  # fmt: skip
    named = collateral["venue"][collateral["venue"] != ""]
    problems.add_unknown(file, "venue", named, venues, "Use the venues of the schedule.")
    first = collateral.groupby("account")["venue"].transform("first")
    problems.add_rows(
        file, "venue", collateral["venue"] != first, "a second venue of the account",
        "Give each venue an account of its own, such as 'A at Deribit'.",
        values=collateral["account"],
    )  # fmt: skip
    return collateral


def _check_limits(
    file: str, limits: pd.DataFrame, schedule: pd.DataFrame, problems: Problems
) -> None:
    """Limits are on something the venue accepts, and leave room for some collateral."""
    size, posted = limits["size"], limits["basis"] == "posted"
    problems.add_rows(
        file, "size", size < 0.0, "negative", "Give an amount or a share.", values=size
    )
    problems.add_rows(
        file, "size", posted & (size > 1.0), "a share of what is posted above 1",
        "Write 40 % as 0.4.", values=size,
    )  # fmt: skip
    problems.add_unknown(
        file, "venue", limits["venue"], schedule["venue"], "Use the venues of the schedule."
    )
    for (venue, trait), rows in limits.groupby(["venue", "by"]):
        by = str(trait)
        accepted = schedule[schedule["venue"] == venue].drop_duplicates("asset")
        if accepted.empty:
            continue
        names = accepted.loc[accepted[by] != "", by]
        problems.add_unknown(
            file, f"name (venue {venue}, by {by})", rows["name"], names,
            f"Name {by} as the schedule of the venue does.",
        )  # fmt: skip
        shares = rows[rows["basis"] == "posted"]
        whole = float(shares["size"].sum())
        if accepted[by].isin(shares["name"]).all() and whole < 1.0 - 1e-9:
            problems.add(
                f"{file}, column size",
                f"the shares of what is posted by {by} at {venue} add up to {whole:g}, and every "
                f"{by} has one, so that nothing could ever count",
                "Raise them to 1 or more in all, or leave one of them without a limit.",
            )
