"""Reads option quotes of any venue from a table in our own form."""

from pathlib import Path

import pandas as pd

from jaxmargin.errors import require
from jaxmargin.io._chain import Chain
from jaxmargin.io._problems import Problems
from jaxmargin.io._read import read_table
from jaxmargin.io._schema import Column, Table

__all__ = ["read_quotes"]

_QUOTES = Table(
    "quotes",
    (
        Column("instrument", "text"),
        Column("underlying", "text"),
        Column("settlement", "text"),
        Column("option_type", "text", choices=("call", "put")),
        Column("strike", "number", positive=True),
        Column("expiry", "time"),
        Column("index_price", "number", positive=True),
        Column("multiplier", "number", positive=True),
        Column("forward", "number", positive=True, blank=True),
        Column("price", "number", blank=True, not_negative=True),
        Column("volatility", "number", positive=True, blank=True),
    ),
    key=("instrument",),
)


def read_quotes(path: Path, *, time: str, prices: dict[str, float]) -> Chain:
    """Options of one moment in Parquet or CSV, one row each.

    Columns: instrument, underlying, settlement (the underlying, or another asset for linear
    options), option_type (call, put), strike, expiry, index_price, multiplier, and as far as
    known forward (numeraire), price (settlement asset) and volatility (a fraction; implied from
    the price where it is blank).

    Args:
        path: the table.
        time: moment of the quotes with its zone, such as 2026-02-05T09:00:00Z.
        prices: price of each settlement asset that is not an underlying.

    Raises:
        InvalidInputError: bad rows, or a time that is none.
    """
    moment = _moment(time)
    problems = Problems()
    rows = read_table(path, _QUOTES, problems)
    problems.raise_if_any()
    assert rows is not None
    return Chain(path, moment, rows.assign(future=""), {}, prices, [])


def _moment(time: str) -> pd.Timestamp:
    try:
        moment = pd.Timestamp(time)
    except ValueError:
        moment = pd.Timestamp(0)  # has no zone
    require(
        moment.tzinfo is not None,
        f"--time {time}: not a time with a zone. Write it as 2026-02-05T09:00:00Z.",
    )
    return moment.tz_convert("UTC")
