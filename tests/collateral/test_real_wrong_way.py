"""The example on a real option chain, against plain NumPy and SciPy on the tables it writes."""

from pathlib import Path

import numpy as np
import pandas as pd
from reference import run_example
from scipy.special import ndtr

EXAMPLE = Path(__file__).parents[2] / "examples" / "06_price_wrong_way_collateral.py"
EXPIRY, STRIKE = pd.Timestamp("2026-03-27T08:00:00Z"), 70_000.0


def black_coin(forward, deviation, *, call):
    """Price of an option in coin: Black's formula over the forward."""
    d1 = np.log(forward / STRIKE) / deviation + deviation / 2
    if call:
        return ndtr(d1) - STRIKE / forward * ndtr(d1 - deviation)
    return STRIKE / forward * ndtr(deviation - d1) - ndtr(-d1)


def shortfall(pnl):
    """Mean of the worst 2.5 %, the last scenario in part."""
    losses, tail = np.sort(-pnl)[::-1], 0.025 * pnl.size
    whole = int(tail)
    return (losses[:whole].sum() + (tail - whole) * losses[whole]) / tail


def test_the_charge_of_the_example_is_that_of_plain_loops(tmp_path, capsys):
    run_example(EXAMPLE, tmp_path)
    lines = capsys.readouterr().out.strip().splitlines()
    printed = {
        words[0]: [float(word.replace(",", "")) for word in words[1:]]
        for words in (line.split() for line in lines[-2:])
    }
    folder = tmp_path / "wrong-way"
    history = pd.read_parquet(folder / "history.parquet")
    closes = history.pivot(index="time", columns="asset", values="close").dropna()["BTC"]
    moves = np.diff(np.log(closes.to_numpy()))
    assets = pd.read_parquet(folder / "market/assets.parquet").set_index("asset")
    forwards = pd.read_parquet(folder / "market/forwards.parquet")
    quotes = pd.read_parquet(folder / "market/volatilities.parquet")
    pillar = forwards[(forwards["asset"] == "BTC") & (forwards["expiry"] == EXPIRY)].iloc[0]
    quote = (quotes["asset"] == "BTC") & (quotes["expiry"] == EXPIRY) & (quotes["strike"] == STRIKE)
    volatility = float(quotes.loc[quote, "volatility"].iloc[0])
    spot, forward, day = float(assets.loc["BTC", "spot"]), float(pillar["forward"]), 1.0 / 365.0
    years = (EXPIRY - pillar["as_of"]).total_seconds() / (365 * 86_400)
    shocked = forward * np.exp(moves - np.log(forward / spot) * day / years)
    collateral = 5.0 * (1.0 - 0.005) * spot * np.expm1(moves)
    random = np.random.default_rng(1)
    for account, call in (("puts", False), ("calls", True)):
        before = black_coin(forward, volatility * np.sqrt(years), call=call)
        after = black_coin(shocked, volatility * np.sqrt(years - day), call=call)
        pnl = -20.0 * (after - before) * spot * np.exp(moves)
        margin, haircut, joint, independent, charge, chance = printed[account]
        np.testing.assert_allclose(margin, shortfall(pnl), rtol=1e-4)
        np.testing.assert_allclose(haircut, 5.0 * 0.9 * spot, rtol=1e-4)
        np.testing.assert_allclose(joint, shortfall(pnl + collateral), rtol=1e-4)
        drawn = [shortfall(pnl + random.permutation(collateral)) for _ in range(400)]
        error = np.std(drawn) * np.sqrt(1 / 400 + 1 / 64)
        assert abs(independent - np.mean(drawn)) < 4.0 * error
        np.testing.assert_allclose(chance, np.std(drawn), rtol=0.4)
        np.testing.assert_allclose(charge, joint - independent, atol=2.0)
    assert printed["puts"][4] > 0.0 > printed["calls"][4]
