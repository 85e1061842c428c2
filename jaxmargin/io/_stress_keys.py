"""What a stress file may say: keys, tables, their rules and defaults."""

import re
from collections.abc import Callable
from datetime import date, datetime
from typing import Any

from jaxmargin.io._toml import is_number

__all__ = [
    "ADDITIVE",
    "DEFAULTS",
    "REQUIRED",
    "RULES",
    "SOURCE",
    "STEP",
    "TABLES",
    "TOP",
    "choices",
]

KINDS = ("historical", "hypothetical")
BETAS = ("history", "default")
TOP = ("title", "name", "kind", "date", "days", "description", "default_beta", "betas",
        "volatility_power", "assumed")  # fmt: skip
STEP = ("name", "days", "volatility_power")
TABLES = ("spot", "volatility", "basis", "perpetual", "funding", "depeg", "liquidity")
ADDITIVE = ("basis", "funding")  # changes of annual rates; the others are relative changes
SOURCE = ("figure", "origin", "url")


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and value.strip() != ""


def _not_negative(value: Any) -> bool:
    return is_number(value) and value >= 0.0


# For each key: whether a value fits, and in words what does.
RULES: dict[str, tuple[Callable[[Any], bool], str]] = {
    "title": (_is_text, "a text"),
    "name": (
        lambda v: _is_text(v) and re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", v) is not None,
        "a text of lower-case letters, digits and hyphens, such as 2020-03-12-covid",
    ),
    "kind": (lambda v: v in KINDS, f"one of {', '.join(KINDS)}"),
    "date": (
        lambda v: isinstance(v, date) and not isinstance(v, datetime),
        "a day such as 2020-03-12, without quotes",
    ),
    "days": (_not_negative, "a number of days, not negative"),
    "description": (_is_text, "a text"),
    "default_beta": (is_number, "a number"),
    "betas": (lambda v: v in BETAS, f"one of {', '.join(BETAS)}"),
    "volatility_power": (
        lambda v: _not_negative(v) and v <= 2.0,
        "a number from 0 to 2; 0 moves all expiries alike",
    ),
    "assumed": (
        lambda v: isinstance(v, list) and all(isinstance(item, str) for item in v),
        "a list of tables or entries, such as ['basis', 'depeg.USDT']",
    ),
    "figure": (_is_text, "a text"),
    "origin": (_is_text, "a text"),
    "url": (_is_text, "a text"),
    "depth": (lambda v: _not_negative(v) and v <= 1.0, "a share from 0 to 1"),
    "spread": (lambda v: is_number(v) and v >= 1.0, "a multiple from 1"),
}
REQUIRED = frozenset(
    {"title", "name", "kind", "days", "description", "default_beta", "figure", "origin"}
)
# What a key is where it is not given; also stands for a bad value while the rest is checked.
DEFAULTS: dict[str, Any] = {
    **dict.fromkeys(("title", "name", "kind", "description", "figure", "origin", "url"), ""),
    "date": None,
    "days": 0.0,
    "default_beta": 0.0,
    "betas": "history",
    "volatility_power": 0.0,
    "assumed": [],
    "depth": 1.0,
    "spread": 1.0,
}


def choices(key: str) -> tuple[str, ...]:
    """The texts that a key may be, if it is one of a few."""
    return {"kind": KINDS, "betas": BETAS}.get(key, ())
