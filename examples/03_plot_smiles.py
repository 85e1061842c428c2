"""Fit SVI smiles to the Deribit chain of a crash day and plot them over the venue's marks.

Needs the reference data (chains are not shipped): set JAXMARGIN_REFERENCE_DATA; and matplotlib.
Writes `smiles.png`.
"""

# %% The chain of 2026-02-05, 15:51 UTC, in the crash.
import os
from pathlib import Path

import jax
import jax.numpy as jnp
import matplotlib as mpl
import numpy as np
import pandas as pd

from jaxmargin.io import Problems, build_market, read_deribit, read_market, write_chain
from jaxmargin.market import find_arbitrage

jax.config.update("jax_enable_x64", True)
mpl.use("Agg")
from matplotlib import pyplot as plt

beside = Path(__file__).resolve().parents[2] / "shared"
data = Path(os.environ.get("JAXMARGIN_REFERENCE_DATA", beside)) / "data"
out = Path(os.environ.get("JAXMARGIN_EXAMPLE_OUT", "."))
chain = read_deribit(data / "deribit_option_chains_daily.parquet", snapshot="2026-02-05T15:51")
write_chain(chain, out / "smiles")

# %% One SVI smile for every expiry; butterfly arbitrage is reported, not repaired.
names = ("assets", "forwards", "volatilities")
paths = {name: out / "smiles" / "market" / f"{name}.parquet" for name in names}
problems = Problems()
tables = read_market(paths, chain.time, numeraire="USD", averaging_minutes=30.0, problems=problems)
problems.raise_if_any()
market = build_market(tables, surface="svi")
grid = jnp.linspace(-0.5, 0.5, 101)
report = find_arbitrage(market, grid)
print(f"smallest butterfly density g(k): {float(jnp.min(report.density)):.3f}")

# %% Marks and fitted smiles, a panel for each of eight expiries of BTC.
pillars = tables.forwards
chosen = pillars[(pillars["asset"] == "BTC") & (np.asarray(market.time) > 1 / 365)].index[:9]
figure, panels = plt.subplots(3, 3, figsize=(12, 9), sharey=True, layout="constrained")
quotes = tables.volatilities
row = tables.pillar_row(quotes["asset"], quotes["expiry"])
for panel, pillar in zip(panels.flat, chosen, strict=False):
    forward, own = pillars["forward"][pillar], quotes[row == pillar]
    k = np.log(own["strike"] / forward)
    near = np.abs(k) < 3.5 * 0.9 * np.sqrt(float(market.time[pillar]))
    line = np.linspace(k[near].min(), k[near].max(), 200)
    strikes = jnp.asarray(forward * np.exp(line))
    fitted = market.volatility(jnp.full(200, pillar), strikes)
    panel.plot(k[near], 100 * own["volatility"][near], "o", markersize=3.5, label="mark")
    panel.plot(line, 100 * np.asarray(fitted), label="SVI")
    expiry = pd.Timestamp(pillars["expiry"][pillar])
    panel.set_title(f"BTC {expiry:%d %b %Y}, {365 * float(market.time[pillar]):.0f} days")
    panel.grid(alpha=0.3)
for panel in panels[-1]:
    panel.set_xlabel("log-moneyness ln(K / F)")
for panel in panels[:, 0]:
    panel.set_ylabel("volatility, %")
panels[0, 0].legend()
figure.savefig(out / "smiles.png", dpi=110)
print(f"{out / 'smiles.png'}: {len(chosen)} expiries")
