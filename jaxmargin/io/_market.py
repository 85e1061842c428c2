"""Market tables to a `Market`, with labels beside it."""

from dataclasses import dataclass
from pathlib import Path

import jax.numpy as jnp
import numpy as np
import pandas as pd

from jaxmargin.io._problems import Problems
from jaxmargin.io._read import read_table
from jaxmargin.io._schema import ASSETS, FORWARDS, VOLATILITIES
from jaxmargin.io._surface import build_surface
from jaxmargin.market import Market, StickyDelta, StickyMoneyness, StickyStrike

__all__ = ["MarketTables", "build_market", "check_market", "read_market"]

_SECONDS_PER_YEAR = 365.0 * 86_400.0
_MINUTES_PER_YEAR = 365.0 * 1_440.0
_CLOCKS_DIFFER = pd.Timedelta(hours=1)  # of a venue and of who collects; marks are late, not early


@dataclass(frozen=True)
class MarketTables:
    """The three market tables as read, in the order of the market's arrays.

    Attributes:
        assets: one row per asset; the numeraire is among them.
        forwards: one row per pillar.
        volatilities: one row per quote.
        time: valuation time.
        averaging: years before expiry over which settlement prices are averaged.
        files: file name of each table, for messages.
    """

    assets: pd.DataFrame
    forwards: pd.DataFrame
    volatilities: pd.DataFrame
    time: pd.Timestamp
    averaging: float
    files: dict[str, str]

    def asset_row(self, names: pd.Series) -> np.ndarray:
        """Row of each asset name in `Market.spot`."""
        return pd.Index(self.assets["asset"]).get_indexer(pd.Index(names)).astype(np.int32)

    def base_row(self) -> np.ndarray:
        """Row of the asset that each asset follows; its own where it follows none."""
        assets = self.assets
        return self.asset_row(assets["asset"].where(assets["base"] == "", assets["base"]))

    def pillar_row(self, asset: pd.Series, expiry: pd.Series) -> np.ndarray:
        """Row of each (asset, expiry) in `Market.forward`; -1 where there is none."""
        pillars = pd.MultiIndex.from_frame(self.forwards[["asset", "expiry"]])
        wanted = pd.MultiIndex.from_arrays([asset, expiry])
        return pillars.get_indexer(wanted).astype(np.int32)


def read_market(
    paths: dict[str, Path],
    time: pd.Timestamp,
    *,
    numeraire: str,
    averaging_minutes: float,
    problems: Problems,
) -> MarketTables | None:
    """Read and check the market tables; None if one could not be used.

    Args:
        paths: files of `assets`, `forwards` and `volatilities`.
        time: valuation time; an expiry at or before it is expired.
        numeraire: currency that prices are in; added as an asset with price 1 if it is not there.
        averaging_minutes: length of the window before expiry over which settlement prices are
            averaged; 0 for none.
        problems: where problems go.
    """
    before = len(problems.found)
    tables = {
        schema.name: read_table(paths[schema.name], schema, problems)
        for schema in (ASSETS, FORWARDS, VOLATILITIES)
    }
    assets, forwards, volatilities = (
        tables[schema.name] for schema in (ASSETS, FORWARDS, VOLATILITIES)
    )
    if assets is None or forwards is None or volatilities is None:
        return None
    if numeraire not in set(assets["asset"]):
        row = {"asset": numeraire, "spot": 1.0, "kind": "currency", "base": ""}
        assets = pd.concat([assets, pd.DataFrame([row])], ignore_index=True)
    market = MarketTables(
        assets=assets,
        forwards=forwards.sort_values(["asset", "expiry"], ignore_index=True),
        volatilities=volatilities.sort_values(["asset", "expiry", "strike"], ignore_index=True),
        time=time,
        averaging=averaging_minutes / _MINUTES_PER_YEAR,
        files={name: path.name for name, path in paths.items()},
    )
    check_market(market, forwards, volatilities, numeraire, problems)
    return market if len(problems.found) == before else None


