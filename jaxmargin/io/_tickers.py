"""Reads option tickers as Deribit, OKX and Bybit answer them: JSON of their public interfaces."""

import math
import re
from pathlib import Path
from typing import Any

import pandas as pd

from jaxmargin.errors import InvalidInputError
from jaxmargin.io._answers import Number, chain_of_rows, read_answer, reason
from jaxmargin.io._chain import Chain
from jaxmargin.io._deribit import DERIBIT_FUTURE, DERIBIT_FUTURE_SIZE

__all__ = ["read_bybit", "read_deribit_summary", "read_okx"]

_DERIBIT_NAME = re.compile(r"([A-Z]+)-(\d{1,2}[A-Z]{3}\d{2})-(\d+)-([CP])")
_OKX_NAME = re.compile(r"([A-Z0-9]+)-USD-(\d{6})-(\d+(?:\.\d+)?)-([CP])")
_BYBIT_NAME = re.compile(
    r"([A-Z0-9]+)-(\d{1,2}[A-Z]{3}\d{2})-(\d+(?:\.\d+)?)-([CP])(?:-(USDT|USDC))?"
)
# Coins per contract: OKX option specifications, read 2026-11.
_OKX_SIZE = {"BTC": 0.01, "ETH": 0.1}


def read_deribit_summary(path: Path) -> Chain:
    """Coin-settled options of Deribit's `public/get_book_summary_by_currency`, kind option.

    Of each row of `result`: `instrument_name` (BTC-27MAR26-60000-C), `mark_price` (coin),
    `mark_iv` (percent), `underlying_price`, `underlying_index`, `estimated_delivery_price` (the
    index price) and `creation_timestamp` (milliseconds).

    Raises:
        InvalidInputError: not such an answer, or bad fields.
    """
    content = read_answer(path)
    rows = content.get("result")
    if not isinstance(rows, list):
        raise InvalidInputError(
            f"{path.name}: not an answer of get_book_summary_by_currency ({reason(content)}). "
            "Save the whole answer, with its result."
        )

    def option(row: dict[str, Any], name: re.Match[str], number: Number) -> dict[str, Any]:
        coin, day, strike, sign = name.groups()
        future = str(row.get("underlying_index", ""))
        return {
            "underlying": coin,
            "settlement": coin,
            "option_type": "call" if sign == "C" else "put",
            "strike": float(strike),
            "expiry": pd.to_datetime(day + " 08", format="%d%b%y %H", utc=True),
            "index_price": number(row, "estimated_delivery_price"),
            "forward": number(row, "underlying_price"),
            "price": number(row, "mark_price"),
            "volatility": number(row, "mark_iv") / 100.0,
            "multiplier": 1.0,
            "future": future if DERIBIT_FUTURE.fullmatch(future) else "",
            "time": pd.to_datetime(number(row, "creation_timestamp"), unit="ms", utc=True),
        }

    return chain_of_rows(
        path,
        rows,
        option,
        name_key="instrument_name",
        name_form=_DERIBIT_NAME,
        prices={},
        example="BTC-27MAR26-60000-C",
        future_size=DERIBIT_FUTURE_SIZE,
        sides=("bid_price", "ask_price"),
    )


def read_okx(path: Path, *, prices: dict[str, float]) -> Chain:
    """Coin-settled options of OKX's `GET /api/v5/public/opt-summary`.

    Of each row of `data`: `instId` (BTC-USD-260327-60000-C), `markVol` (a fraction), `fwdPx` (USD)
    and `ts` (milliseconds). The answer holds no index price and no option prices, so the spot
    price of each coin must be given, and forwards are those that OKX quotes.

    Args:
        path: the answer, or a message of the channel `opt-summary`.
        prices: price in USD of each coin.

    Raises:
        InvalidInputError: not such an answer, bad fields, or a coin without a price.
    """
    content = read_answer(path)
    rows = content.get("data")
    if str(content.get("code", "0")) != "0" or not isinstance(rows, list):
        raise InvalidInputError(f"{path.name}: not an answer of opt-summary ({reason(content)}). "
                                "Save the whole answer, code and data.")  # fmt: skip

    def option(row: dict[str, Any], name: re.Match[str], number: Number) -> dict[str, Any]:
        coin, day, strike, sign = name.groups()
        if coin not in prices:
            raise InvalidInputError(
                f"{path.name}: the price of {coin} is not in the file. "
                f"Give it, as in --spot {coin}=60000"
            )
        return {
            "underlying": coin,
            "settlement": coin,
            "option_type": "call" if sign == "C" else "put",
            "strike": float(strike),
            "expiry": pd.to_datetime(day + " 08", format="%y%m%d %H", utc=True),
            "index_price": prices[coin],
            "forward": number(row, "fwdPx"),
            "price": math.nan,
            "volatility": number(row, "markVol"),
            "multiplier": _OKX_SIZE.get(coin, math.nan),
            "time": pd.to_datetime(number(row, "ts"), unit="ms", utc=True),
        }

    return chain_of_rows(
        path,
        rows,
        option,
        name_key="instId",
        name_form=_OKX_NAME,
        prices=prices,
        example="BTC-USD-260327-60000-C",
    )


def read_bybit(path: Path, *, prices: dict[str, float]) -> Chain:
    """USDT- and USDC-settled options of Bybit's `GET /v5/market/tickers?category=option`.

    Of each row of `result.list`: `symbol` (BTC-27MAR26-60000-C-USDT; without a suffix USDC),
    `markPrice`, `markIv` (a fraction), `underlyingPrice` (the forward) and `indexPrice`; the
    moment is `time` (milliseconds).

    Args:
        path: the answer.
        prices: price in USD of each stablecoin that options settle in.

    Raises:
        InvalidInputError: not such an answer, or bad fields.
    """
    content = read_answer(path)
    result = content.get("result")
    rows = result.get("list") if isinstance(result, dict) else None
    if (
        str(content.get("retCode", "0")) != "0"
        or not isinstance(rows, list)
        or "time" not in content
    ):
        raise InvalidInputError(f"{path.name}: not an answer of tickers ({reason(content)}). "
                                "Save the whole answer: retCode, result and time.")  # fmt: skip

    def option(row: dict[str, Any], name: re.Match[str], number: Number) -> dict[str, Any]:
        coin, day, strike, sign, settlement = name.groups(default="USDC")
        return {
            "underlying": coin,
            "settlement": settlement,
            "option_type": "call" if sign == "C" else "put",
            "strike": float(strike),
            "expiry": pd.to_datetime(day + " 08", format="%d%b%y %H", utc=True),
            "index_price": number(row, "indexPrice"),
            "forward": number(row, "underlyingPrice") * prices.get(settlement, 1.0),
            "price": number(row, "markPrice"),
            "volatility": number(row, "markIv"),
            "multiplier": 1.0,
        }

    try:
        time = pd.to_datetime(int(content["time"]), unit="ms", utc=True)
    except (TypeError, ValueError, OverflowError):
        raise InvalidInputError(
            f"{path.name}, time: {content['time']!r} is no time. Save the whole answer."
        ) from None
    return chain_of_rows(
        path,
        rows,
        option,
        name_key="symbol",
        name_form=_BYBIT_NAME,
        prices=prices,
        time=time,
        example="BTC-27MAR26-60000-C-USDT",
        sides=("bid1Price", "ask1Price"),
    )
