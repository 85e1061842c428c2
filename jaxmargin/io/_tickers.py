"""Reads option tickers as OKX and Bybit answer them: JSON saved from their public interfaces."""

import json
import math
import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pandas as pd

from jaxmargin.errors import InvalidInputError
from jaxmargin.io._chain import Chain
from jaxmargin.io._problems import Problems

__all__ = ["read_bybit", "read_okx"]

_LARGEST_FILE = 256 * 1024 * 1024  # bytes; a whole venue's options are a few megabytes

_OKX_NAME = re.compile(r"([A-Z0-9]+)-USD-(\d{6})-(\d+(?:\.\d+)?)-([CP])")
_BYBIT_NAME = re.compile(
    r"([A-Z0-9]+)-(\d{1,2}[A-Z]{3}\d{2})-(\d+(?:\.\d+)?)-([CP])(?:-(USDT|USDC))?"
)
# Coins per contract: OKX option specifications, read 2026-11.
_OKX_SIZE = {"BTC": 0.01, "ETH": 0.1}


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
    content = _content(path)
    rows = content.get("data")
    if str(content.get("code", "0")) != "0" or not isinstance(rows, list):
        raise InvalidInputError(f"{path.name}: not an answer of opt-summary ({_reason(content)}). "
                                "Save the whole answer, code and data.")  # fmt: skip

    def option(row: dict[str, Any], name: re.Match[str], number: _Number) -> dict[str, Any]:
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

    return _chain(path, rows, option, name_key="instId", name_form=_OKX_NAME, prices=prices)


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
    content = _content(path)
    result = content.get("result")
    rows = result.get("list") if isinstance(result, dict) else None
    if content.get("retCode", 0) != 0 or not isinstance(rows, list) or "time" not in content:
        raise InvalidInputError(f"{path.name}: not an answer of tickers ({_reason(content)}). "
                                "Save the whole answer: retCode, result and time.")  # fmt: skip

    def option(row: dict[str, Any], name: re.Match[str], number: _Number) -> dict[str, Any]:
        coin, day, strike, sign, settlement = name.groups()
        return {
            "underlying": coin,
            "settlement": settlement or "USDC",
            "option_type": "call" if sign == "C" else "put",
            "strike": float(strike),
            "expiry": pd.to_datetime(day + " 08", format="%d%b%y %H", utc=True),
            "index_price": number(row, "indexPrice"),
            "forward": number(row, "underlyingPrice"),
            "price": number(row, "markPrice"),
            "volatility": number(row, "markIv"),
            "multiplier": 1.0,
        }

    time = pd.to_datetime(int(content["time"]), unit="ms", utc=True)
    return _chain(
        path, rows, option, name_key="symbol", name_form=_BYBIT_NAME, prices=prices, time=time
    )


_Number = Callable[[dict[str, Any], str], float]


def _content(path: Path) -> dict[str, Any]:
    if not path.is_file():
        raise InvalidInputError(f"{path}: no such file. Check the path.")
    if path.stat().st_size > _LARGEST_FILE:
        raise InvalidInputError(f"{path.name}: larger than 256 MiB. Save one answer a file.")
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise InvalidInputError(
            f"{path.name}: not JSON ({error}). Save the venue's answer as it is."
        ) from None
    if not isinstance(content, dict):
        raise InvalidInputError(f"{path.name}: not a JSON object. Save the whole answer.")
    return content


def _reason(content: dict[str, Any]) -> str:
    message = content.get("msg") or content.get("retMsg")
    return str(message) if message else f"its keys are {', '.join(content) or 'none'}"


def _chain(
    path: Path,
    rows: Iterable[Any],
    option: Callable[[dict[str, Any], re.Match[str], _Number], dict[str, Any]],
    *,
    name_key: str,
    name_form: re.Pattern[str],
    prices: dict[str, float],
    time: pd.Timestamp | None = None,
) -> Chain:
    """Rows as options; all bad fields are reported at once, and unknown names are noted."""
    problems, foreign, options = Problems(), [], []
    for count, row in enumerate(rows, start=1):
        name = row.get(name_key) if isinstance(row, dict) else None
        if not isinstance(name, str):
            problems.add(f"{path.name}, row {count}", f"no {name_key}", "Save the whole answer.")
            continue
        match = name_form.fullmatch(name)
        if match is None:
            foreign.append(name)
            continue

        def number(row: dict[str, Any], key: str, where: str = f"row {count}, {name}") -> float:
            try:
                value = float(row[key])
            except (KeyError, TypeError, ValueError):
                value = math.nan
            if not math.isfinite(value):
                problems.add(f"{path.name}, {where}", f"{key} is {row.get(key)!r}, not a number",
                             "Save the whole answer.")  # fmt: skip
            return value

        options.append({"instrument": name, "future": "", **option(row, match, number)})
    problems.raise_if_any()
    if not options:
        raise InvalidInputError(
            f"{path.name}: no options. Give an answer that lists some; names look like "
            f"{'BTC-USD-260327-60000-C' if name_key == 'instId' else 'BTC-27MAR26-60000-C-USDT'}."
        )
    table = pd.DataFrame(options)
    notes = (
        [f"left out {len(foreign):,} rows of other kinds: {', '.join(foreign)}"] if foreign else []
    )
    if time is None:
        time = table.pop("time").max()
    unsized = sorted(table.loc[table["multiplier"].isna(), "underlying"].unique())
    if unsized:
        raise InvalidInputError(
            f"{path.name}: contract size of options on {', '.join(unsized)} is not known. "
            "Leave them out of the answer."
        )
    return Chain(path, pd.Timestamp(time), table, {}, prices, notes)
