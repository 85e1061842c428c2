"""Stress files on a market: the moves that come out, counted by hand, and the rules named."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd
from stress_files import STEPS, TEXT

from jaxmargin.io import (
    MarketTables,
    Problems,
    build_market,
    build_stress,
    estimate_betas,
    read_stress,
)
from jaxmargin.scenarios import Shocks, scenario_axes, shock_market

NOW = pd.Timestamp("2026-01-02T08:00:00Z")


def stress(tmp_path, text=TEXT):
    path, problems = tmp_path / "mine.toml", Problems()
    path.write_text(text, encoding="utf-8")
    scenario = read_stress(path, problems)
    assert problems.found == [] and scenario is not None
    return scenario


def market():
    """Four coins, what follows one, two stablecoins and the numeraire; three forwards."""
    rows = [
        ("BTC", 60_000.0, "coin", ""), ("ETH", 2_000.0, "coin", ""), ("SOL", 80.0, "coin", ""),
        ("DOT", 2.0, "coin", ""), ("STETH", 1_990.0, "wrapped", "ETH"),
        ("WBTC", 60_000.0, "wrapped", "BTC"), ("USDC", 1.0, "stablecoin", ""),
        ("USDT", 1.0, "stablecoin", ""), ("USD", 1.0, "currency", ""),
    ]  # fmt: skip
    assets = pd.DataFrame(rows, columns=["asset", "spot", "kind", "base"])
    assets = assets.assign(perpetual=assets["spot"] * 1.01, funding=0.1)
    expiry = NOW + pd.to_timedelta([7.5, 120.0, 30.0], unit="D")
    forwards = pd.DataFrame(
        {
            "asset": ["BTC", "BTC", "USDC"],
            "expiry": expiry,
            "forward": [60_100.0, 61_000.0, 1.0],
            "rate": 0.0,
            "as_of": pd.Series([pd.NaT] * 3, dtype="datetime64[ns, UTC]"),
        }
    )
    volatilities = forwards[["asset", "expiry"]].assign(strike=forwards["forward"], volatility=0.5)
    return MarketTables(assets, forwards, volatilities, NOW, 0.0, {})


def build(scenarios, betas, **settings):
    problems = Problems()
    arrays, report = build_stress(scenarios, market(), betas, problems, **settings)
    return arrays, report, problems.found


def row(arrays, name, asset):
    return arrays[name][list(market().assets["asset"]).index(asset), 0]


def test_prices_move_as_stated_by_beta_or_not_at_all(tmp_path):
    arrays, report, found = build([stress(tmp_path)], {"SOL": 1.5, "ETH": 9.0})
    assert found == []
    expected = {
        "BTC": (math.log(0.8), -0.2, "stated"),
        "ETH": (math.log(0.7), -0.3, "stated"),
        "SOL": (1.5 * math.log(0.8), 0.8**1.5 - 1.0, "beta 1.50 to BTC, from history"),
        "DOT": (1.2 * math.log(0.8), 0.8**1.2 - 1.0, "default beta 1.2 to BTC"),
        "STETH": (math.log(0.95), 0.95 * 0.7 - 1.0, "depeg stated"),
        "WBTC": (0.0, -0.2, "follows BTC"),
        "USDC": (math.log(0.9), -0.1, "depeg stated"),
        "USDT": (0.0, 0.0, "stablecoin: none"),
        "USD": (0.0, 0.0, "currency: none"),
    }
    assert list(report["asset"]) == list(expected)
    assert set(report["scenario"]) == {"sudden-fall"}
    for (asset, (log_move, move, rule)), line in zip(
        expected.items(), report.itertuples(), strict=True
    ):
        np.testing.assert_allclose(row(arrays, "spot", asset), log_move, rtol=1e-14, atol=0)
        np.testing.assert_allclose(line.move, move, rtol=1e-13, atol=0)
        assert line.rule == rule


def test_betas_of_the_history_are_left_out_where_the_file_says_so(tmp_path):
    text = TEXT.replace("default_beta", 'betas = "default"\ndefault_beta')
    arrays, report, _ = build([stress(tmp_path, text)], {"SOL": 1.5})
    np.testing.assert_allclose(row(arrays, "spot", "SOL"), 1.2 * math.log(0.8), rtol=1e-14)
    assert report.set_index("asset").loc["SOL", "rule"] == "default beta 1.2 to BTC"


def test_without_a_move_of_btc_other_coins_keep_their_price(tmp_path):
    text = TEXT.replace("BTC = -0.2\n", "")
    arrays, report, _ = build([stress(tmp_path, text)], {"SOL": 1.5})
    assert row(arrays, "spot", "SOL") == row(arrays, "spot", "BTC") == 0.0
    assert report.set_index("asset").loc["SOL", "rule"] == "none: no move of BTC stated"


def test_perpetuals_and_funding_of_coins_follow_btc_unless_stated(tmp_path):
    arrays, _, _ = build([stress(tmp_path)], {})
    np.testing.assert_allclose(row(arrays, "perpetual", "BTC"), math.log(0.98), rtol=1e-14)
    np.testing.assert_allclose(row(arrays, "perpetual", "ETH"), math.log(0.97), rtol=1e-14)
    np.testing.assert_allclose(row(arrays, "perpetual", "SOL"), math.log(0.98), rtol=1e-14)
    assert row(arrays, "perpetual", "STETH") == row(arrays, "perpetual", "USDC") == 0.0
    assert row(arrays, "funding", "DOT") == -1.0 and row(arrays, "funding", "USD") == 0.0


def test_volatility_is_scaled_by_expiry_and_carry_by_the_time_that_is_left(tmp_path):
    arrays, _, _ = build([stress(tmp_path)], {})
    # 7.5 days: 0.4 * sqrt(30 / 7.5) = 0.8; 120 days: 0.4 * sqrt(30 / 120) = 0.2
    np.testing.assert_allclose(arrays["volatility"][:, 0], [math.log(1.8), math.log(1.2), 0.0])
    np.testing.assert_allclose(arrays["basis"][:, 0], [-0.15 * 5.5 / 365, -0.15 * 118 / 365, 0.0])
    np.testing.assert_allclose(arrays["time"], [2 / 365])
    assert (arrays["rate"] == 0.0).all() and (arrays["weight"] == 1.0).all()


def test_the_market_moves_to_where_the_file_says(tmp_path):
    arrays, _, _ = build([stress(tmp_path)], {})
    moves = {name: jnp.asarray(array) for name, array in arrays.items()}
    shocks = Shocks(**moves, overlap=jnp.asarray(1.0))
    moved = jax.vmap(shock_market, in_axes=(None, scenario_axes(shocks)))
    after = jax.tree.map(lambda leaf: leaf[0], moved(build_market(market()), shocks))
    np.testing.assert_allclose(after.spot[4], 1_990.0 * 0.95 * 0.7, rtol=1e-12)
    np.testing.assert_allclose(after.spot[6], 0.9, rtol=1e-12)
    np.testing.assert_allclose(after.perpetual[0], 60_600.0 * 0.8 * 0.98, rtol=1e-12)
    carry = math.log(61_000.0 / 60_000.0) * 365 / 120 - 0.15
    np.testing.assert_allclose(after.forward[1], 48_000.0 * math.exp(carry * 118 / 365), rtol=1e-12)


def test_several_files_and_steps_are_columns_in_order(tmp_path):
    scenarios = [stress(tmp_path), stress(tmp_path, STEPS)]
    arrays, report, found = build(scenarios, {})
    assert found == []
    labels = ["sudden-fall", "crash: low", "crash: recovery"]
    assert list(report["scenario"].unique()) == labels
    np.testing.assert_allclose(np.expm1(arrays["spot"][0]), [-0.2, -0.3, -0.1])
    np.testing.assert_allclose(arrays["time"] * 365, [2.0, 0.5, 1.0])
    assert arrays["spot"].shape == (9, 3) and arrays["basis"].shape == (3, 3)


def test_a_move_that_would_be_ignored_or_counted_twice_is_refused(tmp_path):
    text = TEXT.replace("ETH = -0.3", "USDT = -0.3").replace("STETH = -0.05", "SOL = -0.05")
    scenario = stress(tmp_path, text)
    _, _, found = build([scenario, scenario], {}, numeraire="USDC")
    assert "stress 'sudden-fall': more than once. Name each stress once." in found
    for part in (
        "[spot] USDT: its kind in the assets table is stablecoin. Only coins move by [spot]",
        "[depeg] SOL: its kind in the assets table is coin. State its move in [spot]",
        "'sudden-fall', USDC: prices are in units of it, so its own cannot move",
    ):
        assert any(part in line for line in found), found


def test_no_stress_gives_no_column():
    arrays, report, found = build([], {})
    assert arrays["spot"].shape == (9, 0) and report.empty and found == []


def test_betas_are_the_least_squares_slopes():
    rng = np.random.default_rng(3)
    btc, noise = rng.normal(0.001, 0.03, 400), rng.normal(0.0, 0.02, 400)
    noise -= noise.mean()
    noise -= (noise @ (btc - btc.mean())) / ((btc - btc.mean()) @ (btc - btc.mean())) * btc
    noise -= noise.mean()
    returns = pd.DataFrame({"BTC": btc, "SOL": 1.7 * btc + noise + 0.002, "USD": 0.0})
    closes = 100.0 * np.exp(returns.cumsum())
    betas = estimate_betas(closes, ["SOL", "BTC", "USD", "DOT"])
    assert list(betas) == ["SOL", "BTC", "USD"]
    np.testing.assert_allclose(betas["BTC"], 1.0, rtol=1e-12)
    np.testing.assert_allclose(betas["SOL"], np.polyfit(btc[1:], returns["SOL"][1:], 1)[0])
    assert betas["USD"] == 0.0


def test_no_betas_without_btc_or_with_few_days():
    closes = pd.DataFrame({"BTC": np.arange(1.0, 101.0), "ETH": np.arange(2.0, 102.0)})
    assert estimate_betas(closes[["ETH"]], ["ETH"]) == {}
    assert estimate_betas(closes[:30], ["ETH"]) == {}
    assert estimate_betas(closes.assign(BTC=1.0), ["ETH"]) == {}
    assert set(estimate_betas(closes[:31], ["ETH"])) == {"ETH"}
