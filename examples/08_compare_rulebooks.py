"""Eight strategies on one real chain under eight rulebooks: what each rule asks of each strategy.

Needs the reference data (prices and chains are not shipped): set JAXMARGIN_REFERENCE_DATA.
Writes a job folder, `rulebooks-2026-02-05`, that `jaxmargin compare` runs as well.
"""

# %% The option chain of 2026-02-05 becomes market tables; perpetuals are marked at spot.
import os
from pathlib import Path

import numpy as np
import pandas as pd

from jaxmargin.io import read_deribit, write_chain, write_table
from jaxmargin.jobs import run_compare
from jaxmargin.report import plot_ratios

beside = Path(__file__).resolve().parents[2] / "shared"
data = Path(os.environ.get("JAXMARGIN_REFERENCE_DATA", beside)) / "data"
folder = Path(os.environ.get("JAXMARGIN_EXAMPLE_OUT", ".")) / "rulebooks-2026-02-05"
chain = data / "deribit_option_chains_daily.parquet"
write_chain(read_deribit(chain, snapshot="2026-02-05T09:36"), folder)
assets = pd.read_parquet(folder / "market/assets.parquet").assign(perpetual=lambda t: t["spot"])
write_table(assets, folder / "market/assets.parquet")
closes = pd.read_parquet(data / "daily_ohlcv_yahoo.parquet", columns=["date", "asset", "close"])
closes = closes[closes["asset"].isin(["BTC", "ETH"]) & (closes["date"] >= "2017-11-09")]
closes["time"] = pd.to_datetime(closes.pop("date"), utc=True)
write_table(closes, folder / "history.parquet")

# %% 400 accounts, each with one strategy in one coin: (days, strike over spot, type), quantity.
PERPETUAL = (0, 1.0, "perpetual")
STRATEGIES = {
    "short put": {(30, 0.9, "put"): -1},
    "short strangle": {(30, 0.85, "put"): -1, (30, 1.15, "call"): -1},
    "put spread": {(30, 0.95, "put"): -1, (30, 0.85, "put"): 1},
    "calendar spread": {(8, 1.0, "call"): -1, (80, 1.0, "call"): 1},
    "long straddle": {(30, 1.0, "call"): 1, (30, 1.0, "put"): 1},
    "hedged short call": {(30, 1.05, "call"): -1, PERPETUAL: 0.5},
    "leveraged long": {PERPETUAL: 1},
    "far calls sold": {(140, 1.8, "call"): -3},
}
listed, spot = pd.read_parquet(folder / "instruments.parquet"), assets.set_index("asset")["spot"]
options = listed[listed["kind"] == "inverse-option"]
days_left = (options["expiry"] - pd.Timestamp("2026-02-05T09:36Z")).dt.total_seconds() / 86_400
moneyness = options["strike"] / options["underlying"].map(spot)
perpetuals = listed[listed["kind"] == "spot"].assign(kind="inverse-perpetual")
perpetuals["settlement"] = perpetuals["underlying"]
perpetuals["instrument"] = perpetuals["underlying"] + "-PERPETUAL"
write_table(pd.concat([options, perpetuals]), folder / "instruments.parquet")
random, rows, groups = np.random.default_rng(20260205), [], {}
for number in range(400):
    name, coin = list(STRATEGIES)[number % 8], ("BTC", "ETH")[number // 8 % 2]
    size, shift = 10 ** random.uniform(0, 2), random.uniform(0.97, 1.03)
    for (days, strike, kind), sign in STRATEGIES[name].items():
        of = options[(options["underlying"] == coin) & (options["option_type"] == kind)]
        far = (0.01 * (days_left - days).abs() + (moneyness - shift * strike).abs())[of.index]
        held = f"{coin}-PERPETUAL" if of.empty else of.loc[far.idxmin(), "instrument"]
        quantity = sign * size * (spot[coin] if of.empty else 1.0)
        rows.append((f"{name} {number:03d}", held, round(quantity, 1)))
    groups[f"{name} {number:03d}"] = name
positions = pd.DataFrame(rows, columns=["account", "instrument", "quantity"])
write_table(positions, folder / "positions.parquet")

# %% One job, eight rulebooks. The first, expected shortfall, is what the others are compared with.
(folder / "job.toml").write_text("""
title = "Eight strategies, Deribit chain of 2026-02-05"
valuation_time = 2026-02-05T09:36:47.412509Z
market.assets = "market/assets.parquet"
market.forwards = "market/forwards.parquet"
market.volatilities = "market/volatilities.parquet"
book = { instruments = "instruments.parquet", positions = "positions.parquet" }
scenarios = { kind = "historical", history = "history.parquet" }
rulebook = { kind = "expected-shortfall", level = 0.99, horizon_days = 2, maintenance_ratio = 0.8 }
""")
NAMES = """expected-shortfall value-at-risk derive-pmrm2 derive-standard deribit-pm scan-grid
bybit-uta fixed-percentage"""
result = run_compare(folder / "job.toml", NAMES.split(), folder)
print(result.summary.round(2).to_string())
plot_ratios(result.margins, groups, title="Eight strategies").savefig(folder / "strategies.png")
