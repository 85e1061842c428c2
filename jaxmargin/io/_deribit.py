"""Imports Deribit option-chain rows: market and instrument tables from one snapshot."""

from pathlib import Path

import numpy as np
import pandas as pd

from jaxmargin.errors import InvalidInputError
from jaxmargin.io._problems import Problems
from jaxmargin.io._read import read_table
from jaxmargin.io._schema import Column, Table
from jaxmargin.io._write import require_folder, sha256, write_json, write_table

__all__ = ["CHAIN", "import_deribit", "parity_forwards"]

CHAIN = Table(
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
        Column("mark_price", "number"),
        Column("mark_iv", "number"),
    ),
    key=("snapshot", "instrument_name"),
)

# USD per futures contract: Deribit contract specifications, futures, read 2026-02.
_FUTURE_SIZE = {"BTC": 10.0, "ETH": 1.0}


def import_deribit(chain: Path, out: Path, *, snapshot: str | None = None) -> list[str]:
    """Write `market/` and `instruments.parquet` from the option chain of one moment.

    Options are of kind inverse-option, prices in USD, rate zero. Each expiry's forward is its
    put-call parity forward, see `parity_forwards`. Spot is the median index price of the
    currency's rows. Listed futures that options refer to are added as inverse futures, and each
    coin as a spot instrument; the chain holds no perpetuals.

    Args:
        chain: rows as of Deribit's book summary; see `CHAIN` for the columns.
        out: folder to write to, made if absent.
        snapshot: time or beginning of a time (such as a day) that picks one snapshot.

    Returns:
        Lines that say what was written and what was left out.

    Raises:
        InvalidInputError: unreadable rows, or no or several snapshots that match.
    """
    require_folder(out)
    problems = Problems()
    rows = read_table(chain, CHAIN, problems)
    problems.raise_if_any()
    assert rows is not None
    rows = _pick(chain.name, rows, snapshot)
    time = rows["snapshot"].iloc[0]
    rows, notes = _usable(rows, time)
    forwards, parity_notes = parity_forwards(rows)
    spots = rows.groupby("currency")["index_price"].median()
    tables = {
        "market/assets": pd.DataFrame(
            {"asset": spots.index, "spot": spots.to_numpy(), "kind": "coin", "perpetual": np.nan}
        ),
        "market/forwards": forwards,
        "market/volatilities": _volatilities(rows, forwards, notes),
        "instruments": _instruments(rows, spots.index, notes),
    }
    (out / "market").mkdir(parents=True, exist_ok=True)
    for name, table in tables.items():
        write_table(table, out / f"{name}.parquet")
    notes += parity_notes
    write_json(
        {
            "source": {"file": chain.name, "sha256": sha256(chain)},
            "snapshot": time.isoformat(),
            "rows": {name: len(table) for name, table in tables.items()},
            "notes": notes,
        },
        out / "import.json",
    )
    counts = ", ".join(f"{len(table):,} {name}" for name, table in tables.items())
    return [
        f"Snapshot {time.isoformat()}: {counts}; in {out}.",
        f"In the job file: valuation_time = {time.isoformat().replace('+00:00', 'Z')}",
        *(f"note: {note}" for note in notes),
    ]


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


def _usable(rows: pd.DataFrame, time: pd.Timestamp) -> tuple[pd.DataFrame, list[str]]:
    """Rows that can be priced, and a note for every reason others cannot."""
    notes = []
    for bad, reason in (
        (rows["expiry"] <= time, "expired at the snapshot"),
        (rows["mark_iv"] <= 0.0, "without a mark volatility"),
    ):
        names = rows.loc[bad, "instrument_name"]
        if len(names):
            notes.append(f"left out {len(names):,} options {reason}: {', '.join(names)}")
    kept = rows[(rows["expiry"] > time) & (rows["mark_iv"] > 0.0)]
    if kept.empty:
        raise InvalidInputError(
            f"No option of the snapshot {time.isoformat()} can be used: {'; '.join(notes)}. "
            "Give a snapshot with live options."
        )
    return kept.reset_index(drop=True), notes


