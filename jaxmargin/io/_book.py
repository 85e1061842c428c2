"""Instrument and position tables to a `Book`, with labels beside it."""

from dataclasses import dataclass
from pathlib import Path

import jax.numpy as jnp
import numpy as np
import pandas as pd
from jaxtyping import Int

from jaxmargin.book import FEW_SLOTS, Book, build_positions, pad_instruments
from jaxmargin.instruments import (
    AbstractInstruments,
    AmericanOptions,
    BarrierOptions,
    DigitalOptions,
    InverseFutures,
    InverseOptions,
    InversePerpetuals,
    LinearFutures,
    LinearOptions,
    LinearPerpetuals,
    QuantoFutures,
    QuantoPerpetuals,
    Spot,
)
from jaxmargin.io._combos import expand_combos
from jaxmargin.io._market import MarketTables
from jaxmargin.io._problems import Problems
from jaxmargin.io._read import read_table
from jaxmargin.io._schema import COMBOS, INSTRUMENTS, POSITIONS
from jaxmargin.numerics import bucket_size

__all__ = ["BookTables", "build_book", "contract_names", "contract_rows", "read_book"]

_KINDS: dict[str, type[AbstractInstruments]] = {
    "spot": Spot,
    "linear-future": LinearFutures,
    "inverse-future": InverseFutures,
    "linear-perpetual": LinearPerpetuals,
    "inverse-perpetual": InversePerpetuals,
    "linear-option": LinearOptions,
    "inverse-option": InverseOptions,
    "quanto-future": QuantoFutures,
    "quanto-perpetual": QuantoPerpetuals,
    "digital-option": DigitalOptions,
    "american-option": AmericanOptions,
    "barrier-option": BarrierOptions,
}
_DAYS_PER_YEAR = 365.0


@dataclass(frozen=True)
class BookTables:
    """The tables of the book, checked.

    Attributes:
        instruments: one row per contract, sorted by kind, underlying, expiry and strike.
        positions: one row per position.
        accounts: names of accounts with positions, and with collateral where the job has a table
            of it; sorted, which is the order of every result.
    """

    instruments: pd.DataFrame
    positions: pd.DataFrame
    accounts: pd.Index


def read_book(
    paths: dict[str, Path], time: pd.Timestamp, market: MarketTables | None, problems: Problems
) -> BookTables | None:
    """Read and check `instruments` and `positions`; None if one could not be used.

    `time` is the valuation time. Without a usable market only what the two tables say by
    themselves is checked.
    """
    before = len(problems.found)
    instruments = read_table(paths["instruments"], INSTRUMENTS, problems)
    sound = len(problems.found) == before
    positions = read_table(paths["positions"], POSITIONS, problems)
    combos = read_table(paths["combos"], COMBOS, problems) if "combos" in paths else None
    if instruments is not None and sound:
        _check_terms(paths["instruments"].name, instruments, time, problems)
        if market is not None:
            _check_against_market(paths["instruments"].name, instruments, market, problems)
    if instruments is None or positions is None:
        return None
    if combos is not None:
        positions = expand_combos(
            positions, combos, instruments["instrument"], paths["combos"].name, problems
        )
    problems.add_unknown(
        paths["positions"].name,
        "instrument",
        positions["instrument"],
        instruments["instrument"],
        "Add them to the instruments table, or correct the names.",
    )
    if len(problems.found) > before or market is None:
        return None
    return BookTables(
        instruments=instruments.sort_values(
            ["kind", "underlying", "expiry", "strike", "option_type"], ignore_index=True
        ),
        positions=positions,
        accounts=pd.Index(np.sort(positions["account"].unique())),
    )


def _check_terms(
    file: str, instruments: pd.DataFrame, time: pd.Timestamp, problems: Problems
) -> None:
    """Each kind has the terms it needs and no others, and none has expired."""
    kind = instruments["kind"]
    dated = kind.str.endswith(("-future", "-option"))
    option = kind.str.endswith("-option")
    barrier = kind == "barrier-option"
    for column, needed in (
        ("expiry", dated),
        ("strike", option),
        ("option_type", option),
        ("barrier", barrier),
        ("barrier_type", barrier),
    ):
        blank = instruments[column].isna() | (instruments[column].astype(object) == "")
        problems.add_rows(
            file,
            column,
            needed & blank,
            "no value",
            "Futures need an expiry; options an expiry, a strike and an option_type; barrier "
            "options also a barrier and a barrier_type.",
            values=kind,
        )
        problems.add_rows(
            file,
            column,
            ~needed & ~blank,
            "a value that the kind does not have",
            f"Leave {column} blank for this kind.",
            values=kind,
        )
    problems.add_rows(
        file,
        "expiry",
        instruments["expiry"] <= time,
        f"not after the valuation time {time.isoformat()}",
        "Take out what has expired, or correct valuation_time.",
        values=instruments["instrument"],
    )
    own = instruments["settlement"] == instruments["underlying"]
    inverse = kind.str.startswith("inverse-")
    problems.add_rows(
        file,
        "settlement",
        inverse & ~own,
        "not the underlying of an inverse contract",
        "Inverse contracts settle in their underlying; linear ones in another asset.",
        values=kind,
    )
    problems.add_rows(
        file,
        "settlement",
        ~inverse & own,
        "the underlying itself",
        "Give the asset that profit and loss is paid in; a contract paid in its underlying is "
        "of an inverse kind.",
        values=kind,
    )


