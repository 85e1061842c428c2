"""Margin 500 random accounts on every Deribit option of one day, with joint BTC and ETH history.

Needs the reference data (prices and chains are not shipped): set JAXMARGIN_REFERENCE_DATA.
Writes a job folder, `deribit-2026-02-05`, that `jaxmargin margin` runs as well.
"""

# %% The option chain of 2026-02-05 becomes market tables and instruments.
import os
from pathlib import Path

import numpy as np
import pandas as pd
from rich.console import Console

from jaxmargin.io import read_deribit, write_chain, write_table
from jaxmargin.jobs import run_margin
from jaxmargin.report import margin_summary

beside = Path(__file__).resolve().parents[2] / "shared"
data = Path(os.environ.get("JAXMARGIN_REFERENCE_DATA", beside)) / "data"
folder = Path(os.environ.get("JAXMARGIN_EXAMPLE_OUT", ".")) / "deribit-2026-02-05"
chain = data / "deribit_option_chains_daily.parquet"
print(*write_chain(read_deribit(chain, snapshot="2026-02-05T09:36"), folder), sep="\n")

# %% Daily closes of BTC and ETH, 2017-11-09 to 2024-12-07; each is the price at the day's end.
closes = pd.read_parquet(data / "daily_ohlcv_yahoo.parquet", columns=["date", "asset", "close"])
closes = closes[closes["asset"].isin(["BTC", "ETH"]) & (closes["date"] >= "2017-11-09")]
days = pd.to_datetime(closes["date"], utc=True)
history = closes.assign(time=days)[["time", "asset", "close"]]
write_table(history, folder / "history.parquet")

# %% 500 accounts hold 1 to 40 of the options, futures and coins, long or short.
random = np.random.default_rng(20260205)
instruments = pd.read_parquet(folder / "instruments.parquet")
size = instruments["kind"].map({"inverse-option": 5.0, "inverse-future": 2000.0, "spot": 0.5})
accounts = []
for number in range(500):
    held = random.choice(len(instruments), random.integers(1, 41), replace=False)
    quantity = np.round(random.normal(0.0, size.to_numpy()[held]), 1)
    names = instruments["instrument"].to_numpy()[held]
    account = {"account": f"account-{number:03d}", "instrument": names, "quantity": quantity}
    accounts.append(pd.DataFrame(account))
write_table(pd.concat(accounts, ignore_index=True), folder / "positions.parquet")

# %% Expected shortfall at 97.5 % over one and over two days.
JOB = """
title = "Deribit options, futures and coins, 2026-02-05, ES 97.5 %, {days} d"
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
kind = "historical"
history = "history.parquet"
[rulebook]
kind = "expected-shortfall"
level = 0.975
horizon_days = {days}
maintenance_ratio = 0.8
"""
for horizon in (1, 2):
    job = folder / f"job-{horizon}d.toml"
    job.write_text(JOB.format(days=horizon))
    result = run_margin(job, folder / f"results-{horizon}d")
    Console().print(margin_summary(result.requirements, result.manifest))
