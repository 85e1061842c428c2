"""From a checked history to risk factors and their moves."""

import jax.numpy as jnp
import numpy as np

from jaxmargin.io._history import STATES, History
from jaxmargin.io._market import MarketTables
from jaxmargin.market import Market
from jaxmargin.scenarios import FactorHistory, RiskFactors, price_history

__all__ = ["build_history", "factor_names"]

_DAYS_PER_YEAR = 365.0
_SHORTEST = 1.0 / 365.0  # years to expiry below which a term factor does not grow
_REFERENCE = 30.0 / 365.0  # years at which a term factor has no effect
_SMALLEST_WIDTH = 1e-3
_BY_PILLAR = ("basis", "volatility", "skew")


def factor_names(history: History) -> list[str]:
    """Names of the risk factors of a history, as `build_history` orders them."""
    spots = [f"{asset} spot" for asset in history.closes.columns]
    return spots + [f"{asset} {state}" for state, asset in _found(history)]


def _found(history: History) -> list[tuple[str, str]]:
    return [(state, str(a)) for state in STATES for a in history.states.get(state, ())]


def build_history(
    history: History, tables: MarketTables, market: Market, *, horizon_days: int
) -> tuple[FactorHistory, list[str]]:
    r"""One risk factor for each asset's price and for each of its states, and their names.

    - `close`: log change of the price, or of its ratio to what the asset follows. Moves `spot`.
    - `volatility`, at the money at about 30 days: its log change moves all expiries alike.
    - `term`, $d \ln \sigma / d \ln T$: its change times $\ln(T / 30 d)$ moves volatilities;
      expiries within a day count as one day.
    - `skew`, $(\sigma_{+1} - \sigma_{-1}) / 2 \sigma_0$, of strikes one standard deviation above
      and below the forward: its change tilts smiles, see `SmileTilt`.
    - `basis`, the annual carry $\ln(F / S) / T$: its change times the years that are left
      after the scenario moves forwards.
    - `funding`, the annual rate of the perpetual: its change moves `funding`.

    Args:
        history: checked history.
        tables: the market's tables, for the order of assets.
        market: today's market, for expiries and the width of smiles.
        horizon_days: days that pass in the scenarios.
    """
    assets = history.closes.columns.to_series()
    row_of = dict(zip(assets, (int(row) for row in tables.asset_row(assets)), strict=True))
    prices = price_history(history.closes.to_numpy(np.float64), market, list(row_of.values()))
    names, found = factor_names(history), _found(history)
    if not found:
        return prices, names
    years, pillar_asset = np.asarray(market.time), np.asarray(market.asset)
    unit = {
        "volatility": np.ones_like(years),
        "term": np.log(np.maximum(years, _SHORTEST) / _REFERENCE),
        "skew": np.ones_like(years),
        "basis": np.maximum(years - horizon_days / _DAYS_PER_YEAR, 0.0),
    }
    loadings = {name: np.zeros((years.size, len(found))) for name in _BY_PILLAR}
    loadings["funding"] = np.zeros((len(tables.assets), len(found)))
    moves = []
    for column, (state, asset) in enumerate(found):
        series = history.states[state][asset].to_numpy(np.float64)
        moves.append(np.diff(np.log(series) if state == "volatility" else series))
        if state == "funding":
            loadings["funding"][row_of[asset], column] = 1.0
        else:
            target = "volatility" if state == "term" else state
            loadings[target][:, column] = np.where(pillar_asset == row_of[asset], unit[state], 0.0)
    before = prices.moves.shape[1]

    def after(name: str) -> jnp.ndarray | None:
        part = loadings[name]
        if not part.any():
            return None
        return jnp.asarray(np.concatenate([np.zeros((part.shape[0], before)), part], axis=1))

    skew = after("skew")
    factors = RiskFactors(
        spot=jnp.pad(prices.factors.spot, ((0, 0), (0, len(found)))),
        funding=after("funding"),
        basis=after("basis"),
        volatility=after("volatility"),
        skew=skew,
        width=None if skew is None else _width(market),
        pillars=years.size,
    )
    whole = np.concatenate([np.asarray(prices.moves, np.float64), np.stack(moves, axis=1)], axis=1)
    return FactorHistory(factors, jnp.asarray(whole)), names


def _width(market: Market) -> jnp.ndarray:
    """One standard deviation of the log price to each expiry; 1 where there is no volatility."""
    pillars = jnp.arange(market.time.shape[0])
    width = np.asarray(market.total_volatility(pillars, market.forward), np.float64)
    usable = np.isfinite(width) & (width > 0.0)
    return jnp.asarray(np.where(usable, np.maximum(width, _SMALLEST_WIDTH), 1.0))
