"""The tables: their columns, types and rules. Rows count from 1, the header not included."""

from dataclasses import dataclass
from typing import Literal

__all__ = [
    "ASSETS",
    "COMBOS",
    "CORRELATIONS",
    "FORWARDS",
    "HISTORY",
    "INSTRUMENTS",
    "ORDERS",
    "POSITIONS",
    "VOLATILITIES",
    "Column",
    "Table",
]


@dataclass(frozen=True)
class Column:
    """One column of a table.

    Attributes:
        name: its name.
        type: text, a finite number, or a time with a zone.
        positive: numbers must be above zero.
        blank: cells may be empty, and the column may be missing.
        choices: the only texts allowed, if any are given.
        not_negative: numbers must be zero or more.
    """

    name: str
    type: Literal["text", "number", "time"]
    positive: bool = False
    blank: bool = False
    choices: tuple[str, ...] = ()
    not_negative: bool = False


@dataclass(frozen=True)
class Table:
    """One table: what a row is, its columns, and the columns that identify a row."""

    name: str
    columns: tuple[Column, ...]
    key: tuple[str, ...]


ASSETS = Table(
    "assets",
    (
        Column("asset", "text"),
        Column("spot", "number", positive=True),
        Column("kind", "text", choices=("coin", "wrapped", "stablecoin", "currency")),
        Column("perpetual", "number", positive=True, blank=True),
        Column("funding", "number", blank=True),
        Column("base", "text", blank=True),
    ),
    key=("asset",),
)
FORWARDS = Table(
    "forwards",
    (
        Column("asset", "text"),
        Column("expiry", "time"),
        Column("forward", "number", positive=True),
        Column("rate", "number"),
        Column("as_of", "time", blank=True),
    ),
    key=("asset", "expiry"),
)
VOLATILITIES = Table(
    "volatilities",
    (
        Column("asset", "text"),
        Column("expiry", "time"),
        Column("strike", "number", positive=True),
        Column("volatility", "number", positive=True),
    ),
    key=("asset", "expiry", "strike"),
)
HISTORY = Table(
    "history",
    (
        Column("time", "time"),
        Column("asset", "text"),
        Column("close", "number", positive=True),
        Column("volatility", "number", positive=True, blank=True),
        Column("term", "number", blank=True),
        Column("skew", "number", blank=True),
        Column("basis", "number", blank=True),
        Column("funding", "number", blank=True),
    ),
    key=("asset", "time"),
)
CORRELATIONS = Table(
    "correlations",
    (
        Column("first", "text"),
        Column("second", "text"),
        Column("correlation", "number"),
    ),
    key=("first", "second"),
)
INSTRUMENTS = Table(
    "instruments",
    (
        Column("instrument", "text"),
        Column(
            "kind",
            "text",
            choices=(
                "spot",
                "linear-future",
                "inverse-future",
                "linear-perpetual",
                "inverse-perpetual",
                "linear-option",
                "inverse-option",
                "quanto-future",
                "quanto-perpetual",
                "digital-option",
                "american-option",
                "barrier-option",
            ),
        ),
        Column("underlying", "text"),
        Column("settlement", "text"),
        Column("expiry", "time", blank=True),
        Column("strike", "number", positive=True, blank=True),
        Column("option_type", "text", blank=True, choices=("call", "put")),
        Column("multiplier", "number", positive=True),
        Column("barrier", "number", positive=True, blank=True),
        Column(
            "barrier_type",
            "text",
            blank=True,
            choices=("down-in", "down-out", "up-in", "up-out"),
        ),
        Column("watch_days", "number", positive=True, blank=True),
    ),
    key=("instrument",),
)
COMBOS = Table(
    "combos",
    (
        Column("combo", "text"),
        Column("instrument", "text"),
        Column("ratio", "number"),
    ),
    key=("combo", "instrument"),
)
POSITIONS = Table(
    "positions",
    (
        Column("account", "text"),
        Column("instrument", "text"),
        Column("quantity", "number"),
    ),
    key=("account", "instrument"),
)
ORDERS = Table(
    "orders",
    (
        Column("order", "text"),
        Column("account", "text"),
        Column("instrument", "text"),
        Column("quantity", "number"),
    ),
    key=("order", "instrument"),
)
