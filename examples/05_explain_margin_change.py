"""Explain why margins changed from 2026-02-04 to 2026-02-05, when Bitcoin fell.

Needs the reference data (prices and chains are not shipped): set JAXMARGIN_REFERENCE_DATA.
Writes two job folders, which `jaxmargin explain` reads as well.
"""

# %% The option chains of both mornings become market tables and instruments.
import os
from pathlib import Path

import numpy as np
import pandas as pd
from rich.console import Console

from jaxmargin.io import read_deribit, write_chain, write_table
from jaxmargin.jobs import run_explain, run_margin
from jaxmargin.report import explain_summary

beside = Path(__file__).resolve().parents[2] / "shared"
data = Path(os.environ.get("JAXMARGIN_REFERENCE_DATA", beside)) / "data"
folder = Path(os.environ.get("JAXMARGIN_EXAMPLE_OUT", ".")) / "explain"
TIMES = ["2026-02-04T09:36:20.204828Z", "2026-02-05T09:36:47.412509Z"]
days = [folder / time[:10] for time in TIMES]
for time, day in zip(TIMES, days, strict=True):
    chain = read_deribit(data / "deribit_option_chains_daily.parquet", snapshot=time[:16])
    print(*write_chain(chain, day)[:2], sep="\n")

# %% Each day's history: the last 731 prices at 08:00 UTC, so the window moves on by a day.
bars = pd.read_parquet(data / "binance_spot_4h.parquet", columns=["time", "asset", "close"])
bars = bars[bars["asset"].isin(["BTC", "ETH"]) & (bars["time"].dt.hour == 4)]  # opens at 04:00
closes = bars.assign(time=bars["time"] + pd.Timedelta(hours=4)).sort_values(["time", "asset"])
for time, day in zip(TIMES, days, strict=True):
    write_table(closes[closes["time"] <= time].tail(2 * 731), day / "history.parquet")

# %% 50 accounts on the first day's contracts; by the second day some have expired, some traded.
random = np.random.default_rng(20260204)
first, second = (pd.read_parquet(day / "instruments.parquet") for day in days)
size = first["kind"].map({"inverse-option": 5.0, "inverse-future": 2000.0, "spot": 0.5})
accounts = []
for number in range(50):
    held = random.choice(len(first), random.integers(5, 41), replace=False)
    quantity = np.round(random.normal(0.0, size.to_numpy()[held]), 1)
    names = first["instrument"].to_numpy()[held]
    account = {"account": f"account-{number:02d}", "instrument": names, "quantity": quantity}
    accounts.append(pd.DataFrame(account))
before = pd.concat(accounts, ignore_index=True)
after = before[before["instrument"].isin(second["instrument"])].copy()
traded = random.random(len(after)) < 0.1
after.loc[traded, "quantity"] *= np.round(random.uniform(-1.0, 2.0, traded.sum()), 1)
new = second.loc[~second["instrument"].isin(first["instrument"]), "instrument"].head(10)
bought = pd.DataFrame({"account": "account-00", "instrument": new, "quantity": 2.0})
write_table(before, days[0] / "positions.parquet")
write_table(pd.concat([after, bought], ignore_index=True), days[1] / "positions.parquet")

# %% Margin both days, and explain the change.
JOB = """
valuation_time = {time}
precision = "f64"
market.assets = "market/assets.parquet"
market.forwards = "market/forwards.parquet"
market.volatilities = "market/volatilities.parquet"
book = {{ instruments = "instruments.parquet", positions = "positions.parquet" }}
scenarios = {{ kind = "historical", history = "history.parquet" }}
rulebook.kind = "expected-shortfall"
rulebook.level = 0.975
rulebook.horizon_days = 1
rulebook.maintenance_ratio = 0.8
"""
for time, day in zip(TIMES, days, strict=True):
    (day / "job.toml").write_text(JOB.format(time=time))
    run_margin(day / "job.toml", day / "results")
result = run_explain(days[0] / "results", days[1] / "results", out=folder / "change")
Console().print(explain_summary(result.margins, result.steps, result.facts))
print(f"Residual: {result.facts['residual_share']:.6%} of all steps' absolute amounts.")
