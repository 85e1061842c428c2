"""Option tickers of OKX and Bybit, in the shape that their documentation shows."""

import copy
import json

import numpy as np
import pandas as pd
import pytest

from jaxmargin.errors import InvalidInputError
from jaxmargin.io import read_bybit, read_okx, write_chain

OKX = {
    "code": "0",
    "msg": "",
    "data": [
        {"instType": "OPTION", "instId": "BTC-USD-260327-60000-C", "uly": "BTC-USD",
         "delta": "0.5", "markVol": "0.4686517873", "bidVol": "0", "askVol": "2.4",
         "fwdPx": "61026.372899316", "ts": "1770282000085"},
        {"instType": "OPTION", "instId": "BTC-USD-260327-70000-P", "uly": "BTC-USD",
         "delta": "-0.7", "markVol": "0.45", "bidVol": "", "askVol": "",
         "fwdPx": "61026.372899316", "ts": "1770282000085"},
        {"instType": "OPTION", "instId": "BTC-USD_UM-260327-70000-P", "markVol": "0.45",
         "fwdPx": "61026.4", "ts": "1770282000085"},
    ],
}  # fmt: skip
BYBIT = {
    "retCode": 0,
    "retMsg": "OK",
    "result": {
        "category": "option",
        "list": [
            {"symbol": "BTC-27MAR26-60000-C-USDT", "bid1Price": "4000", "ask1Price": "4050",
             "markPrice": "4025.5", "indexPrice": "60600.55", "markIv": "0.7567",
             "underlyingPrice": "60990.42"},
            {"symbol": "BTC-27MAR26-60000-P-USDT", "bid1Price": "", "ask1Price": "",
             "markPrice": "3000.5", "indexPrice": "60600.55", "markIv": "0.7567",
             "underlyingPrice": "60990.42"},
        ],
    },
    "time": 1770282000123,
}  # fmt: skip


@pytest.fixture
def save(tmp_path):
    def to_file(content):
        path = tmp_path / "answer.json"
        path.write_text(content if isinstance(content, str) else json.dumps(content))
        return path

    return to_file


def tables(out):
    names = ("market/assets", "market/forwards", "market/volatilities", "instruments")
    return [pd.read_parquet(out / f"{name}.parquet") for name in names]


def test_okx_summaries_become_coin_settled_options(save, tmp_path):
    lines = write_chain(read_okx(save(OKX), prices={"BTC": 60_600.0}), tmp_path / "out")
    assets, forwards, volatilities, instruments = tables(tmp_path / "out")
    assert "2026-02-05T09:00:00.085" in lines[0]
    assert list(assets["spot"]) == [60_600.0]
    np.testing.assert_allclose(forwards["forward"], [61_026.372899316], rtol=1e-15)
    assert forwards["expiry"].iloc[0] == pd.Timestamp("2026-03-27T08:00:00Z")
    assert list(volatilities["volatility"]) == [0.4686517873, 0.45]
    options = instruments[instruments["kind"] == "inverse-option"]
    assert list(options["option_type"]) == ["call", "put"]
    assert list(options["multiplier"]) == [0.01, 0.01]
    assert any("BTC-USD_UM-260327-70000-P" in line for line in lines)  # named, not lost


def test_bybit_tickers_become_stablecoin_settled_options_with_a_parity_forward(save, tmp_path):
    lines = write_chain(read_bybit(save(BYBIT), prices={"USDT": 0.999}), tmp_path / "out")
    assets, forwards, volatilities, instruments = tables(tmp_path / "out")
    assert "2026-02-05T09:00:00.123" in lines[0]
    assert dict(zip(assets["asset"], assets["spot"], strict=True)) == {
        "BTC": 60_600.55, "USDT": 0.999,
    }  # fmt: skip
    # parity: F = K + C - P = 60,000 + 4,025.5 - 3,000.5 USDT, at 0.999 USD each
    np.testing.assert_allclose(forwards["forward"], [61_025.0 * 0.999], rtol=1e-15)
    assert list(volatilities["volatility"]) == [0.7567]
    options = instruments[instruments["kind"] == "linear-option"]
    assert list(options["settlement"]) == ["USDT", "USDT"]


def test_a_bybit_name_without_a_suffix_settles_in_usdc(save):
    answer = copy.deepcopy(BYBIT)
    for row in answer["result"]["list"]:
        row["symbol"] = row["symbol"].removesuffix("-USDT")
    assert set(read_bybit(save(answer), prices={}).rows["settlement"]) == {"USDC"}


def test_a_price_that_is_needed_is_asked_for(save, tmp_path):
    with pytest.raises(InvalidInputError, match=r"price of BTC is not in the file.*--spot BTC="):
        read_okx(save(OKX), prices={})
    with pytest.raises(InvalidInputError, match=r"settle in USDT.*--spot USDT=1\.0"):
        write_chain(read_bybit(save(BYBIT), prices={}), tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("value", ["", "nan", None, "x", []])
def test_a_field_that_is_no_number_is_named_with_its_row(save, value):
    answer = copy.deepcopy(BYBIT)
    answer["result"]["list"][1]["markIv"] = value
    with pytest.raises(InvalidInputError, match="row 2, BTC-27MAR26-60000-P-USDT: markIv is"):
        read_bybit(save(answer), prices={"USDT": 1.0})


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "not JSON"),
        ("[]", "not a JSON object"),
        ("[" * 100_000, "not JSON"),
        ({}, "not an answer"),
        ({"code": "50011", "msg": "Too Many Requests", "data": []}, "Too Many Requests"),
        ({"code": "0", "data": []}, "no options"),
        ({"code": "0", "data": [{"instId": 5}]}, "row 1: no instId"),
    ],
)
def test_what_is_no_answer_is_refused(save, content, message):
    with pytest.raises(InvalidInputError, match=message):
        read_okx(save(content), prices={"BTC": 1.0})
