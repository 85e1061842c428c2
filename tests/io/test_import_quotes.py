"""Option quotes in our own columns, with volatilities given or implied."""

import numpy as np
import pandas as pd
import pytest
from reference import reference
from scipy.special import ndtr

from jaxmargin.errors import InvalidInputError
from jaxmargin.io import read_quotes, write_chain

TIME = "2026-02-05T09:00:00Z"
EXPIRY = pd.Timestamp("2026-03-27T08:00:00Z")
YEARS = (EXPIRY - pd.Timestamp(TIME)).total_seconds() / (365 * 86_400)


def price(sign, forward, strike, volatility):
    total = volatility * YEARS**0.5
    d1 = np.log(forward / strike) / total + total / 2
    return sign * (forward * ndtr(sign * d1) - strike * ndtr(sign * (d1 - total)))


def table(settlement, forward=61_000.0):
    """Calls and puts priced at 40 % to 60 %, without volatilities."""
    rows = []
    for strike, volatility in ((50_000.0, 0.6), (60_000.0, 0.5), (75_000.0, 0.4)):
        for option_type, sign in (("call", 1.0), ("put", -1.0)):
            value = price(sign, forward, strike, volatility)
            rows.append(
                {"instrument": f"{strike:.0f}-{option_type}", "underlying": "BTC",
                 "settlement": settlement, "option_type": option_type, "strike": strike,
                 "expiry": EXPIRY, "index_price": 60_500.0, "multiplier": 1.0,
                 "price": value / forward if settlement == "BTC" else value}
            )  # fmt: skip
    return pd.DataFrame(rows)


@pytest.mark.parametrize("settlement", ["BTC", "USDC"])
@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_forwards_and_volatilities_that_made_the_prices_are_found(tmp_path, settlement, suffix):
    path = tmp_path / f"quotes.{suffix}"
    rows = table(settlement)
    rows.to_parquet(path) if suffix == "parquet" else rows.to_csv(path, index=False)
    chain = read_quotes(path, time=TIME, prices={"USDC": 0.9998})
    lines = write_chain(chain, tmp_path / "out")
    forwards = pd.read_parquet(tmp_path / "out/market/forwards.parquet")
    unit = 0.9998 if settlement == "USDC" else 1.0
    np.testing.assert_allclose(forwards["forward"], [61_000.0 * unit], rtol=1e-12)
    quotes = pd.read_parquet(tmp_path / "out/market/volatilities.parquet")
    np.testing.assert_allclose(quotes["volatility"], [0.6, 0.5, 0.4], rtol=1e-10)
    assert any("volatilities of 6 options implied" in line for line in lines)


def test_a_price_below_intrinsic_has_no_volatility_and_is_named(tmp_path):
    rows = table("BTC")
    rows.loc[rows["instrument"] == "50000-call", "price"] = 0.1  # intrinsic is 0.18 BTC
    rows.to_parquet(tmp_path / "quotes.parquet")
    chain = read_quotes(tmp_path / "quotes.parquet", time=TIME, prices={})
    lines = write_chain(chain, tmp_path / "out")
    assert any("no volatility of 1 options (below intrinsic): 50000-call" in x for x in lines)
    assert any("left out 1 options without a mark volatility: 50000-call" in x for x in lines)
    instruments = pd.read_parquet(tmp_path / "out/instruments.parquet")
    assert "50000-call" not in set(instruments["instrument"])


@pytest.mark.parametrize("time", ["2026-02-05T09:00:00", "yesterday"])
def test_the_time_needs_a_zone(tmp_path, time):
    with pytest.raises(InvalidInputError, match=f"--time {time}: not a time with a zone"):
        read_quotes(tmp_path / "quotes.csv", time=time, prices={})


def test_a_real_book_summary_without_volatilities_is_imported(tmp_path):
    """684 ETH options of one instant: parity holds to 8e-5 of the coin, see its provenance."""
    raw = pd.read_parquet(reference("data/deribit_eth_book_summary_20240108.parquet"))
    name = raw["instrument_name"].astype(str)
    parts = name.str.extract(r"^ETH-(\d+[A-Z]{3}\d{2})-(\d+)-([CP])$")
    rows = pd.DataFrame(
        {"instrument": name, "underlying": "ETH", "settlement": "ETH",
         "option_type": parts[2].map({"C": "call", "P": "put"}),
         "strike": parts[1].astype(float),
         "expiry": pd.to_datetime(parts[0] + " 08", format="%d%b%y %H", utc=True),
         "index_price": float(raw["underlying_price"].median()), "multiplier": 1.0,
         "forward": raw["underlying_price"].astype(float), "price": raw["mark_price"].astype(float)}
    )  # fmt: skip
    rows.to_parquet(tmp_path / "quotes.parquet")
    chain = read_quotes(tmp_path / "quotes.parquet", time="2024-01-08T11:19:41Z", prices={})
    write_chain(chain, tmp_path / "out")
    forwards = pd.read_parquet(tmp_path / "out/market/forwards.parquet").set_index("expiry")
    quoted = rows.groupby("expiry")["forward"].median()
    np.testing.assert_allclose(forwards["forward"], quoted, rtol=2e-4)
    quotes = pd.read_parquet(tmp_path / "out/market/volatilities.parquet")
    assert len(forwards) == 11 and quotes["volatility"].between(0.2, 3.0).mean() > 0.95
