"""Checked tables of collateral to arrays."""

from dataclasses import dataclass

import jax.numpy as jnp
import numpy as np
import pandas as pd
from jaxtyping import Array, Bool

from jaxmargin.collateral import (
    ConcentrationLimits,
    Holdings,
    LimitBasis,
    TieredHaircuts,
    wrong_way,
)
from jaxmargin.io._collateral import CollateralTables
from jaxmargin.io._market import MarketTables

__all__ = ["CollateralArrays", "build_collateral", "haircut_tiers"]


@dataclass(frozen=True)
class CollateralArrays:
    """What `coverage` and `joint_shortfall` need; accounts and assets in the tables' order.

    Attributes:
        holdings: what is posted.
        haircuts: of each account's venue.
        eligible: what the venue accepts from the account: named in its schedule, and not of an
            issuer that is excluded for it.
        limits: of the venues; None without any.
    """

    holdings: Holdings
    haircuts: TieredHaircuts
    eligible: Bool[Array, "account asset"]
    limits: ConcentrationLimits | None


def build_collateral(tables: CollateralTables, market: MarketTables) -> CollateralArrays:
    """Holdings, haircuts, eligibility and limits of checked tables."""
    assets, accounts = len(market.assets), len(tables.accounts)
    posted = tables.collateral
    quantity = np.zeros((accounts, assets))
    row = tables.accounts.get_indexer(pd.Index(posted["account"]))
    quantity[row, market.asset_row(posted["asset"])] = posted["quantity"].to_numpy()
    venues = pd.Index(np.sort(tables.schedule["venue"].unique()))
    venue = np.zeros(accounts, np.int64)  # whichever, for an account that posts nothing
    venue[row] = venues.get_indexer(pd.Index(posted["venue"]))
    upper, fraction = haircut_tiers(tables.schedule, venues, market)
    accepted = np.any(upper > 0.0, axis=-1)[venue]
    return CollateralArrays(
        holdings=Holdings(jnp.asarray(quantity)),
        haircuts=TieredHaircuts(jnp.asarray(upper[venue]), jnp.asarray(fraction[venue])),
        eligible=jnp.asarray(accepted) & ~_excluded(tables, market, venue, venues),
        limits=_limits(tables, market, venue, venues),
    )


def haircut_tiers(
    schedule: pd.DataFrame, venues: pd.Index, market: MarketTables
) -> tuple[np.ndarray, np.ndarray]:
    """Upper bound and haircut of each venue, asset and tier; nothing counts of other assets."""
    tier = schedule.groupby(["venue", "asset"]).cumcount().to_numpy()
    place = venues.get_indexer(pd.Index(schedule["venue"])), market.asset_row(schedule["asset"])
    shape = (len(venues), len(market.assets), int(tier.max(initial=0)) + 1)
    upper, fraction = np.full(shape, np.nan), np.full(shape, np.nan)
    upper[(*place, tier)] = schedule["up_to"].fillna(np.inf).to_numpy()
    fraction[(*place, tier)] = schedule["haircut"].to_numpy()
    upper[..., 0] = np.nan_to_num(upper[..., 0], nan=0.0, posinf=np.inf)
    fraction[..., 0] = np.nan_to_num(fraction[..., 0], nan=1.0)
    for later in range(1, shape[-1]):  # fewer tiers: the last one repeated
        for table in (upper, fraction):
            table[..., later] = np.where(
                np.isnan(table[..., later]), table[..., later - 1], table[..., later]
            )
    return upper, fraction


def _excluded(
    tables: CollateralTables, market: MarketTables, venue: np.ndarray, venues: pd.Index
) -> Bool[Array, "account asset"]:
    """Whether an asset is of an issuer that is excluded for the account."""
    schedule, issued = tables.schedule, tables.schedule["issuer"] != ""
    issuers = pd.Index(np.sort(schedule.loc[issued, "issuer"].unique()))
    exposed = np.zeros((len(tables.accounts), max(len(issuers), 1)), bool)
    row = tables.accounts.get_indexer(pd.Index(tables.exclusions["account"]))
    exposed[row, issuers.get_indexer(pd.Index(tables.exclusions["issuer"]))] = True
    found = np.zeros((len(tables.accounts), len(market.assets)), bool)
    for number, name in enumerate(venues):
        own = schedule[issued & (schedule["venue"] == name)]
        issuer = np.full(len(market.assets), -1)
        issuer[market.asset_row(own["asset"])] = issuers.get_indexer(pd.Index(own["issuer"]))
        here = venue == number
        found[here] = wrong_way(jnp.asarray(issuer), jnp.asarray(exposed[here]))
    return jnp.asarray(found)


def _limits(
    tables: CollateralTables, market: MarketTables, venue: np.ndarray, venues: pd.Index
) -> ConcentrationLimits | None:
    """Each limit on the accounts of its venue; infinite for all others."""
    limits, schedule = tables.limits, tables.schedule
    if limits.empty:
        return None
    member = np.zeros((len(limits), len(market.assets)), bool)
    for number, (at, by, name) in enumerate(limits[["venue", "by", "name"]].to_numpy(str)):
        chosen = (schedule["venue"] == at) & (schedule[str(by)] == name)
        member[number, market.asset_row(schedule.loc[chosen, "asset"])] = True
    here = venue[:, None] == venues.get_indexer(pd.Index(limits["venue"]))[None, :]
    size = np.where(here, limits["size"].to_numpy()[None, :], np.inf)
    basis = tuple(LimitBasis(name) for name in limits["basis"])
    return ConcentrationLimits(jnp.asarray(member), jnp.asarray(size), basis)
