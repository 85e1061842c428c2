"""Level, term, skew and basis of real option surfaces as risk factors, together with spot."""

import numpy as np
import pandas as pd
import pytest
from reference import reference

from jaxmargin.io import read_deribit, write_chain, write_table
from jaxmargin.jobs import make_scenarios, run_margin

QUARTER_DELTA = 0.6745  # standard deviations at which a call or put has a delta of 1/4

JOB = """
valuation_time = 2026-02-05T09:36:47.412509Z
precision = "f64"
[market]
assets = "market/assets.parquet"
forwards = "market/forwards.parquet"
volatilities = "market/volatilities.parquet"
[book]
instruments = "instruments.parquet"
positions = "positions.parquet"
[scenarios]
kind = "{kind}"
history = "history.parquet"
{keys}
[rulebook]
kind = "expected-shortfall"
level = 0.9
horizon_days = 1
maintenance_ratio = 0.8
"""


def states(group):
    """One day of one coin: spot, and its surface at 30 days, between about 7 and 180."""
    group = group.sort_values("days")
    days, level = group["days"].to_numpy(), np.log(group["iv_atm"].to_numpy())
    near, middle, far = np.interp(np.log([7.0, 30.0, 180.0]), np.log(days), level)
    skewness = (group["iv_25c"] - group["iv_25p"]) / (2.0 * group["iv_atm"] * QUARTER_DELTA)
    carry = np.log(group["fwd_parity"] / group["index_price"]) * 365.0 / days
    longer = days > 60.0
    return pd.Series(
        {
            "close": group["index_price"].iloc[0],
            "volatility": np.exp(middle),
            "term": (far - near) / np.log(180.0 / 7.0),
            "skew": np.interp(30.0, days, skewness),
            "basis": np.interp(120.0, days[longer], carry[longer]),
        }
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Market and book of 2026-02-05, with 120 days of states of both coins."""
    out = tmp_path_factory.mktemp("surface")
    chain = reference("data/deribit_option_chains_daily.parquet")
    write_chain(read_deribit(chain, snapshot="2026-02-05T09:36"), out)
    table = pd.read_parquet(reference("data/deribit_surface_term_structure_6h.parquet"))
    table = table[table["days"] > 2.0].dropna(subset=["fwd_parity", "iv_25c", "iv_25p"])
    table["time"] = table["snapshot"].dt.floor("D")
    first = table.groupby(["time", "currency"])["snapshot"].transform("min")
    daily = table[table["snapshot"] == first].groupby(["time", "currency"])
    history = daily.apply(states, include_groups=False).reset_index()
    write_table(history.rename(columns={"currency": "asset"}), out / "history.parquet")
    book = pd.DataFrame(
        {
            "account": "desk",
            "instrument": ["BTC-27MAR26-60000-P", "BTC-27MAR26-90000-C", "BTC-26JUN26"],
            "quantity": [-20.0, -20.0, -3000.0],
        }
    )
    write_table(book, out / "positions.parquet")
    return out


def job(folder, kind, keys=""):
    path = folder / f"{kind}.toml"
    path.write_text(JOB.format(kind=kind, keys=keys))
    return path


def test_surface_factors_move_together_with_spot_as_in_the_history(folder):
    keys = "scenarios = 65536\nsampling = 'sobol'"
    table, made, _ = make_scenarios(job(folder, "gaussian", keys))
    assert len(made.names) == 10 and set(made.names) >= {"BTC skew", "ETH term", "BTC basis"}
    history = pd.read_parquet(folder / "history.parquet")
    btc = history[history["asset"] == "BTC"].sort_values("time")
    spot, level = np.diff(np.log(btc["close"])), np.diff(np.log(btc["volatility"]))
    known = np.corrcoef(spot, level)[0, 1]
    assert known < -0.4  # volatility rises when the price falls, in this winter strongly
    month = next(c for c in table.columns if c.startswith("volatility BTC 2026-03"))
    drawn = np.corrcoef(np.log1p(table["spot BTC"]), np.log1p(table[month]))[0, 1]
    # the month of March has 50 days left, so a little of the term factor as well
    assert abs(drawn - known) < 0.1
    np.testing.assert_allclose(np.log1p(table["spot BTC"]).std(), spot.std(ddof=1), rtol=0.01)
    crash = history["time"] == pd.Timestamp("2026-02-06", tz="UTC")
    assert crash.any() and level[np.argmin(spot)] > 0.05


def test_volatility_that_moves_with_spot_changes_the_margin(folder):
    with_states = run_margin(job(folder, "historical"), folder / "out").requirements.iloc[0]
    history = pd.read_parquet(folder / "history.parquet")
    write_table(history[["time", "asset", "close"]], folder / "prices.parquet")
    path = job(folder, "historical")
    path.write_text(path.read_text().replace("history.parquet", "prices.parquet"))
    alone = run_margin(path, folder / "out2").requirements.iloc[0]
    assert with_states["initial"] > 1.05 * alone["initial"]  # short options fear rising volatility
    assert with_states["standard_error"] > 0.0
