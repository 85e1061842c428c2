"""Import of Deribit chains on small made-up rows."""

import json

import numpy as np
import pandas as pd
import pytest

from jaxmargin.errors import InvalidInputError
from jaxmargin.io import parity_forwards, read_deribit, write_chain

SNAPSHOT = pd.Timestamp("2026-02-05T09:00:00Z")
EXPIRY = pd.Timestamp("2026-02-27T08:00:00Z")


def import_deribit(path, out, **choice):
    return write_chain(read_deribit(path, **choice), out)


def row(strike, option_type, mark, *, volatility=0.5, expiry=EXPIRY, index="BTC-27FEB26"):
    return {
        "snapshot": SNAPSHOT,
        "instrument_name": f"BTC-{expiry:%d%b%y}-{strike}-{option_type[0]}".upper(),
        "currency": "BTC",
        "option_type": option_type,
        "strike": float(strike),
        "expiry": expiry,
        "underlying_index": index,
        "underlying_price": 70_100.0,
        "index_price": 70_000.0,
        "mark_price": mark,
        "mark_iv": volatility,
    }


def pair(strike, forward, time_value=0.05, **terms):
    """A call and the put that parity gives it: C - P = 1 - K / F."""
    call = time_value + max(1.0 - strike / forward, 0.0)
    return [
        row(strike, "call", call, **terms),
        row(strike, "put", call - 1.0 + strike / forward, **terms),
    ]


@pytest.fixture
def write(tmp_path):
    def to_file(rows):
        path = tmp_path / "chain.parquet"
        pd.DataFrame(rows).to_parquet(path)
        return path

    return to_file


def test_the_forward_is_the_median_of_the_parity_forwards_of_the_strikes(write, tmp_path):
    path = write([*pair(60_000, 70_200.0), *pair(70_000, 70_300.0), *pair(80_000, 70_900.0)])
    import_deribit(path, tmp_path / "out")
    forwards = pd.read_parquet(tmp_path / "out/market/forwards.parquet")
    np.testing.assert_allclose(forwards["forward"], [70_300.0], rtol=1e-12)
    assert (forwards["rate"] == 0.0).all()


def test_an_expiry_without_a_pair_takes_the_underlying_price_and_says_so(write, tmp_path):
    path = write([row(70_000, "call", 0.05)])
    lines = import_deribit(path, tmp_path / "out")
    assert any("as the venue quotes it" in line for line in lines)
    forwards = pd.read_parquet(tmp_path / "out/market/forwards.parquet")
    assert list(forwards["forward"]) == [70_100.0]


def test_where_volatilities_differ_the_out_of_the_money_one_is_taken(write, tmp_path):
    rows = pair(60_000, 70_200.0) + pair(80_000, 70_200.0)
    for entry in rows:
        itm = (entry["option_type"] == "call") == (entry["strike"] < 70_200.0)
        entry["mark_iv"] = 0.9 if itm else 0.4
    lines = import_deribit(write(rows), tmp_path / "out")
    quotes = pd.read_parquet(tmp_path / "out/market/volatilities.parquet")
    assert list(quotes["volatility"]) == [0.4, 0.4]
    assert any("differ at 2 of 2 strikes, by 0.5000" in line for line in lines)


def test_listed_futures_and_coins_are_added_and_synthetic_ones_are_not(write, tmp_path):
    later = pd.Timestamp("2026-03-06T08:00:00Z")
    synthetic = pair(70_000, 70_200.0, expiry=later, index="SYN.BTC-6MAR26")
    rows = pair(70_000, 70_200.0) + synthetic
    import_deribit(write(rows), tmp_path / "out")
    instruments = pd.read_parquet(tmp_path / "out/instruments.parquet").set_index("instrument")
    assert instruments.loc["BTC-27FEB26", "kind"] == "inverse-future"
    assert instruments.loc["BTC-27FEB26", "multiplier"] == 10.0  # USD per contract
    assert instruments.loc["BTC-SPOT", "kind"] == "spot"
    assert "SYN.BTC-6MAR26" not in instruments.index
    assert len(instruments) == 4 + 1 + 1


def test_what_cannot_be_priced_is_left_out_by_name(write, tmp_path):
    rows = [
        *pair(70_000, 70_200.0),
        row(75_000, "call", 0.01, volatility=0.0),
        row(80_000, "call", 0.01, expiry=SNAPSHOT - pd.Timedelta(hours=1)),
    ]
    lines = import_deribit(write(rows), tmp_path / "out")
    assert any("without a mark volatility: BTC-27FEB26-75000-C" in line for line in lines)
    assert any("expired at the snapshot: BTC-05FEB26-80000-C" in line for line in lines)
    notes = json.loads((tmp_path / "out/import.json").read_text())["notes"]
    assert len(notes) == 2
    assert len(pd.read_parquet(tmp_path / "out/instruments.parquet")) == 2 + 1 + 1


def test_a_file_of_several_snapshots_needs_a_choice(write, tmp_path):
    rows = pair(70_000, 70_200.0)
    later = [entry | {"snapshot": SNAPSHOT + pd.Timedelta(hours=6)} for entry in rows]
    path = write(rows + later)
    with pytest.raises(InvalidInputError, match=r"2 snapshots, .*Pick one with --snapshot"):
        import_deribit(path, tmp_path / "out")
    with pytest.raises(InvalidInputError, match="no snapshot starting with '2027'; there are 2026"):
        import_deribit(path, tmp_path / "out", snapshot="2027")
    assert not (tmp_path / "out").exists()
    lines = import_deribit(path, tmp_path / "out", snapshot="2026-02-05 15")
    assert "2026-02-05T15:00:00" in lines[0]


def test_bad_rows_are_refused_with_column_and_row(write, tmp_path):
    rows = pair(70_000, 70_200.0)
    rows[1]["strike"] = -1.0
    with pytest.raises(InvalidInputError, match=r"column strike: not positive in 1 of 2 rows"):
        import_deribit(write(rows), tmp_path / "out")


@pytest.mark.parametrize("settlement", ["BTC", "USDC"])
def test_parity_recovers_the_forward_that_made_the_prices(settlement):
    forward, notes, rows = 71_234.5, [], []
    for strike in np.arange(50_000.0, 100_000.0, 5_000.0):
        difference = 1.0 - strike / forward if settlement == "BTC" else forward - strike
        for option_type, price in (("call", 0.2), ("put", 0.2 - difference)):
            rows.append(
                {"underlying": "BTC", "settlement": settlement, "expiry": EXPIRY, "forward": 1.0,
                 "strike": strike, "option_type": option_type, "price": price}
            )  # fmt: skip
    table = parity_forwards(pd.DataFrame(rows), {"BTC": 70_000.0, "USDC": 1.0}, notes)
    np.testing.assert_allclose(table["forward"], [forward], rtol=1e-12)
    assert notes == []
