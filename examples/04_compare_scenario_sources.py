"""ES 99 % over two days of one real book under every kind of scenario source, in one picture.

Needs the reference data (prices and chains are not shipped): set JAXMARGIN_REFERENCE_DATA.
"""

# %% The Deribit chain of 2026-02-05, and daily closes of BTC and ETH from 2017-11-09.
import os
from pathlib import Path

import pandas as pd
from matplotlib.figure import Figure

from jaxmargin.io import read_deribit, write_chain, write_table
from jaxmargin.jobs import export_scenarios, run_margin

beside = Path(__file__).resolve().parents[2] / "shared"
data = Path(os.environ.get("JAXMARGIN_REFERENCE_DATA", beside)) / "data"
folder = Path(os.environ.get("JAXMARGIN_EXAMPLE_OUT", ".")) / "scenario-sources"
chain = read_deribit(data / "deribit_option_chains_daily.parquet", snapshot="2026-02-05T09:36")
write_chain(chain, folder)
history = pd.read_parquet(data / "daily_ohlcv_yahoo.parquet", columns=["date", "asset", "close"])
history = history[history["asset"].isin(["BTC", "ETH"]) & (history["date"] >= "2017-11-09")]
history = history.assign(time=pd.to_datetime(history["date"], utc=True))
write_table(history.drop(columns="date"), folder / "history.parquet")

# %% The same closes with BTC's volatility index and funding, while all are known.
index = pd.read_parquet(data / "dvol_btc_daily.parquet").set_index("date")["dvol"] / 100.0
index = index.set_axis(pd.to_datetime(index.index, utc=True))
rate = pd.read_parquet(data / "funding_btc_2022_2025.parquet").set_index("time")["funding_rate"]
rate = rate.resample("1D").sum() * 365.0
both = history[history["time"].isin(index.index.intersection(rate.index))]
states = {name: both["time"].map(known).where(both["asset"] == "BTC")
          for name, known in (("volatility", index), ("funding", rate))}  # fmt: skip
write_table(both.assign(**states), folder / "states.parquet")

# %% One account: short a strangle in each coin, and futures on BTC.
names = "BTC-27MAR26-60000-P BTC-27MAR26-90000-C ETH-27MAR26-1600-P ETH-27MAR26-2600-C BTC-27MAR26"
book = {"account": "desk", "instrument": names.split(), "quantity": [-20, -20, -300, -300, -3000]}
write_table(pd.DataFrame(book), folder / "positions.parquet")

# %% A job for every source; the random ones draw 4,096 scenarios.
many = (past := 'history = "history.parquet"\n') + "scenarios = 4096\n"
SOURCES = {
    "historical": ("historical", past),
    "historical, half-life 138 days": ("historical", past + "decay = 0.995"),
    "historical with DVOL and funding": ("historical", 'history = "states.parquet"'),
    "filtered, moving average": ("filtered-historical", many),
    "filtered, GARCH": ("filtered-historical", many + 'volatility_model = "garch"'),
    "bootstrap, blocks of 10 days": ("stationary-bootstrap", many),
    "Gaussian": ("gaussian", many),
    "Gaussian, Sobol": ("gaussian", many + 'sampling = "sobol"'),
    "Gaussian, tails oversampled": ("gaussian", many + 'sampling = "tail-mixture"'),
    "Student-t, Ledoit-Wolf": ("student", many + 'covariance = "ledoit-wolf"'),
    "t-copula": ("copula", many),
    "jumps, antithetic": ("jumps", many + 'sampling = "antithetic"'),
    "grid": ("spot-volatility-grid", "spot_moves = [-0.16, 0.16]\nvolatility_moves = [-0.2, 0.5]"),
    "grid by tenor, tails, skew": ("tenor-scaled-grid", "spot_moves = [-0.18, 0.18]\nskew = true"
                                   "\ntail_moves = [-0.66, 1.0]\ntail_damping = 0.77"),
    "stress library": ("stress", past),
    "file: t-copula's, exported": ("file", 'file = "exported.parquet"'),
}  # fmt: skip
template, rows = Path(__file__).with_suffix(".toml").read_text(), []
for label, (kind, keys) in SOURCES.items():
    job = folder / f"job-{len(rows):02d}.toml"
    job.write_text(f'{template}[scenarios]\nkind = "{kind}"\n{keys}\n')
    if label == "t-copula":
        export_scenarios(job, folder / "exported.parquet")
    margin = run_margin(job, folder / f"results-{len(rows):02d}").requirements.iloc[0]
    rows.append((label, kind, *margin[["initial", "standard_error"]]))
    print("{0:34s}{2:14,.0f} +- {3:,.0f} USD".format(*rows[-1]))

# %% Error bars are two standard errors; grids and stresses are no samples and have none.
table = pd.DataFrame(rows, columns=["source", "kind", "margin", "error"]).iloc[::-1]
write_table(table, folder / "comparison.parquet")
axes = (figure := Figure(figsize=(9, 6), layout="constrained")).add_subplot()
axes.errorbar(table["margin"] / 1e3, table["source"], xerr=2e-3 * table["error"], fmt="o")
axes.set_xlabel("expected shortfall 99 %, two days, thousand USD")
axes.grid(axis="x", alpha=0.3)
figure.savefig(folder / "scenario-sources.png", dpi=120)
