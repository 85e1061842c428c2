"""Live snapshots through ccxt, against a server of our own on the loopback interface."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlparse

import pandas as pd
import pytest

pytest.importorskip("ccxt", reason="live snapshots need the extra 'live'")

NAME = "BTC-27MAR26-{strike}-{sign}"
DERIBIT = {
    "jsonrpc": "2.0",
    "result": [
        {
            "instrument_name": NAME.format(strike=strike, sign=sign), "mark_price": mark,
            "mark_iv": 50.25, "underlying_price": 61000.5, "underlying_index": "BTC-27MAR26",
            "estimated_delivery_price": 60600.5, "creation_timestamp": 1770282000085,
            "interest_rate": 0.0, "bid_price": None, "ask_price": None,
        }
        for strike, sign, mark in ((60000, "C", 0.07), (60000, "P", 0.0536), (70000, "C", 0.03))
    ],
}  # fmt: skip
OKX = {
    "code": "0",
    "msg": "",
    "data": [{"instType": "OPTION", "instId": "BTC-USD-260327-60000-C", "markVol": "0.47",
              "fwdPx": "61026.37", "ts": "1770282000085"}],
}  # fmt: skip
OKX_INDEX = {"code": "0", "msg": "", "data": [{"instId": "BTC-USD", "idxPx": "60600.5"}]}
BYBIT = {
    "retCode": 0,
    "retMsg": "OK",
    "result": {"category": "option", "list": [
        {"symbol": "BTC-27MAR26-60000-C-USDT", "markPrice": "4025.5", "indexPrice": "60600.55",
         "markIv": "0.7567", "underlyingPrice": "60990.42"},
    ]},
    "time": 1770282000123,
}  # fmt: skip
ANSWERS = {
    "/api/v2/public/get_book_summary_by_currency": DERIBIT,
    "/api/v5/public/opt-summary": OKX,
    "/api/v5/market/index-tickers": OKX_INDEX,
    "/v5/market/tickers": BYBIT,
}


@pytest.fixture
def server():
    """A venue on the loopback interface; what it was asked is in `asked`."""

    class Venue(BaseHTTPRequestHandler):
        def do_GET(self):
            address = urlparse(self.path)
            self.server.asked.append((address.path, parse_qs(address.query)))
            answer = self.server.answers.get(address.path)
            self.send_response(200 if answer is not None else 503)
            self.send_header("Content-Type", "application/json")
            self.end_headers()
            self.wfile.write(json.dumps(answer).encode())

        def log_message(self, *_):
            pass

    venue = ThreadingHTTPServer(("127.0.0.1", 0), Venue)
    venue.asked, venue.answers = [], dict(ANSWERS)
    thread = threading.Thread(target=venue.serve_forever, daemon=True)
    thread.start()
    yield venue
    venue.shutdown()
    thread.join()
    venue.server_close()


@pytest.fixture
def live(server, run_command):
    """Run `jaxmargin import live` against the server; exit code, output, errors."""

    def run(*arguments):
        url = f"http://127.0.0.1:{server.server_port}"
        return run_command("import", "live", *arguments, "--url", url)

    return run


def test_deribit_is_asked_for_all_options_and_imported(live, server, tmp_path):
    code, output, errors = live("deribit", "BTC", "--out", tmp_path)
    assert code == 0, errors
    assert server.asked == [
        ("/api/v2/public/get_book_summary_by_currency", {"currency": ["BTC"], "kind": ["option"]})
    ]
    assert "2026-02-05T09:00:00.085" in output
    forward = pd.read_parquet(tmp_path / "market/forwards.parquet")["forward"]
    assert forward[0] == pytest.approx(60_000 / (1 - 0.07 + 0.0536), rel=1e-12)  # parity
    volatilities = pd.read_parquet(tmp_path / "market/volatilities.parquet")["volatility"]
    assert list(volatilities) == [0.5025, 0.5025]  # percent there, a fraction here
    assert (tmp_path / "deribit-BTC.json").is_file()


def test_okx_is_also_asked_for_the_index_price(live, server, tmp_path):
    code, _, errors = live("okx", "BTC", "--out", tmp_path)
    assert code == 0, errors
    assert [path for path, _ in server.asked] == [
        "/api/v5/public/opt-summary", "/api/v5/market/index-tickers",
    ]  # fmt: skip
    assert list(pd.read_parquet(tmp_path / "market/assets.parquet")["spot"]) == [60_600.5]


def test_bybit_needs_the_price_of_its_stablecoin(live, tmp_path):
    code, _, errors = live("bybit", "BTC", "--out", tmp_path / "a")
    assert code == 2 and "--spot USDT=1.0" in errors and not (tmp_path / "a").exists()
    code, _, errors = live("bybit", "BTC", "--out", tmp_path / "b", "--spot", "USDT=1.0")
    assert code == 0, errors


def test_a_venue_that_does_not_answer_is_an_error_without_output(live, server, tmp_path):
    server.answers.clear()
    code, _, errors = live("deribit", "BTC", "--out", tmp_path / "out")
    assert code == 2 and "deribit did not answer" in errors
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("spot", ["BTC", "BTC=", "BTC=-1", "BTC=nan", "=5"])
def test_a_spot_price_that_is_none_is_refused(live, tmp_path, spot):
    code, _, errors = live("okx", "BTC", "--out", tmp_path / "out", "--spot", spot)
    assert code == 2 and f"--spot {spot}: not a price" in errors


def test_an_unknown_venue_is_named(live, tmp_path):
    code, _, errors = live("mtgox", "BTC", "--out", tmp_path / "out")
    assert code == 2 and "Use one of deribit, okx, bybit" in errors
