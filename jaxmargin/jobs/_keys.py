"""What a job file may say: sections, keys, their types and defaults."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import pandas as pd

__all__ = [
    "BOOK",
    "MARKET",
    "REQUIRED",
    "RULEBOOKS",
    "SCENARIOS",
    "TIME",
    "TOP",
    "TYPES",
    "Key",
]

REQUIRED = object()


@dataclass(frozen=True)
class Key:
    """One key of the job file.

    Attributes:
        type: what it holds, in words.
        default: what it is where it is not given; `REQUIRED` if it must be.
        rule: whether a value of the type is allowed.
        cure: what to give instead of one that is not.
    """

    type: str
    default: Any = REQUIRED
    rule: Callable[[Any], bool] = lambda value: True
    cure: str = ""


PATH, TEXT, NUMBER, COUNT, TIME, NAMES, NUMBERS = (
    "a path",
    "a text",
    "a number",
    "a whole number",
    "a time",
    "a list of texts",
    "a list of numbers",
)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _is_list(value: Any, fits: Callable[[Any], bool]) -> bool:
    return isinstance(value, list) and all(fits(item) for item in value)


def _utc(value: date) -> pd.Timestamp:
    time = pd.Timestamp(value)
    return time.tz_localize("UTC") if time.tzinfo is None else time.tz_convert("UTC")


# For each type: does a value fit, and what it becomes.
TYPES: dict[str, tuple[Callable[[Any], bool], Callable[[Any], Any]]] = {
    PATH: (lambda v: isinstance(v, str) and v != "", Path),
    TEXT: (lambda v: isinstance(v, str), str),
    NUMBER: (_is_number, float),
    COUNT: (lambda v: isinstance(v, int) and not isinstance(v, bool), int),
    TIME: (lambda v: isinstance(v, date), _utc),
    NAMES: (lambda v: _is_list(v, lambda item: isinstance(item, str)), tuple),
    NUMBERS: (
        lambda v: _is_list(v, _is_number) and len(v) > 0,
        lambda v: tuple(float(item) for item in v),
    ),
}

SURFACES = ("linear", "monotone-cubic", "svi", "ssvi")
DYNAMICS = ("sticky-strike", "sticky-moneyness", "sticky-delta")
_MOVES = "relative changes above -1; write a fall of 16 % as -0.16"


def _above_minus_one(moves: tuple[float, ...]) -> bool:
    return min(moves) > -1.0


TOP = {
    "title": Key(TEXT, ""),
    "valuation_time": Key(TIME),
    "numeraire": Key(TEXT, "USD"),
    "precision": Key(TEXT, "f32", lambda v: v in ("f32", "f64"), "f32 or f64"),
    "round_to": Key(NUMBER, 0.01, lambda v: v > 0.0, "a number above zero"),
}
MARKET = {
    "assets": Key(PATH),
    "forwards": Key(PATH),
    "volatilities": Key(PATH),
    "surface": Key(TEXT, "linear", lambda v: v in SURFACES, f"one of {', '.join(SURFACES)}"),
    "dynamics": Key(
        TEXT, "sticky-strike", lambda v: v in DYNAMICS, f"one of {', '.join(DYNAMICS)}"
    ),
    "averaging_minutes": Key(NUMBER, 0.0, lambda v: v >= 0.0, "minutes, or 0 for no averaging"),
}
BOOK = {
    "instruments": Key(PATH),
    "positions": Key(PATH),
    "combos": Key(PATH, None),
}
SCENARIOS = {
    "historical": {
        "kind": Key(TEXT),
        "history": Key(PATH),
        "start": Key(TIME, None),
        "end": Key(TIME, None),
        "constant": Key(NAMES, ()),
    },
    "spot-volatility-grid": {
        "kind": Key(TEXT),
        "spot_moves": Key(NUMBERS, rule=_above_minus_one, cure=_MOVES),
        "volatility_moves": Key(NUMBERS, rule=_above_minus_one, cure=_MOVES),
    },
}
RULEBOOKS = {
    "expected-shortfall": {
        "kind": Key(TEXT),
        "level": Key(
            NUMBER,
            rule=lambda v: 0.0 < v < 1.0,
            cure="a number between 0 and 1; write 97.5 % as 0.975",
        ),
        "horizon_days": Key(COUNT, rule=lambda v: v >= 1, cure="a whole number from 1"),
        "maintenance_ratio": Key(
            NUMBER,
            rule=lambda v: 0.0 < v <= 1.0,
            cure="a number above 0 and up to 1; write 80 % as 0.8",
        ),
    },
}
