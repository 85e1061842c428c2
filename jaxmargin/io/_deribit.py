"""Reads Deribit option-chain rows."""

import re
from pathlib import Path

import pandas as pd

from jaxmargin.errors import InvalidInputError
from jaxmargin.io._chain import Chain
from jaxmargin.io._problems import Problems
from jaxmargin.io._read import read_table
from jaxmargin.io._schema import Column, Table

__all__ = ["DERIBIT_FUTURE", "DERIBIT_FUTURE_SIZE", "read_deribit"]

_ROWS = Table(
    "option chain",
    (
        Column("snapshot", "time"),
        Column("instrument_name", "text"),
        Column("currency", "text"),
        Column("option_type", "text", choices=("call", "put")),
        Column("strike", "number", positive=True),
        Column("expiry", "time"),
        Column("underlying_index", "text"),
        Column("underlying_price", "number", positive=True),
        Column("index_price", "number", positive=True),
        Column("mark_price", "number", not_negative=True),
        Column("mark_iv", "number"),
    ),
    key=("snapshot", "instrument_name"),
)

# USD per futures contract: Deribit contract specifications, inverse futures, read 2026-02.
DERIBIT_FUTURE_SIZE = {"BTC": 10.0, "ETH": 1.0}

DERIBIT_FUTURE = re.compile(r"[A-Z]+-\d{1,2}[A-Z]{3}\d{2}")


def read_deribit(path: Path, *, snapshot: str | None = None) -> Chain:
    """Coin-settled options as of Deribit's book summary: marks in coin, `mark_iv` a fraction.

    Args:
        path: Parquet or CSV with the columns snapshot, instrument_name, currency, option_type,
            strike, expiry, underlying_index, underlying_price, index_price, mark_price, mark_iv.
        snapshot: time, or the beginning of one such as a day, that picks one snapshot.

    Raises:
        InvalidInputError: unreadable rows, or no or several snapshots that match.
    """
    problems = Problems()
    rows = read_table(path, _ROWS, problems)
    problems.raise_if_any()
    assert rows is not None
    rows = _pick(path.name, rows, snapshot)
    listed = rows["underlying_index"].str.fullmatch(DERIBIT_FUTURE)
    return Chain(
        source=path,
        time=rows["snapshot"].iloc[0],
        rows=pd.DataFrame(
            {
                "instrument": rows["instrument_name"],
                "underlying": rows["currency"],
                "settlement": rows["currency"],
                "option_type": rows["option_type"],
                "strike": rows["strike"],
                "expiry": rows["expiry"],
                "index_price": rows["index_price"],
                "forward": rows["underlying_price"],
                "price": rows["mark_price"],
                "volatility": rows["mark_iv"],
                "multiplier": 1.0,
                "future": rows["underlying_index"].where(listed, ""),
            }
        ),
        future_size=DERIBIT_FUTURE_SIZE,
        prices={},
        notes=[],
    )


def _pick(file: str, rows: pd.DataFrame, snapshot: str | None) -> pd.DataFrame:
    """The rows of one snapshot."""
    times = pd.Series(rows["snapshot"].unique()).sort_values(ignore_index=True)
    if times.empty:
        raise InvalidInputError(f"{file}: no rows. Give a file with an option chain.")
    wanted = times
    if snapshot is not None:
        beginning = snapshot.replace(" ", "T").removesuffix("Z")
        wanted = times[[pd.Timestamp(t).isoformat().startswith(beginning) for t in times]]
    if len(wanted) == 1:
        return rows[rows["snapshot"] == wanted.iloc[0]].reset_index(drop=True)
    listed = ", ".join(time.isoformat() for time in (wanted if len(wanted) else times).iloc[:5])
    asked = f" starting with {snapshot!r}" if snapshot is not None else ""
    found = (
        f"{len(wanted):,} snapshots{asked}," if len(wanted) else f"no snapshot{asked}; there are"
    )
    raise InvalidInputError(
        f"{file}, column snapshot: {found} {listed}, ... Pick one with --snapshot."
    )