def parity_forwards(rows: pd.DataFrame) -> tuple[pd.DataFrame, list[str]]:
    r"""Forward of each currency and expiry from put-call parity of coin prices.

    With call and put marks $C$ and $P$ in coin, $C - P = 1 - K / F$, so each strike with both
    gives $F = K / (1 - C + P)$; the median over strikes is taken. An expiry without such a strike
    takes the median of `underlying_price`, and is noted.

    Returns:
        The table `forwards` (asset, expiry, forward, rate = 0), and notes.
    """
    marks = rows.pivot_table(
        index=["currency", "expiry", "strike"], columns="option_type", values="mark_price"
    ).reindex(columns=["call", "put"])
    paired = marks.dropna()
    divisor = 1.0 - paired["call"] + paired["put"]
    strike = paired.index.get_level_values("strike").to_numpy()
    by_strike = (strike / divisor)[divisor > 0.0]
    forward = by_strike.groupby(level=["currency", "expiry"]).median()
    quoted = rows.groupby(["currency", "expiry"])["underlying_price"].median()
    lacking = quoted.index.difference(forward.index)
    notes = [
        f"forward of {currency} {expiry.isoformat()} taken from underlying_price: no strike has "
        "both a call and a put"
        for currency, expiry in lacking
    ]
    result = pd.concat([forward, quoted[lacking]]).sort_index()
    table = pd.DataFrame(
        {
            "asset": result.index.get_level_values("currency"),
            "expiry": result.index.get_level_values("expiry"),
            "forward": result.to_numpy(),
            "rate": 0.0,
        }
    )
    return table, notes


def _volatilities(rows: pd.DataFrame, forwards: pd.DataFrame, notes: list[str]) -> pd.DataFrame:
    """One volatility a strike: that of the out-of-the-money option where call and put differ."""
    quotes = rows.merge(
        forwards.rename(columns={"asset": "currency"})[["currency", "expiry", "forward"]],
        on=["currency", "expiry"],
        validate="many_to_one",
    )
    call = quotes["option_type"] == "call"
    out_of_the_money = np.where(call, quotes["strike"] >= quotes["forward"],
                                quotes["strike"] < quotes["forward"])  # fmt: skip
    key = ["currency", "expiry", "strike"]
    spread = quotes.groupby(key)["mark_iv"].agg(lambda v: v.max() - v.min())
    if (spread > 0.0).any():
        notes.append(
            f"call and put volatility differ at {int((spread > 0.0).sum()):,} of "
            f"{len(spread):,} strikes, by {spread.max():.4f} at most; the out-of-the-money one "
            "was taken"
        )
    chosen = (
        quotes.assign(preferred=out_of_the_money)
        .sort_values([*key, "preferred"])
        .drop_duplicates(key, keep="last")
    )
    return chosen[[*key, "mark_iv"]].rename(columns={"currency": "asset", "mark_iv": "volatility"})


def _instruments(rows: pd.DataFrame, coins: pd.Index, notes: list[str]) -> pd.DataFrame:
    options = pd.DataFrame(
        {
            "instrument": rows["instrument_name"],
            "kind": "inverse-option",
            "underlying": rows["currency"],
            "settlement": rows["currency"],
            "expiry": rows["expiry"],
            "strike": rows["strike"],
            "option_type": rows["option_type"],
            "multiplier": 1.0,
        }
    )
    listed = rows[rows["underlying_index"].str.match(r"^[A-Z]+-\d{1,2}[A-Z]{3}\d{2}$")]
    futures = listed.drop_duplicates("underlying_index")
    unknown = sorted(set(futures["currency"]) - set(_FUTURE_SIZE))
    if unknown:
        notes.append(f"left out futures of {', '.join(unknown)}: contract size not known")
        futures = futures[futures["currency"].isin(_FUTURE_SIZE)]
    inverse = pd.DataFrame(
        {
            "instrument": futures["underlying_index"],
            "kind": "inverse-future",
            "underlying": futures["currency"],
            "settlement": futures["currency"],
            "expiry": futures["expiry"],
            "strike": np.nan,
            "option_type": "",
            "multiplier": futures["currency"].map(_FUTURE_SIZE),
        }
    )
    spot = pd.DataFrame(
        {
            "instrument": coins + "-SPOT",
            "kind": "spot",
            "underlying": coins,
            "settlement": "USD",
            "expiry": pd.Series(pd.NaT, index=range(len(coins)), dtype="datetime64[us, UTC]"),
            "strike": np.nan,
            "option_type": "",
            "multiplier": 1.0,
        }
    )
    return pd.concat([options, inverse, spot], ignore_index=True)
