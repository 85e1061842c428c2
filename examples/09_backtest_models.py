"""Backtest three margin models on 1,000 portfolios of 10 coins from 2018 to 2024, side by side.

Needs the reference data (prices are not shipped): set JAXMARGIN_REFERENCE_DATA. With
JAXMARGIN_EXAMPLE_SMALL set it takes fewer portfolios and years.
"""

# %% Daily closes from 2017-11-09; crypto trades on weekends, so a year has 365 days.
import os
import time
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd

from jaxmargin import backtest as bt
from jaxmargin.report import plot_margin_paths
from jaxmargin.risk import ExpectedShortfall, ValueAtRisk
from jaxmargin.scenarios import EwmaVolatility

beside = Path(__file__).resolve().parents[2] / "shared"
data = Path(os.environ.get("JAXMARGIN_REFERENCE_DATA", beside)) / "data"
folder = Path(os.environ.get("JAXMARGIN_EXAMPLE_OUT", ".")) / "backtest"
small = "JAXMARGIN_EXAMPLE_SMALL" in os.environ
COINS = ["BTC", "ETH", "BNB", "XRP", "ADA", "DOGE", "BCH", "LINK", "LTC", "TRX"]
bars = pd.read_parquet(data / "daily_ohlcv_yahoo.parquet", columns=["date", "asset", "close"])
close = bars.pivot(index="date", columns="asset", values="close").astype(float)[COINS].dropna()
moves = np.log(close).diff().iloc[1:].loc[: "2020-06-30" if small else None]
returns = jnp.asarray(moves.to_numpy(), jnp.float32)

# %% Portfolios by name and at random, brought back to a gross size of 1 every day.
WINDOW, LEVEL = 365, 0.99
made = bt.made_up_portfolios(COINS, 150 if small else 1000, seed=9, past=np.array(returns[:WINDOW]))
books = bt.ConstantWeights(jnp.asarray(made.exposure, returns.dtype))
measures = (ExpectedShortfall(LEVEL), ValueAtRisk(LEVEL))
ewma, key = EwmaVolatility(jnp.asarray(0.94, returns.dtype)), jax.random.key(9)
student = {"scenarios": 1000, "degrees": 5, "decay": 0.97, "window": WINDOW}
PERIODS = ("2020-03",) if small else ("2020-03", "2021-05", "2022-06", "2022-11")

# %% Every model on every day: margins from the year before it, and the losses that came.
rows, paths, start = [], [], time.perf_counter()
for days in (1, 2):
    settings = {"window": WINDOW, "horizon_days": days}
    models = {
        "historical": bt.HistoricalModel(returns, **settings),
        "filtered": bt.filtered_model(returns, ewma, **settings),
        "Student-t": bt.student_model(returns, key, horizon_days=days, **student),
    }
    for name, model in models.items():
        found = bt.run_backtest(model, books, returns, measures)
        when, beyond = moves.index[found.day], found.exceeded()
        row = {"model": name, "days": days}
        row |= bt.overall_figures(found, shortfall=0, value_at_risk=1, level=LEVEL)
        for month in PERIODS:
            row[f"{month} beyond ES"] = beyond[when.strftime("%Y-%m") == month, :, 0].mean()
        rows.append(row)
        for shown in ("long BTC", "short ETH against basket", "random 0001") if days == 1 else ():
            at = made.names.index(shown)
            path = {"margin": found.margin[:, at, 0], "loss": found.loss[:, at]}
            paths.append(pd.DataFrame({"portfolio": shown, "model": name, "time": when} | path))
table = pd.DataFrame(rows)
print(table.T.to_string(header=False, float_format=lambda x: f"{x:.4f}"))
print(f"{len(made.names)} portfolios, {len(when)} days: {time.perf_counter() - start:.1f} s")
print("rejects: share of portfolios at 95 %; of a model that is right, about 0.05.")
rejects = table.loc[table["days"] == 1].set_index("model").filter(like="rejects")
print("\n".join(f"{m} fails most: {rejects.loc[m].idxmax()[:-8]}" for m in rejects.index))

# %% Tables and the margins of three portfolios.
folder.mkdir(parents=True, exist_ok=True)
table.to_csv(folder / "models.csv", index=False, float_format="%.4f")
figure = plot_margin_paths(pd.concat(paths), title="ES 99 % over one day", unit="share of size")
figure.savefig(folder / "margins.png", dpi=120)
