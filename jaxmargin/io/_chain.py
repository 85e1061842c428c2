"""From the option rows of any venue to market and instrument tables."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from jaxmargin.errors import InvalidInputError
from jaxmargin.io._implied import fill_volatilities
from jaxmargin.io._mark_time import mark_times
from jaxmargin.io._write import sha256, write_json, write_table

__all__ = ["Chain", "parity_forwards", "write_chain"]

_EXPIRY = ["underlying", "settlement", "expiry"]


@dataclass(frozen=True)
class Chain:
    """Options of one moment, one row each, whatever the venue calls things.

    Attributes:
        source: file they came from.
        time: moment of the quotes.
        rows: columns `instrument`, `underlying`, `settlement`, `option_type`, `strike`, `expiry`,
            `index_price`, `forward` (in the numeraire, as the venue quotes it; NaN if it does
            not), `price` (mark in the settlement asset, NaN if unknown), `volatility` (mark, a
            fraction; NaN where it is to be implied from `price`), `multiplier` and `future`
            (name of the listed future of this expiry, or blank).
        future_size: numeraire per contract of the listed futures, by underlying.
        prices: prices of further assets, such as the stablecoin that options settle in.
        notes: what the reader left out or decided.
    """

    source: Path
    time: pd.Timestamp
    rows: pd.DataFrame
    future_size: dict[str, float]
    prices: dict[str, float]
    notes: list[str]


def write_chain(chain: Chain, out: Path) -> list[str]:
    """Write `market/`, `instruments.parquet` and `import.json` to the folder `out`.

    Options are of kind inverse-option where they settle in their underlying, else linear-option.
    Spot is the median index price of the underlying's rows. Time to expiry counts from the minute
    that the marks agree with, see `mark_times`: the column `as_of` of `forwards`. Each coin is
    added as a spot instrument, and listed futures as inverse futures. Rates are zero.

    Returns:
        Lines that say what was written and what was left out.

    Raises:
        InvalidInputError: no row can be used, or the price of a settlement asset is not known.
    """
    notes = list(chain.notes)
    rows = _leave_out(
        chain, chain.rows, chain.rows["expiry"] <= chain.time, "expired at the snapshot", notes
    )
    assets = _assets(chain, rows)
    prices = dict(zip(assets["asset"], assets["spot"], strict=True))
    forwards = parity_forwards(rows, prices, notes)
    rows = fill_volatilities(rows, forwards, prices, chain.time, notes)
    unquoted = ~(rows["volatility"] > 0.0)
    rows = _leave_out(chain, rows, unquoted, "without a mark volatility", notes)
    own = pd.MultiIndex.from_frame(rows[["underlying", "expiry"]])
    forwards = forwards[pd.MultiIndex.from_frame(forwards[["asset", "expiry"]]).isin(own)]
    forwards = forwards.assign(as_of=_as_of(chain, rows, forwards, notes))
    tables = {
        "market/assets": assets,
        "market/forwards": forwards,
        "market/volatilities": _volatilities(rows, forwards, notes),
        "instruments": _instruments(rows, chain.future_size, notes),
    }
    (out / "market").mkdir(parents=True, exist_ok=True)
    for name, table in tables.items():
        write_table(table, out / f"{name}.parquet")
    write_json(
        {
            "source": {"file": chain.source.name, "sha256": sha256(chain.source)},
            "time": chain.time.isoformat(),
            "rows": {name: len(table) for name, table in tables.items()},
            "notes": notes,
        },
        out / "import.json",
    )
    counts = ", ".join(f"{len(table):,} {name}" for name, table in tables.items())
    return [
        f"Snapshot {chain.time.isoformat()}: {counts}; in {out}.",
        f"In the job file: valuation_time = {chain.time.isoformat().replace('+00:00', 'Z')}",
        *(f"note: {note}" for note in notes),
    ]


def _as_of(chain: Chain, rows: pd.DataFrame, forwards: pd.DataFrame, notes: list[str]) -> pd.Series:
    """When each row was marked: for coin-settled options found from the marks themselves."""
    inverse = rows[rows["settlement"] == rows["underlying"]]
    times = mark_times(inverse, forwards, chain.time)
    notes += [
        f"marks of {coin} taken as of {time.isoformat()}, the minute their prices agree with best"
        for coin, time in times.items()
    ]
    snapshot = dict.fromkeys(forwards["asset"], chain.time)
    as_of = pd.Series(forwards["asset"].map(snapshot | times))
    return as_of.astype(rows["expiry"].dtype)


def _leave_out(
    chain: Chain, rows: pd.DataFrame, bad: pd.Series, reason: str, notes: list[str]
) -> pd.DataFrame:
    """Rows that are not bad, and a note that names the others."""
    names = rows.loc[bad, "instrument"]
    if len(names):
        notes.append(f"left out {len(names):,} options {reason}: {', '.join(names)}")
    kept = rows[~bad]
    if kept.empty:
        raise InvalidInputError(
            f"{chain.source.name}: no option of {chain.time.isoformat()} can be used. "
            f"{'; '.join(notes)}. Give a snapshot with live options."
        )
    return kept.reset_index(drop=True)


def _assets(chain: Chain, rows: pd.DataFrame) -> pd.DataFrame:
    spots = rows.groupby("underlying")["index_price"].median()
    others = sorted(set(rows["settlement"]) - set(spots.index))
    unpriced = [asset for asset in others if asset not in chain.prices]
    if unpriced:
        raise InvalidInputError(
            f"{chain.source.name}: options settle in {', '.join(unpriced)}, whose price is not in "
            f"the file. Give it, as in --spot {unpriced[0]}=1.0"
        )
    return pd.DataFrame(
        {
            "asset": [*spots.index, *others],
            "spot": [*spots, *(chain.prices[asset] for asset in others)],
            "kind": ["coin"] * len(spots) + ["stablecoin"] * len(others),
            "perpetual": np.nan,
            "funding": np.nan,
            "base": "",
        }
    )


def parity_forwards(rows: pd.DataFrame, prices: dict[str, float], notes: list[str]) -> pd.DataFrame:
    r"""Forward of each underlying and expiry by put-call parity, at rate zero.

    With call and put marks $C$ and $P$, every strike $K$ that has both gives
    $F = K / (1 - C + P)$ if they are in the coin and otherwise $F = (K + C - P)\,U$ with the price
    $U$ of the settlement asset; the median over strikes is taken. An expiry without such a strike
    takes the venue's own forward, and is noted.

    Returns:
        The table `forwards`: asset, expiry, forward, rate.
    """
    marks = rows.pivot_table(
        index=[*_EXPIRY, "strike"], columns="option_type", values="price", observed=True
    ).reindex(columns=["call", "put"])
    paired = marks.dropna()
    level = paired.index.get_level_values
    strike, spread = level("strike").to_numpy(float), (paired["call"] - paired["put"]).to_numpy()
    inverse = np.asarray(level("underlying") == level("settlement"))
    unit = level("settlement").map(prices).to_numpy(float)
    with np.errstate(divide="ignore"):
        forward = np.where(inverse, strike / (1.0 - spread), (strike + spread) * unit)
    by_strike = pd.Series(forward, index=paired.index)
    by_strike = by_strike[np.isfinite(forward) & (forward > 0.0)]
    medians = by_strike.groupby(level=["underlying", "expiry"]).median()
    quoted = rows.groupby(["underlying", "expiry"])["forward"].median()
    lacking = quoted[quoted.index.difference(medians.index)]
    for underlying, expiry, price in lacking.reset_index().itertuples(index=False):
        where = f"{underlying} {expiry.isoformat()}"
        if not price > 0.0:
            raise InvalidInputError(
                f"The forward of {where} is not known: no strike has prices of both a call and a "
                "put, and the venue quotes none. Give a snapshot with both."
            )
        notes.append(f"forward of {where} as the venue quotes it: no strike has both a call and "
                     "a put price")  # fmt: skip
    result = pd.concat([medians, lacking]).sort_index()
    return pd.DataFrame(
        {
            "asset": result.index.get_level_values("underlying"),
            "expiry": result.index.get_level_values("expiry"),
            "forward": result.to_numpy(),
            "rate": 0.0,
        }
    )


def _volatilities(rows: pd.DataFrame, forwards: pd.DataFrame, notes: list[str]) -> pd.DataFrame:
    """One volatility a strike: that of the out-of-the-money option where call and put differ."""
    quotes = rows.drop(columns="forward").merge(
        forwards.rename(columns={"asset": "underlying"})[["underlying", "expiry", "forward"]],
        on=["underlying", "expiry"],
        validate="many_to_one",
    )
    above = quotes["strike"] >= quotes["forward"]
    out_of_the_money = np.where(quotes["option_type"] == "call", above, ~above)
    key = ["underlying", "expiry", "strike"]
    by_strike = quotes.groupby(key)["volatility"]
    spread = by_strike.max() - by_strike.min()
    if (spread > 0.0).any():
        notes.append(
            f"volatilities of one strike differ at {int((spread > 0.0).sum()):,} of "
            f"{len(spread):,} strikes, by {spread.max():.4f} at most; the out-of-the-money one "
            "was taken"
        )
    chosen = (
        quotes.assign(preferred=out_of_the_money)
        .sort_values([*key, "preferred"])
        .drop_duplicates(key, keep="last")
    )
    return chosen[[*key, "volatility"]].rename(columns={"underlying": "asset"})


def _instruments(
    rows: pd.DataFrame, future_size: dict[str, float], notes: list[str]
) -> pd.DataFrame:
    columns = ["instrument", "underlying", "settlement", "expiry", "strike", "option_type",
               "multiplier"]  # fmt: skip
    inverse = rows["underlying"] == rows["settlement"]
    options = rows[columns].assign(kind=np.where(inverse, "inverse-option", "linear-option"))
    futures = rows[rows["future"] != ""].drop_duplicates("future")
    unknown = sorted(set(futures["underlying"]) - set(future_size))
    if unknown:
        notes.append(f"left out futures of {', '.join(unknown)}: contract size not known")
        futures = futures[futures["underlying"].isin(future_size)]
    listed = futures[columns].assign(
        kind="inverse-future",
        instrument=futures["future"],
        settlement=futures["underlying"],
        strike=np.nan,
        option_type="",
        multiplier=futures["underlying"].map(future_size),
    )
    coins = rows[columns].drop_duplicates("underlying")
    spot = coins.assign(
        kind="spot",
        instrument=coins["underlying"] + "-SPOT",
        settlement="USD",
        expiry=coins["expiry"].where(coins["expiry"].isna()),
        strike=np.nan,
        option_type="",
        multiplier=1.0,
    )
    return pd.concat([options, listed, spot], ignore_index=True)
