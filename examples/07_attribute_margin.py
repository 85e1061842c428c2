"""Attribute margins to positions, and check ladders against derivatives, on a real chain.

Needs the reference data (prices and chains are not shipped): set JAXMARGIN_REFERENCE_DATA.
Writes a job folder that `jaxmargin sensitivities` reads as well.
"""

# %% The option chain of 2026-02-05 and daily closes become the tables of a job.
import os
from pathlib import Path

import numpy as np
import pandas as pd
from rich.console import Console

from jaxmargin.io import read_deribit, write_chain, write_table
from jaxmargin.jobs import build_calculation, load_inputs, run_sensitivities
from jaxmargin.report import plot_attribution, plot_ladder, sensitivity_summary
from jaxmargin.sensitivities import margin_ladder

beside = Path(__file__).resolve().parents[2] / "shared"
data = Path(os.environ.get("JAXMARGIN_REFERENCE_DATA", beside)) / "data"
folder = Path(os.environ.get("JAXMARGIN_EXAMPLE_OUT", ".")) / "attribution"
chain = data / "deribit_option_chains_daily.parquet"
print(*write_chain(read_deribit(chain, snapshot="2026-02-05T09:36"), folder)[:2], sep="\n")
closes = pd.read_parquet(data / "daily_ohlcv_yahoo.parquet", columns=["date", "asset", "close"])
closes = closes[closes["asset"].isin(["BTC", "ETH"]) & (closes["date"] >= "2020-01-01")]
days = pd.to_datetime(closes["date"], utc=True)
write_table(closes.assign(time=days)[["time", "asset", "close"]], folder / "history.parquet")

# %% 20 accounts hold 12 options, futures and coins each, long or short.
random = np.random.default_rng(20260205)
listed = pd.read_parquet(folder / "instruments.parquet")
size = listed["kind"].map({"inverse-option": 5.0, "inverse-future": 2000.0, "spot": 0.5})
parts = []
for number in range(20):
    held = random.choice(len(listed), 12, replace=False)
    quantity = np.round(random.normal(0.0, size.to_numpy()[held]), 1)
    names = listed["instrument"].to_numpy()[held]
    account = {"account": f"account-{number:02d}", "instrument": names, "quantity": quantity}
    parts.append(pd.DataFrame(account))
write_table(pd.concat(parts, ignore_index=True), folder / "positions.parquet")
job = folder / "job.toml"
job.write_text("""
title = "Deribit, 2026-02-05"
valuation_time = 2026-02-05T09:36:47.412509Z
precision = "f64"
market.assets = "market/assets.parquet"
market.forwards = "market/forwards.parquet"
market.volatilities = "market/volatilities.parquet"
book = { instruments = "instruments.parquet", positions = "positions.parquet" }
scenarios = { kind = "historical", history = "history.parquet" }
rulebook = { kind = "expected-shortfall", level = 0.975, horizon_days = 1, maintenance_ratio = 0.8 }
""")

# %% Contributions add up to the margin of each account.
result = run_sensitivities(job, folder / "results")
Console().print(sensitivity_summary(vars(result), result.facts))
margins = result.accounts.set_index("account")["initial"]
whole = result.positions.groupby("account")["contribution"].sum()
print(
    f"Contributions less margins, largest of 20 accounts: {(whole - margins).abs().max():.1e} USD"
)

# %% A ladder of full runs around today has the slope that the derivative says.
step = 1e-5
calculation = build_calculation(inputs := load_inputs(job))
book, market, rulebook = calculation.book, calculation.market, calculation.rulebook
slopes = result.buckets[result.buckets["risk"] == "price"].set_index("asset")["amount"]
for row, asset in enumerate(inputs.market.assets["asset"].iloc[:2]):
    moves = {"price": np.array([-step, step]), "volatility": np.zeros(1)}
    down, up = margin_ladder(rulebook, book, market, asset=row, **moves).sum(axis=0)[:, 0]
    print(f"{asset} +1 %: {slopes[asset]:,.4f} USD, ladder {0.01 * (up - down) / (2 * step):,.4f}")

# %% Pictures: who drives the margin, and margins in moved markets.
title = {"title": "20 accounts on Deribit, 2026-02-05", "currency": "USD"}
plot_attribution(result.positions, **title).savefig(folder / "attribution.png", dpi=150)
plot_ladder(result.ladder, result.buckets, **title).savefig(folder / "ladder.png", dpi=150)
