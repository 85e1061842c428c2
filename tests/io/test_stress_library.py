"""The stress files that are shipped: complete, and their figures are those of the market data."""

import math

import numpy as np
import pandas as pd
import pytest
from reference import reference

from jaxmargin.io import Problems, read_stress, stress_library

LIBRARY = stress_library()
YAHOO, DAY = "data/daily_ohlcv_yahoo.parquet", pd.Timestamp
BARS, DVOL = "data/binance_spot_4h.parquet", "data/dvol_btc_daily.parquet"
DIGITS = 6e-3  # half a unit of the third digit, relative, at worst
by_file = pytest.mark.parametrize("name", list(LIBRARY))


def the(name):
    problems = Problems()
    scenario = read_stress(LIBRARY[name], problems)
    assert problems.found == [] and scenario is not None
    return scenario


def step(name):
    (only,) = the(name).steps
    return only


def wide(path, column, index="date"):
    return pd.read_parquet(reference(path)).pivot(index=index, columns="asset", values=column)


@by_file
def test_every_file_is_read_without_problems_under_its_own_name(name):
    scenario = the(name)
    assert scenario.name == name
    assert (scenario.kind == "historical") == (scenario.date is not None)
    assert all(step.spot for step in scenario.steps)


@by_file
def test_no_file_gives_a_figure_to_a_path_instead_of_a_public_origin(name):
    assert all("parquet" not in source and "/work" not in source for source in the(name).sources)


def test_the_events_that_a_book_must_survive_are_there():
    dates = {str(the(name).date) for name in LIBRARY}
    assert dates >= {
        "2020-03-12", "2021-05-19", "2022-05-12", "2022-11-09", "2023-03-11", "2024-08-05",
        "2025-10-10", "2026-02-05",
    }  # fmt: skip
    assert set(LIBRARY) >= {"correlation-one", "venue-failure", "flash-crash", "short-squeeze"}
    assert [step.label for step in the("flash-crash").steps] == [
        "flash-crash: low", "flash-crash: recovery",
    ]  # fmt: skip
    assert step("short-squeeze").spot["BTC"] > 0.0


@pytest.mark.parametrize(
    ("name", "start", "end", "column"),
    [
        ("2019-10-25-rally", "2019-10-24", "2019-10-26", "high"),
        ("2020-03-12-covid", "2020-03-11", "2020-03-12", "close"),
        ("2021-05-19-washout", "2021-05-18", "2021-05-19", "low"),
        ("2022-05-12-luna", "2022-05-08", "2022-05-12", "close"),
        ("2022-11-09-ftx", "2022-11-07", "2022-11-09", "close"),
        ("2023-03-11-usdc-depeg", "2023-03-08", "2023-03-10", "close"),
        ("2024-08-05-yen-carry", "2024-08-03", "2024-08-05", "low"),
    ],
)
def test_daily_moves_are_those_of_yahoo(name, start, end, column):
    moves = wide(YAHOO, column).loc[DAY(end)] / wide(YAHOO, "close").loc[DAY(start)] - 1.0
    stated = dict(step(name).spot)
    for venue_coin in ("LUNA", "FTT"):  # not on Yahoo; see the next test
        stated.pop(venue_coin, None)
    assert len(stated) > 9
    np.testing.assert_allclose(list(stated.values()), moves[list(stated)], rtol=DIGITS)


def test_depegs_are_those_of_yahoo_and_binance():
    close, low = wide(YAHOO, "close"), wide(YAHOO, "low")
    hourly = wide("data/binance_spot_1h_stress_luna_ust_ftt_usdc.parquet", "close", "time")

    def hours(asset, first, last):
        return hourly[asset][f"{last} 23:00:00Z"] / hourly[asset][f"{first} 23:00:00Z"] - 1.0

    def staked(first, last):
        ratio = close["STETH"] / close["ETH"]
        return ratio[DAY(last)] / ratio[DAY(first)] - 1.0

    luna, ftx, usdc = step("2022-05-12-luna"), step("2022-11-09-ftx"), step("2023-03-11-usdc-depeg")
    expected = [
        (luna.spot["LUNA"], hours("LUNA", "2022-05-08", "2022-05-12")),
        (luna.depeg["UST"], hours("UST", "2022-05-08", "2022-05-12")),
        (luna.depeg["USDT"], low.loc[DAY("2022-05-12"), "USDT"] - 1.0),
        (luna.depeg["STETH"], staked("2022-05-08", "2022-05-12")),
        (ftx.spot["FTT"], hours("FTT", "2022-11-07", "2022-11-09")),
        (ftx.depeg["STETH"], staked("2022-11-07", "2022-11-09")),
        (usdc.depeg["USDC"], low.loc[DAY("2023-03-11"), "USDC"] - 1.0),
        (usdc.depeg["USDT"], close.loc[DAY("2023-03-11"), "USDT"] - 1.0),
    ]
    np.testing.assert_allclose(*np.transpose(expected), rtol=DIGITS)


@pytest.mark.parametrize(
    ("name", "start", "low"),
    [
        ("2025-10-10-liquidations", "2025-10-09T20:00Z", "2025-10-10T20:00Z"),
        ("2026-02-05-selloff", "2026-02-04T20:00Z", "2026-02-06T00:00Z"),
    ],
)
def test_recent_moves_are_those_of_binance_bars(name, start, low):
    moves = wide(BARS, "low", "time").loc[low] / wide(BARS, "close", "time").loc[start] - 1.0
    coins = ["BTC", "ETH", "LINK"]
    np.testing.assert_allclose([step(name).spot[c] for c in coins], moves[coins], rtol=DIGITS)


