"""Tables of an allocation, as they are written."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import jax.numpy as jnp
import numpy as np
import pandas as pd
from jaxtyping import Float

from jaxmargin.io import MarketTables, round_down, round_up
from jaxmargin.jobs._allocation_inputs import AllocationInputs
from jaxmargin.jobs._allocation_problem import AllocationCase
from jaxmargin.jobs._allocation_rounding import Postings
from jaxmargin.optimize import Allocation, CostSlopes, RowKind, describe_reason

if TYPE_CHECKING:
    from jaxmargin.sensitivities import PositionSlopes

__all__ = ["AllocationView"]

_DAYS_PER_YEAR = 365.0


@dataclass(frozen=True, eq=False)
class AllocationView:
    """An allocation with the names of what it is about; makes each table.

    Attributes:
        given: checked tables.
        market: names of assets.
        case: the problem.
        exact: the optimum before rounding, whose prices are shown.
        slopes: derivatives of the cost on either side; None where an account is short.
        postings: what is to be posted.
        unit: amounts are rounded to this: values down, costs and requirements up.
    """

    given: AllocationInputs
    market: MarketTables
    case: AllocationCase
    exact: Allocation
    slopes: CostSlopes | None
    postings: Postings
    unit: float

    @property
    def accounts(self) -> pd.Index:
        """Names of accounts."""
        return self.given.tables.accounts

    @property
    def assets(self) -> np.ndarray:
        """Names of assets."""
        return self.market.assets["asset"].to_numpy(object)

    @property
    def price_of_margin(self) -> Float[np.ndarray, " account"]:
        """Cost of a year for one unit more of requirement; NaN where the account is short."""
        return np.where(self.postings.shortfall > 0.0, np.nan, self.exact.margin_price)

    def allocation(self) -> pd.DataFrame:
        """What each account posts, and what moves."""
        postings, held = self.postings, self.case.held
        account, asset = np.nonzero((postings.quantity > 0.0) | (held > 0.0))
        at = (account, asset)
        market_value = postings.quantity[at] * self.given.price[asset]
        step = np.maximum(self.case.step[asset], 1e-8)
        move = postings.quantity[at] - held[at]
        return pd.DataFrame(
            {
                "account": self.accounts[account],
                "venue": self.given.venue[account],
                "asset": self.assets[asset],
                "quantity": postings.quantity[at],
                "market_value": round_down(market_value, self.unit),
                "value_after_haircut": round_down(postings.value[at], self.unit),
                "counted": postings.counted[at],
                "cost": round_up(self.case.cost[at] * market_value, self.unit),
                "already_posted": held[at],
                "move": np.where(np.abs(move) < 1e-6 * step, 0.0, move),
            }
        )

    def coverage(self) -> pd.DataFrame:
        """Requirement of each account, what covers it, and what one unit more would cost."""
        left, right = self._sides()
        return pd.DataFrame(
            {
                "account": self.accounts,
                "venue": self.given.venue,
                "requirement": self.case.problem.requirement,
                "posted": self.postings.total,
                "shortfall": self.postings.shortfall,
                "price_of_margin": self.price_of_margin,
                "price_left": left,
                "price_right": right,
                "reasons": pd.Series(self._reasons(), dtype=object),
            }
        )

    def asset_table(self) -> pd.DataFrame:
        """What there is of each asset of the inventory, and what one unit more would save."""
        row = np.flatnonzero(self.case.listed)
        price, posted = self.given.price[row], self.postings.quantity.sum(axis=0)[row]
        return pd.DataFrame(
            {
                "asset": self.assets[row],
                "price": price,
                "available": self.case.available[row],
                "posted": posted,
                "already_posted": self.case.held.sum(axis=0)[row],
                "market_value": round_down(posted * price, self.unit),
                "value_of_one_more": self.exact.asset_price[row] * price,
            }
        )

    def limits(self) -> pd.DataFrame:
        """Every limit of every account: its room, and what one unit more of room would save."""
        limits = self.given.arrays.limits
        columns = ("limit", "account", "basis", "cap", "counted", "slack", "price")
        if limits is None:
            return pd.DataFrame({name: [] for name in columns})
        account, number = np.nonzero(np.isfinite(np.asarray(limits.size)))
        exact = self.postings.counted
        cap = np.asarray(
            limits.caps(jnp.asarray(self.case.problem.requirement), jnp.asarray(exact.sum(axis=1)))
        )
        cap, counted = (
            table[account, number] for table in (cap, exact @ np.asarray(limits.member, float).T)
        )
        table = self.given.tables.limits
        names = (table["venue"] + ": " + table["by"] + " " + table["name"]).to_numpy(object)
        return pd.DataFrame(
            {
                "limit": names[number],
                "account": self.accounts[account],
                "basis": table["basis"].to_numpy(object)[number],
                "cap": round_down(cap, self.unit),
                "counted": round_down(counted, self.unit),
                "slack": round_down(np.maximum(cap - counted, 0.0), self.unit),  # below is noise
                "price": self._limit_prices(len(table))[account, number],
            }
        )

    def positions(self, slopes: "PositionSlopes", contracts: np.ndarray) -> pd.DataFrame:
        """What one contract more of each position would add to the cost of collateral.

        Args:
            slopes: derivative of each account's margin by each of its positions.
            contracts: names of the book's contracts.
        """
        account, gradient = slopes.account, np.asarray(slopes.marginal, np.float64)
        left, right = (_times(side[account], gradient) for side in self._sides())
        cost = _times(self.price_of_margin[account], gradient)
        rises = gradient >= 0.0
        return pd.DataFrame(
            {
                "account": self.accounts[account],
                "instrument": contracts[slopes.instrument],
                "quantity": np.asarray(slopes.quantity, np.float64),
                "margin_gradient": gradient,
                "cost_per_year": cost,
                "cost_per_day": cost / _DAYS_PER_YEAR,
                "cost_per_year_left": np.where(rises, left, right),
                "cost_per_year_right": np.where(rises, right, left),
            }
        )

    def _sides(self) -> tuple[Float[np.ndarray, " account"], Float[np.ndarray, " account"]]:
        """Price of margin for one unit less, and for one more."""
        if self.slopes is None:
            nothing = np.full(len(self.accounts), np.nan)
            return nothing, nothing
        return np.asarray(self.slopes.left), np.asarray(self.slopes.right)

    def _reasons(self) -> list[list[str]]:
        said: list[list[str]] = [[] for _ in self.accounts]
        for reason in self.postings.reasons:
            cause = describe_reason(reason, self.case.problem, assets=list(self.assets))
            said[reason.venue].append(cause)
        for account in np.flatnonzero(self.postings.shortfall > 0.0):
            said[account] = said[account] or ["no whole lots or allowed movements cover the rest."]
        return said

    def _limit_prices(self, limits: int) -> Float[np.ndarray, "account limit"]:
        """What one unit more under each limit saves; NaN for limits of zero."""
        rows, problem = self.exact.rows, self.case.problem
        price = np.full((len(self.accounts), limits), np.nan)
        price[:, self.case.limit] = 0.0
        own = self.given.tables.limits
        price[:, ((own["basis"] == "posted") & (own["size"] >= 1.0)).to_numpy()] = 0.0
        of_row = np.flatnonzero(rows.kind == RowKind.LIMIT)
        place = (rows.venue[of_row], self.case.limit[rows.limit[of_row]])
        price[place] = self.exact.row_price[of_row]
        alone = np.flatnonzero(rows.upper_limit >= 0)  # a limit that holds one line is its bound
        np.add.at(
            price,
            (problem.venue[alone], self.case.limit[rows.upper_limit[alone]]),
            self.exact.line_price[alone] / problem.worth[alone],
        )
        return price


def _times(
    price: Float[np.ndarray, " position"], gradient: Float[np.ndarray, " position"]
) -> Float[np.ndarray, " position"]:
    """Their product; zero where the margin does not move, whatever the price."""
    moves = gradient != 0.0
    return np.where(moves, np.where(moves, price, 0.0) * gradient, 0.0)
