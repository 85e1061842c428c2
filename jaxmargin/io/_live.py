"""Fetches option tickers from a venue's public interface, through ccxt."""

import json
from pathlib import Path
from typing import Any

from jaxmargin.errors import InvalidInputError, require

__all__ = ["VENUES", "fetch_tickers"]

VENUES = ("deribit", "okx", "bybit")

_SECONDS = 20  # before a request is given up


def fetch_tickers(venue: str, coin: str, path: Path, *, url: str | None = None) -> dict[str, float]:
    """Save a venue's answer on all options of a coin, as the readers of `io` take it.

    Args:
        venue: deribit, okx or bybit.
        coin: underlying, such as BTC.
        path: file to write the answer to.
        url: address of the venue's interface, if not its public one.

    Returns:
        Prices in USD that the answer does not hold: of the coin at OKX.

    Raises:
        InvalidInputError: ccxt is not installed, or the venue is unknown or does not answer.
    """
    require(venue in VENUES, f"venue {venue!r} is not known. Use one of {', '.join(VENUES)}.")
    try:
        import ccxt
    except ImportError:
        raise InvalidInputError(
            "Live snapshots need ccxt. Install it with: pip install 'jaxmargin[live]'"
        ) from None
    exchange = getattr(ccxt, venue)({"timeout": _SECONDS * 1000, "enableRateLimit": True})
    if url is not None:
        exchange.urls["api"] = dict.fromkeys(exchange.urls["api"], url)
    prices: dict[str, float] = {}
    try:
        if venue == "deribit":
            answer = exchange.public_get_get_book_summary_by_currency(
                {"currency": coin, "kind": "option"}
            )
        elif venue == "okx":
            answer = exchange.public_get_public_opt_summary({"instFamily": f"{coin}-USD"})
            index: Any = exchange.public_get_market_index_tickers({"instId": f"{coin}-USD"})
            prices[coin] = float(index["data"][0]["idxPx"])
        else:
            answer = exchange.public_get_v5_market_tickers({"category": "option", "baseCoin": coin})
    except ccxt.BaseError as error:
        raise InvalidInputError(
            f"{venue} did not answer: {type(error).__name__}. Try again, or check the network."
        ) from None
    except (KeyError, IndexError, TypeError, ValueError):
        raise InvalidInputError(
            f"{venue} answered without the index price of {coin}. Try again."
        ) from None
    path.write_text(json.dumps(answer), encoding="utf-8")
    return prices
