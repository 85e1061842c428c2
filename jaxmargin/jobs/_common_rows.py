"""Two days in the same rows: contracts, expiries, assets and accounts that both can count by."""

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd

from jaxmargin.io import BookTables, MarketTables
from jaxmargin.jobs._calculation import build_calculation
from jaxmargin.jobs._load import Inputs, market_of
from jaxmargin.market import Market
from jaxmargin.sensitivities import MarginState

__all__ = ["common_states", "has_prices"]

_BY_ASSET = ("spot", "perpetual", "funding")
_BY_PILLAR = ("basis", "volatility", "rate", "width", "skew", "wings", "floor")
_ORDER = ["kind", "underlying", "expiry", "strike", "option_type", "instrument"]


def common_states(
    first: Inputs, second: Inputs, accounts: pd.Index
) -> tuple[MarginState, MarginState]:
    """Both days without what only one of them can value.

    Contracts, and positions in them, stay if both markets have their prices and both books the
    same terms. Expiries stay if both markets have them; assets stay if any has them, and one that
    a market lacks keeps its price of the other. Scenarios are those of each day.

    Args:
        first: inputs of one day.
        second: inputs of the other.
        accounts: the accounts, in the order of the results.
    """
    names = first.market.assets["asset"]
    names = [*names, *second.market.assets["asset"][~second.market.assets["asset"].isin(names)]]
    contracts = _common_contracts(first, second)
    own = first.market.forwards[["asset", "expiry"]]
    pillars = own.merge(second.market.forwards[["asset", "expiry"]], on=["asset", "expiry"])
    return (
        _state(first, second.market, names, pillars, contracts, accounts),
        _state(second, first.market, names, pillars, contracts, accounts),
    )


def _common_contracts(first: Inputs, second: Inputs) -> pd.DataFrame:
    listed = [first.book.instruments, second.book.instruments]
    terms = pd.concat(listed, ignore_index=True).drop_duplicates()
    changed = terms.loc[terms["instrument"].duplicated(), "instrument"]  # one name, other terms
    kept = has_prices(terms, first.market) & has_prices(terms, second.market)
    kept &= ~terms["instrument"].isin(changed)
    return terms[kept].sort_values(_ORDER, ignore_index=True)


def has_prices(contracts: pd.DataFrame, market: MarketTables) -> pd.Series:
    """Which contracts this market can value."""
    kind, assets = contracts["kind"], market.assets
    has = contracts["underlying"].isin(assets["asset"])
    has &= contracts["settlement"].isin(assets["asset"])
    where = pd.MultiIndex.from_frame(contracts[["underlying", "expiry"]])
    for ending, table in (
        (("-future", "-option"), market.forwards),
        (("-option",), market.volatilities),
    ):
        known = where.isin(pd.MultiIndex.from_frame(table[["asset", "expiry"]]))
        has &= ~kind.str.endswith(ending) | known
    marked = assets.loc[assets["perpetual"].notna(), "asset"]
    return has & (~kind.str.endswith("-perpetual") | contracts["underlying"].isin(marked))


def _state(
    inputs: Inputs,
    other: MarketTables,
    names: list[str],
    pillars: pd.DataFrame,
    contracts: pd.DataFrame,
    accounts: pd.Index,
) -> MarginState:
    own = inputs.market
    assets = pd.concat([own.assets, other.assets[~other.assets["asset"].isin(own.assets["asset"])]])
    assets = assets.set_index("asset").loc[names].reset_index()
    whole = replace(own, assets=assets)
    row = own.pillar_row(pillars["asset"], pillars["expiry"])
    kept = pd.MultiIndex.from_frame(own.volatilities[["asset", "expiry"]]).isin(
        pd.MultiIndex.from_frame(pillars)
    )
    cut = replace(
        whole,
        forwards=own.forwards.iloc[row].reset_index(drop=True),
        volatilities=own.volatilities[kept].reset_index(drop=True),
    )
    positions = inputs.book.positions
    positions = positions[positions["instrument"].isin(contracts["instrument"])]
    where = own.asset_row(pd.Series(names))
    inputs = replace(inputs, market=whole)
    market = _with_pillars(market_of(inputs), row)
    inputs = replace(
        inputs,
        market=cut,
        book=BookTables(contracts, positions.reset_index(drop=True), accounts),
        given=inputs.given and (_in_rows(inputs.given[0], where, row), inputs.given[1]),
        stress_moves=inputs.stress_moves
        and (_in_rows(inputs.stress_moves[0], where, row), inputs.stress_moves[1]),
    )
    made = build_calculation(inputs, market)
    return MarginState(made.rulebook, made.book, market)


def _with_pillars(market: Market, row: np.ndarray) -> Market:
    """Only these pillars; the surface stays as fitted to all."""
    taken = jnp.asarray(row)
    parts = {name: getattr(market, name) for name in Market.__dataclass_fields__}
    for name in ("asset", "time", "forward", "rate", "fixed", "surface", "dynamics"):
        parts[name] = jax.tree.map(lambda leaf: leaf[taken], parts[name])
    return Market(**parts)


def _in_rows(
    arrays: dict[str, np.ndarray], asset: np.ndarray, pillar: np.ndarray
) -> dict[str, np.ndarray]:
    """Moves of stated scenarios in other rows; an asset that they do not know (-1) stands still."""
    known = (asset >= 0)[:, None]
    moved = {
        name: np.where(known, arrays[name][asset], 0.0) for name in _BY_ASSET if name in arrays
    }
    moved |= {name: arrays[name][pillar] for name in _BY_PILLAR if name in arrays}
    return arrays | moved
