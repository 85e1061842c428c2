"""The example on a real option chain, against a plain NumPy loop over the written tables.

The loop knows nothing of the package: it reads the tables, prices by Black's formula with the
normal distribution of scipy, and sorts.
"""

import math
import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from reference import reference, run_example
from scipy.special import ndtr

EXAMPLE = Path(__file__).parents[2] / "examples" / "01_margin_deribit_chain.py"
SECONDS_PER_YEAR = 365 * 86_400
TIME = pd.Timestamp("2026-02-05T09:36:47.412509Z")
LEVEL = 0.975


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """The folder that the example writes."""
    out = tmp_path_factory.mktemp("example")
    run_example(EXAMPLE, out)
    return out / "deribit-2026-02-05"


def black_coin(option_type, forward, strike, total_volatility):
    """Price in coin of an inverse option; arrays over scenarios."""
    if total_volatility == 0.0:
        intrinsic = forward - strike if option_type == "call" else strike - forward
        return np.maximum(intrinsic, 0.0) / forward
    d1 = np.log(forward / strike) / total_volatility + total_volatility / 2
    d2 = d1 - total_volatility
    if option_type == "call":
        return ndtr(d1) - strike / forward * ndtr(d2)
    return strike / forward * ndtr(-d2) - ndtr(-d1)


def contract_pnl(contract, market, returns, horizon_days):
    """P&L of one contract in USD in every scenario; see `market` below."""
    spots, forwards, as_of, volatilities = market
    coin = contract["underlying"]
    shocked_spot = spots[coin] * np.exp(returns[coin])
    if contract["kind"] == "spot":
        return contract["multiplier"] * (shocked_spot - spots[coin])
    expiry = contract["expiry"]
    forward = forwards[coin, expiry]
    years = (expiry - as_of[coin]).total_seconds() / SECONDS_PER_YEAR
    left = years - horizon_days / 365
    if left > 0.0:
        carry = math.log(forward / spots[coin]) * (horizon_days / 365) / years
        shocked = forward * np.exp(returns[coin] - carry)
    else:
        left, shocked = 0.0, shocked_spot
    if contract["kind"] == "inverse-future":
        coins = contract["multiplier"] * (1.0 / forward - 1.0 / shocked)
    else:
        volatility = volatilities[coin, expiry, contract["strike"]]
        terms = (contract["option_type"], contract["strike"])
        before = black_coin(terms[0], forward, terms[1], volatility * math.sqrt(years))
        after = black_coin(terms[0], shocked, terms[1], volatility * math.sqrt(left))
        coins = contract["multiplier"] * (after - before)
    return coins * shocked_spot


@pytest.mark.parametrize("horizon_days", [1, 2])
def test_fifty_accounts_equal_a_plain_loop_to_twelve_digits(folder, horizon_days):
    results = folder / f"results-{horizon_days}d"
    components = pd.read_parquet(results / "components.parquet")
    shown = components[components["component"] == "expected_shortfall"].set_index("account")
    requirements = pd.read_parquet(results / "requirements.parquet").set_index("account")

    spots = pd.read_parquet(folder / "market/assets.parquet").set_index("asset")["spot"]
    rows = pd.read_parquet(folder / "market/forwards.parquet")
    forwards = {(r.asset, r.expiry): r.forward for r in rows.itertuples()}
    as_of = {r.asset: r.as_of for r in rows.itertuples()}
    rows = pd.read_parquet(folder / "market/volatilities.parquet")
    volatilities = {(r.asset, r.expiry, r.strike): r.volatility for r in rows.itertuples()}
    market = (spots, forwards, as_of, volatilities)
    contracts = pd.read_parquet(folder / "instruments.parquet").set_index("instrument")
    positions = pd.read_parquet(folder / "positions.parquet")
    closes = pd.read_parquet(folder / "history.parquet").pivot(
        index="time", columns="asset", values="close"
    )
    returns = {
        coin: np.log(
            closes[coin].to_numpy()[horizon_days:] / closes[coin].to_numpy()[:-horizon_days]
        )
        for coin in closes.columns
    }
    tail = (1000 - 975) * len(returns["BTC"]) / 1000

    for account in sorted(positions["account"].unique())[:50]:
        pnl, gross = np.zeros(len(returns["BTC"])), 0.0
        for position in positions[positions["account"] == account].itertuples():
            contract = contracts.loc[position.instrument]
            pnl += position.quantity * contract_pnl(contract, market, returns, horizon_days)
            gross += abs(position.quantity) * spots[contract["underlying"]]
        losses = np.sort(-pnl)[::-1]
        whole = int(tail)
        shortfall = (losses[:whole].sum() + (tail - whole) * losses[whole]) / tail
        computed = shown.loc[account, "amount"]
        # relative to the margin, or to the notional where positions hedge each other
        assert abs(computed - shortfall) <= 1e-12 * max(abs(shortfall), gross / 100)
        assert requirements.loc[account, "initial"] >= max(shortfall, 0.0) - 1e-9
        assert requirements.loc[account, "worst_scenario"] == (
            f"to {closes.index[int(np.argmin(pnl)) + horizon_days].date()}"
        )


def test_the_crash_of_march_2020_is_the_worst_day_of_most_accounts(folder):
    worst = pd.read_parquet(folder / "results-1d/requirements.parquet")["worst_scenario"]
    assert worst.value_counts().idxmax() == "to 2020-03-12"


def test_forwards_agree_with_the_parity_forwards_that_come_with_the_data(folder):
    """`fwd_parity` was computed elsewhere, as the median over strikes of K / (1 - (C - P))."""
    chain = pd.read_parquet(reference("data/deribit_option_chains_daily.parquet"))
    chain = chain[chain["snapshot"] == TIME]
    theirs = chain.groupby(["currency", "expiry"], observed=True)["fwd_parity"].median()
    ours = pd.read_parquet(folder / "market/forwards.parquet").set_index(["asset", "expiry"])
    ratio = ours["forward"].to_numpy() / theirs.reindex(ours.index).to_numpy()
    assert len(ratio) == 24
    np.testing.assert_allclose(ratio, 1.0, atol=1e-6)  # marks have 6 decimals


def test_times_to_expiry_count_from_the_minute_of_the_marks(folder):
    """`mark_lag_s` was fitted elsewhere: seconds from the snapshot to the marks, by currency."""
    chain = pd.read_parquet(reference("data/deribit_option_chains_daily.parquet"))
    lag = chain[chain["snapshot"] == TIME].groupby("currency", observed=True)["mark_lag_s"].median()
    forwards = pd.read_parquet(folder / "market/forwards.parquet")
    for coin, minute in forwards.groupby("asset")["as_of"].first().items():
        assert minute.second == 0 and minute.microsecond == 0
        assert abs((minute - TIME).total_seconds() - lag[coin]) < 10.0


def test_the_whole_chain_is_imported(folder):
    chain = pd.read_parquet(reference("data/deribit_option_chains_daily.parquet"))
    names = set(chain.loc[chain["snapshot"] == TIME, "instrument_name"])
    instruments = pd.read_parquet(folder / "instruments.parquet")
    options = instruments.loc[instruments["kind"] == "inverse-option", "instrument"]
    assert set(options) == names and len(options) == len(names)
    assert os.path.exists(folder / "import.json")