def check_market(
    market: MarketTables,
    forwards: pd.DataFrame,
    volatilities: pd.DataFrame,
    numeraire: str,
    problems: Problems,
) -> None:
    """Check what no table shows alone; `forwards` and `volatilities` in the order of the files."""
    assets = market.assets
    own = assets.loc[assets["asset"] == numeraire, "spot"]
    if (own != 1.0).any():
        problems.add(
            f"{market.files['assets']}, column spot",
            f"the numeraire {numeraire!r} has price {own.iloc[0]}",
            "Prices are in units of the numeraire, so its own is 1.",
        )
    _check_bases(market, problems)
    for name, table in (("forwards", forwards), ("volatilities", volatilities)):
        file = market.files[name]
        problems.add_unknown(
            file, "asset", table["asset"], assets["asset"], "Add them to the assets table."
        )
        problems.add_rows(
            file,
            "expiry",
            table["expiry"] <= market.time,
            f"not after the valuation time {market.time.isoformat()}",
            "Take out what has expired, or correct valuation_time.",
            values=table["expiry"].astype(str),
        )
    problems.add_rows(
        market.files["forwards"],
        "as_of",
        forwards["as_of"] >= forwards["expiry"],
        "not before the expiry",
        "Give the time at which the row's prices were marked.",
        values=forwards["as_of"].astype(str),
    )
    problems.add_rows(
        market.files["forwards"], "as_of", forwards["as_of"] > market.time + _CLOCKS_DIFFER,
        f"later than the valuation time {market.time.isoformat()} by more than an hour",
        "Take out later prices, or correct valuation_time.", values=forwards["as_of"].astype(str),
    )  # fmt: skip
    quoted = pd.MultiIndex.from_frame(volatilities[["asset", "expiry"]])
    pillars = pd.MultiIndex.from_frame(forwards[["asset", "expiry"]])
    problems.add_rows(
        market.files["volatilities"],
        "asset + expiry",
        ~quoted.isin(pillars),
        "no forward for this asset and expiry",
        "Add the forward price to the forwards table.",
        values=volatilities["asset"] + " " + volatilities["expiry"].astype(str),
    )


def _check_bases(market: MarketTables, problems: Problems) -> None:
    """What follows another asset is of kind wrapped, and follows one that follows none."""
    assets, file = market.assets, market.files["assets"]
    base = assets["base"]
    known = assets.loc[base == "", "asset"]
    problems.add_unknown(
        file, "base", base[base != ""], known, "Name an asset that has no base itself."
    )
    problems.add_rows(
        file,
        "base",
        (base != "") != (assets["kind"] == "wrapped"),
        "a base without kind wrapped, or kind wrapped without a base",
        "Give both or neither.",
        values=assets["asset"],
    )


def build_market(
    tables: MarketTables, *, surface: str = "linear", dynamics: str = "sticky-strike"
) -> Market:
    """The market of checked tables, in the precision JAX is set to.

    Args:
        tables: the market tables.
        surface: how quotes become a surface, see `build_surface`.
        dynamics: sticky-strike, sticky-moneyness or sticky-delta.

    Raises:
        InvalidInputError: an expiry's quotes do not fit the surface.
    """
    assets, forwards = tables.assets, tables.forwards
    spot = assets["spot"].to_numpy()
    perpetual = assets["perpetual"].fillna(assets["spot"]).to_numpy()
    marked = forwards["as_of"].fillna(tables.time)
    years = (forwards["expiry"] - marked).dt.total_seconds().to_numpy() / _SECONDS_PER_YEAR
    fixed = np.zeros_like(years)
    if tables.averaging > 0.0:
        fixed = np.clip(1.0 - years / tables.averaging, 0.0, 1.0)
    forward, time = jnp.asarray(forwards["forward"].to_numpy()), jnp.asarray(years)
    moving = {
        "sticky-strike": StickyStrike,
        "sticky-moneyness": lambda: StickyMoneyness(forward),
        "sticky-delta": lambda: StickyDelta(forward, time),
    }
    quotes = tables.volatilities
    row = tables.pillar_row(quotes["asset"], quotes["expiry"])
    return Market(
        spot=jnp.asarray(spot),
        perpetual=jnp.asarray(perpetual),
        funding=jnp.asarray(assets["funding"].fillna(0.0).to_numpy()),
        base=jnp.asarray(tables.base_row()),
        fixed=jnp.asarray(fixed),
        asset=jnp.asarray(tables.asset_row(forwards["asset"])),
        time=time,
        forward=forward,
        rate=jnp.asarray(forwards["rate"].to_numpy()),
        surface=build_surface(forwards.assign(years=years), quotes.assign(pillar=row), surface),
        dynamics=moving[dynamics](),
    )
