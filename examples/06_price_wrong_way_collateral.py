"""Post Bitcoin for short puts and for short calls: the same haircut, not the same risk.

Needs the reference data (prices and chains are not shipped): set JAXMARGIN_REFERENCE_DATA.
"""

# %% The Deribit chain of 2026-02-05, and daily closes of BTC and ETH from 2017-11-09.
import os
from pathlib import Path

import jax
import jax.numpy as jnp
import pandas as pd

from jaxmargin.collateral import coverage, joint_shortfall
from jaxmargin.io import (
    Problems,
    build_book,
    build_collateral,
    build_market,
    read_collateral,
    read_deribit,
    write_chain,
    write_table,
)
from jaxmargin.jobs import build_scenarios, load_inputs
from jaxmargin.risk import ExpectedShortfall

jax.config.update("jax_enable_x64", True)
beside = Path(__file__).resolve().parents[2] / "shared"
data = Path(os.environ.get("JAXMARGIN_REFERENCE_DATA", beside)) / "data"
folder = Path(os.environ.get("JAXMARGIN_EXAMPLE_OUT", ".")) / "wrong-way"
chain = read_deribit(data / "deribit_option_chains_daily.parquet", snapshot="2026-02-05T09:36")
write_chain(chain, folder)
closes = pd.read_parquet(data / "daily_ohlcv_yahoo.parquet", columns=["date", "asset", "close"])
closes = closes[closes["asset"].isin(["BTC", "ETH"]) & (closes["date"] >= "2017-11-09")]
closes = closes.assign(time=pd.to_datetime(closes["date"], utc=True)).drop(columns="date")
write_table(closes, folder / "history.parquet")

# %% Two accounts, each short 20 options with a strike of 70,000, each with 5 BTC posted.
SHORT = "account,instrument,quantity\nputs,BTC-27MAR26-70000-P,-20\ncalls,BTC-27MAR26-70000-C,-20\n"
(folder / "positions.csv").write_text(SHORT)
(folder / "collateral.csv").write_text("account,asset,quantity\nputs,BTC,5\ncalls,BTC,5\n")
(folder / "schedule.csv").write_text("venue,asset,haircut\nDeribit,BTC,0.1\n")
JOB = """
valuation_time = 2026-02-05T09:36:47.412509Z
precision = "f64"
market.assets = "market/assets.parquet"
market.forwards = "market/forwards.parquet"
market.volatilities = "market/volatilities.parquet"
book = { instruments = "instruments.parquet", positions = "positions.csv" }
scenarios = { kind = "historical", history = "history.parquet" }
rulebook = { kind = "expected-shortfall", level = 0.975, horizon_days = 1, maintenance_ratio = 0.8 }
"""
(folder / "job.toml").write_text(JOB)

# %% Margin covered by the collateral after its haircut; then both in the same scenarios.
inputs = load_inputs(folder / "job.toml")
market = build_market(inputs.market)
scenarios = build_scenarios(inputs, market)
shocks = scenarios.source.shocks(market, scenarios.key)
files = {name: folder / f"{name}.csv" for name in ("collateral", "schedule")}
problems = Problems()
tables = read_collateral(files, inputs.market, inputs.book.accounts, problems)
problems.raise_if_any()
posted = build_collateral(tables, inputs.market)
joint = joint_shortfall(
    build_book(inputs.book, inputs.market), posted.holdings, market, shocks,
    ExpectedShortfall(0.975), liquidation_cost=jnp.full(len(market.spot), 0.005),
    key=jax.random.key(0), pairings=64,
)  # fmt: skip
covered = coverage(posted.holdings, market.spot, joint.book, posted.haircuts)
columns = {"margin": joint.book, "after haircut": covered.after_limits, "joint": joint.joint,
           "independent": joint.independent, "wrong-way charge": joint.wrong_way_charge,
           "by chance": joint.spread}  # fmt: skip
print(pd.DataFrame(columns, index=tables.accounts).map("{:,.0f}".format).to_string())