@pytest.mark.parametrize(
    ("name", "start", "end"),
    [
        ("2022-11-09-ftx", "2022-11-07", "2022-11-09"),
        ("2023-03-11-usdc-depeg", "2023-03-08", "2023-03-11"),
        ("2024-08-05-yen-carry", "2024-08-03", "2024-08-05"),
        ("2025-10-10-liquidations", "2025-10-09", "2025-10-11"),
    ],
)
def test_volatility_moves_are_those_of_the_dvol_index(name, start, end):
    index = pd.read_parquet(reference(DVOL)).set_index("date")["dvol"]
    move = index[DAY(end)] / index[DAY(start)] - 1.0
    np.testing.assert_allclose(step(name).volatility["BTC"], move, rtol=DIGITS)


def test_volatility_and_carry_of_2026_are_those_of_the_option_surface():
    table = pd.read_parquet(reference("data/deribit_surface_term_structure_6h.parquet"))
    minute = table["snapshot"].dt.floor("min")

    def at(currency, time, days):
        rows = table[(table["currency"] == currency) & (minute == DAY(time))].dropna(
            subset=["iv_atm", "fwd_parity"]
        )
        rows = rows.sort_values("days")
        carry = np.log(rows["fwd_parity"] / rows["index_price"]) / rows["days"] * 365.0
        total = np.interp(days, rows["days"], rows["iv_atm"] ** 2 * rows["days"])
        return math.sqrt(total / days), np.interp(days, rows["days"], carry)

    def change(currency, days):
        before, after = (
            at(currency, f"2026-02-{t}Z", days) for t in ("04T21:33:00", "05T21:29:00")
        )
        return after[0] / before[0] - 1.0, after[1] - before[1]

    stated = step("2026-02-05-selloff")
    for currency in ("BTC", "ETH"):
        move, _ = change(currency, 30)
        np.testing.assert_allclose(stated.volatility[currency], move, rtol=DIGITS)
    np.testing.assert_allclose(stated.basis["BTC"], change("BTC", 90)[1], rtol=DIGITS)
    days = np.array([3, 7, 14, 30, 60, 90, 180, 300])
    moves = np.array([change("BTC", d)[0] for d in days])
    powers = np.linspace(0.0, 1.0, 101)
    errors = moves - stated.volatility["BTC"] * (30.0 / days) ** powers[:, None]
    best = powers[(errors**2).sum(axis=1).argmin()]
    np.testing.assert_allclose(stated.volatility_power, best, atol=0.02)


@pytest.mark.parametrize(
    ("name", "start", "end"),
    [
        ("2020-03-12-covid", "2020-03-11", "2020-03-13"),
        ("2021-05-19-washout", "2021-05-18", "2021-05-19"),
        ("2022-05-12-luna", "2022-05-08", "2022-05-12"),
        ("2022-11-09-ftx", "2022-11-07", "2022-11-10"),
        ("2023-03-11-usdc-depeg", "2023-03-08", "2023-03-10"),
        ("2024-08-05-yen-carry", "2024-08-03", "2024-08-06"),
        ("2025-10-10-liquidations", "2025-10-09", "2025-10-12"),
    ],
)
def test_funding_moves_are_those_of_binance(name, start, end):
    if end < "2024":
        rates = pd.read_parquet(reference("data/funding_rates_2020_2023.parquet"))
        rates = rates[rates["exchange"] == "binance"]
    else:
        rates = pd.read_parquet(reference("data/funding_btc_2022_2025.parquet")).assign(asset="BTC")
    daily = rates.groupby(["asset", rates["time"].dt.strftime("%Y-%m-%d")])["funding_rate"].mean()
    for asset, stated in step(name).funding.items():
        change = (daily[asset, end] - daily[asset, start]) * 3 * 365
        np.testing.assert_allclose(stated, change, rtol=DIGITS)


@pytest.mark.parametrize(
    ("name", "start", "end"),
    [
        ("2021-05-19-washout", "2021-05-18", "2021-05-19"),
        ("2022-05-12-luna", "2022-05-08", "2022-05-12"),
        ("2022-11-09-ftx", "2022-11-07", "2022-11-09"),
        ("2023-03-11-usdc-depeg", "2023-03-08", "2023-03-10"),
    ],
)
def test_perpetual_moves_are_those_of_binance(name, start, end):
    perpetual = pd.read_parquet(reference("data/binance_usdtm_perp_1h_close.parquet"))
    spot = wide("data/binance_spot_1h_btc_eth.parquet", "close", "time")
    for asset, stated in step(name).perpetual.items():
        ratio = (perpetual.set_index("time")[asset] / spot[asset]).dropna()
        ratio = ratio[f"{start} 23:00:00Z" : f"{end} 23:00:00Z"]
        np.testing.assert_allclose(stated, ratio.min() / ratio.iloc[0] - 1.0, rtol=DIGITS)


def test_with_all_correlations_one_each_coin_falls_by_ten_standard_deviations():
    closes = wide(YAHOO, "close")
    deviation = np.log(closes).diff()["2020-12-08":"2024-12-07"].std()
    scenario, stated = the("correlation-one"), step("correlation-one").spot
    assert set(stated) == set(closes.columns) - {"USDC", "USDT", "WBTC", "STETH"}
    np.testing.assert_allclose(
        list(stated.values()), np.expm1(-10.0 * deviation[list(stated)]), rtol=DIGITS
    )
    ratios = deviation[[coin for coin in stated if coin != "BTC"]] / deviation["BTC"]
    np.testing.assert_allclose(scenario.default_beta, ratios.median(), rtol=DIGITS)
    assert scenario.betas == "default"
