"""The tables of collateral: their columns, types and rules; see `_schema`."""

from jaxmargin.io._schema import Column, Table

__all__ = [
    "COLLATERAL",
    "COSTS",
    "EXCLUSIONS",
    "HAIRCUTS",
    "INVENTORY",
    "LIMITS",
    "MARKS",
    "SCHEDULE",
]

COLLATERAL = Table(
    "collateral",
    (
        Column("account", "text"),
        Column("venue", "text", blank=True),
        Column("asset", "text"),
        Column("quantity", "number"),
    ),
    key=("account", "asset"),
)
SCHEDULE = Table(
    "schedule",
    (
        Column("venue", "text"),
        Column("asset", "text"),
        Column("up_to", "number", positive=True, blank=True),
        Column("haircut", "number"),
        Column("class", "text", blank=True),
        Column("issuer", "text", blank=True),
        Column("currency", "text", blank=True),
    ),
    key=("venue", "asset", "up_to"),
)
HAIRCUTS = Table(
    "haircuts",
    (
        Column("asset", "text"),
        Column("up_to", "number", positive=True, blank=True),
        Column("haircut", "number"),
    ),
    key=("asset", "up_to"),
)
LIMITS = Table(
    "limits",
    (
        Column("venue", "text"),
        Column("by", "text", choices=("asset", "issuer", "class", "currency")),
        Column("name", "text"),
        Column("basis", "text", choices=("amount", "requirement", "posted")),
        Column("size", "number"),
    ),
    key=("venue", "by", "name", "basis"),
)
EXCLUSIONS = Table(
    "exclusions",
    (
        Column("account", "text"),
        Column("issuer", "text"),
    ),
    key=("account", "issuer"),
)
MARKS = Table(
    "marks",
    (
        Column("time", "time"),
        Column("source", "text"),
        Column("asset", "text"),
        Column("price", "number", positive=True),
    ),
    key=("source", "asset", "time"),
)
INVENTORY = Table(
    "inventory",
    (
        Column("asset", "text"),
        Column("quantity", "number"),
        Column("cost", "number"),
        Column("lot", "number", positive=True, blank=True),
    ),
    key=("asset",),
)
COSTS = Table(
    "costs",
    (
        Column("venue", "text"),
        Column("asset", "text"),
        Column("cost", "number"),
    ),
    key=("venue", "asset"),
)
