"""From checked tables of collateral to the lines of an allocation problem."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from jaxtyping import Bool, Float, Int

from jaxmargin.io import MarketTables
from jaxmargin.jobs._allocation_inputs import AllocationInputs
from jaxmargin.optimize import AllocationProblem, Limit

__all__ = ["AllocationCase", "build_case"]

_SMALLEST = 1e-8  # units of an asset that has no lot, as of Bitcoin


@dataclass(frozen=True, eq=False)
class AllocationCase:
    """A problem whose venues are the accounts of a job, and what its tables need beside it.

    Attributes:
        problem: venue is account; tiers of size are lines, money is per year.
        available: units of each asset, what is posted already included.
        held: units posted already.
        step: smallest quantity of each asset.
        cost: of one unit of market value for a year, wherever it may be posted or is.
        listed: whether the inventory has the asset.
        limit: number of each of `problem.limits` in the table of limits.
    """

    problem: AllocationProblem
    available: Float[np.ndarray, " asset"]
    held: Float[np.ndarray, "account asset"]
    step: Float[np.ndarray, " asset"]
    cost: Float[np.ndarray, "account asset"]
    listed: Bool[np.ndarray, " asset"]
    limit: Int[np.ndarray, " limit"]

    @property
    def whole(self) -> bool:
        """Whether lots or rules on movements make it a program in integers."""
        problem = self.problem
        return bool(
            (problem.lot_value > 0.0).any()
            or (problem.least > 0.0).any()
            or problem.most_movements is not None
        )

    def quantity(
        self, posted: Float[np.ndarray, " line"], price: Float[np.ndarray, " asset"]
    ) -> Float[np.ndarray, "account asset"]:
        """Units of each asset that lines post with each account, not rounded."""
        found = np.zeros(self.held.shape)
        np.add.at(found, (self.problem.venue, self.problem.asset), posted)
        return found / np.where(price > 0.0, price, 1.0)


def build_case(
    given: AllocationInputs,
    market: MarketTables,
    requirement: Float[np.ndarray, " account"],
    settings: Mapping[str, Any],
) -> AllocationCase:
    """Lines, limits, costs and inventory of a job.

    Args:
        given: the tables, checked.
        market: names of assets.
        requirement: of each account, as published.
        settings: the section [allocation].
    """
    inventory, price = given.inventory.inventory, given.price
    row = market.asset_row(inventory["asset"])
    assets = price.size
    listed = np.zeros(assets, bool)
    listed[row] = True
    held = np.asarray(given.arrays.holdings.quantity, np.float64)
    available = held.sum(axis=0)
    available[row] += inventory["quantity"].to_numpy()
    lot, own = np.full(assets, np.nan), np.zeros(assets)
    lot[row], own[row] = inventory["lot"], inventory["cost"]
    cost = own[None, :] + _venue_costs(given, market)
    haircuts = given.arrays.haircuts
    upper = np.asarray(haircuts.upper, np.float64)
    fraction = np.asarray(haircuts.fraction, np.float64)
    lower = np.pad(upper[..., :-1], ((0, 0), (0, 0), (1, 0)))
    accepted = np.asarray(given.arrays.eligible) & listed[None, :]
    accepted &= ~_nothing_counts(given)
    account, asset, tier = np.nonzero(accepted[..., None] & (upper > lower) & (fraction < 1.0))
    at = (account, asset, tier)
    in_tier = np.minimum(held[account, asset], upper[at]) - np.minimum(
        held[account, asset], lower[at]
    )
    limits = _limits(given)
    problem = AllocationProblem(
        available=np.where(listed, available * price, 1.0),  # no line posts what is not listed
        requirement=requirement,
        asset=asset,
        venue=account,
        worth=1.0 - fraction[at],
        cost=cost[account, asset],
        most=(upper[at] - lower[at]) * price[asset],
        limits=tuple(limit for _, limit in limits),
        posted=in_tier * price[asset],
        lot_value=np.nan_to_num(lot) * price,
        least=np.full(1, settings["smallest_movement"]),
        most_movements=settings["most_movements"],
    )
    step = np.where(np.isnan(lot), _SMALLEST, lot)
    numbers = np.array([number for number, _ in limits], np.int64)
    return AllocationCase(problem, available, held, step, cost, listed, numbers)


def _venue_costs(
    given: AllocationInputs, market: MarketTables
) -> Float[np.ndarray, "account asset"]:
    """What each account's venue adds to the cost of each asset."""
    extra = np.zeros((given.venue.size, given.price.size))
    costs: pd.DataFrame = given.inventory.costs
    for name, rows in costs.groupby("venue"):
        column = market.asset_row(rows["asset"])
        extra[np.ix_(given.venue == name, column)] = rows["cost"].to_numpy()[None, :]
    return extra


def _nothing_counts(given: AllocationInputs) -> Bool[np.ndarray, "account asset"]:
    """Assets under a limit of zero."""
    none = np.zeros((given.venue.size, given.price.size), bool)
    limits = given.arrays.limits
    if limits is None:
        return none
    zero = np.asarray(limits.size) == 0.0
    return (zero.astype(np.int64) @ np.asarray(limits.member, np.int64)) > 0


def _limits(given: AllocationInputs) -> list[tuple[int, Limit]]:
    """Limits that can bind, each with its number; of zero and of all that is posted need no row."""
    limits, table = given.arrays.limits, given.tables.limits
    found: list[tuple[int, Limit]] = []
    if limits is None:
        return found
    member = np.asarray(limits.member)
    columns = ["venue", "by", "name", "basis", "size"]
    for number, (venue, by, name, basis, size) in enumerate(table[columns].to_numpy()):
        accounts = np.flatnonzero(given.venue == venue)
        if size == 0.0 or (basis == "posted" and size >= 1.0) or not accounts.size:
            continue
        limit = Limit(
            name=f"{venue}: {by} {name}",
            group=member[number],
            most=float(size),
            basis="absolute" if basis == "amount" else basis,
            venues=tuple(int(account) for account in accounts),
        )
        found.append((number, limit))
    return found