def _check_against_market(
    file: str, instruments: pd.DataFrame, market: MarketTables, problems: Problems
) -> None:
    """Every contract finds its prices in the market."""
    kind, known = instruments["kind"], market.assets["asset"]
    for column in ("underlying", "settlement"):
        problems.add_unknown(
            file, column, instruments[column], known, "Add them to the assets table."
        )
    expired = instruments["expiry"] <= market.time
    where = instruments["underlying"] + " " + instruments["expiry"].astype(str)
    dated = (
        kind.str.endswith(("-future", "-option")) & ~expired & instruments["underlying"].isin(known)
    )
    pillar = market.pillar_row(instruments["underlying"], instruments["expiry"])
    problems.add_rows(
        file,
        "underlying + expiry",
        dated & (pillar < 0),
        "no forward for this expiry",
        f"Add it to {market.files['forwards']}.",
        values=where,
    )
    quoted = market.pillar_row(market.volatilities["asset"], market.volatilities["expiry"])
    problems.add_rows(
        file,
        "underlying + expiry",
        dated & kind.str.endswith("-option") & (pillar >= 0) & ~np.isin(pillar, quoted),
        "no volatility for this expiry",
        f"Add it to {market.files['volatilities']}.",
        values=where,
    )
    marked = market.assets.loc[market.assets["perpetual"].notna(), "asset"]
    problems.add_rows(
        file,
        "underlying",
        kind.str.endswith("-perpetual")
        & instruments["underlying"].isin(known)
        & ~instruments["underlying"].isin(marked),
        "no mark price of the perpetual",
        f"Add it to column perpetual of {market.files['assets']}.",
        values=instruments["underlying"],
    )


def build_book(tables: BookTables, market: MarketTables) -> Book:
    """The book of checked tables, padded to bucket sizes."""
    batches = [
        pad_instruments(_batch(str(kind), contracts, market))
        for kind, contracts in tables.instruments.groupby("kind", sort=True)
    ]
    positions = tables.positions
    return Book(
        instruments=tuple(batches),
        positions=build_positions(
            tables.accounts.get_indexer(pd.Index(positions["account"])),
            contract_rows(tables, positions["instrument"]),
            positions["quantity"].to_numpy(),
            accounts=len(tables.accounts),
            few_slots=FEW_SLOTS,
        ),
    )


def contract_rows(tables: BookTables, instrument: pd.Series) -> Int[np.ndarray, " position"]:
    """Rows of contracts in the book that `build_book` makes of `tables`; each is there."""
    rows, first = {}, 0
    for _, contracts in tables.instruments.groupby("kind", sort=True):
        rows |= dict(
            zip(contracts["instrument"], range(first, first + len(contracts)), strict=True)
        )
        first += bucket_size(len(contracts))
    return instrument.map(rows).to_numpy(np.int64)


def contract_names(tables: BookTables) -> np.ndarray:
    """Name of the contract in each row of the book; empty for padding."""
    listed = tables.instruments["instrument"]
    rows = contract_rows(tables, listed)
    names = np.full(int(rows.max(initial=-1)) + 1, "", object)
    names[rows] = listed.to_numpy()
    return names


def _batch(kind: str, contracts: pd.DataFrame, market: MarketTables) -> AbstractInstruments:
    terms = {
        "settlement": jnp.asarray(market.asset_row(contracts["settlement"])),
        "multiplier": jnp.asarray(contracts["multiplier"].to_numpy()),
    }
    if kind.endswith(("-future", "-option")):
        pillar = market.pillar_row(contracts["underlying"], contracts["expiry"])
        terms["pillar"] = jnp.asarray(pillar)
    else:
        terms["asset"] = jnp.asarray(market.asset_row(contracts["underlying"]))
    if kind.endswith("-option"):
        terms["strike"] = jnp.asarray(contracts["strike"].to_numpy())
        terms["sign"] = jnp.asarray(np.where(contracts["option_type"] == "call", 1.0, -1.0))
    if kind == "barrier-option":
        terms["barrier"] = jnp.asarray(contracts["barrier"].to_numpy())
        terms["down"] = jnp.asarray(contracts["barrier_type"].str.startswith("down").to_numpy(bool))
        terms["knock_in"] = jnp.asarray(
            contracts["barrier_type"].str.endswith("-in").to_numpy(bool)
        )
        watched = contracts["watch_days"].fillna(0.0).to_numpy() / _DAYS_PER_YEAR
        terms["interval"] = jnp.asarray(watched)
    return _KINDS[kind](**terms)
