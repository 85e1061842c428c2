"""Types of values in a job file, and rules for them."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pandas as pd

from jaxmargin.io import is_count, is_number, is_source, parse_source

__all__ = [
    "COUNT",
    "END",
    "FLAG",
    "GROUPS",
    "NAMES",
    "NUMBER",
    "NUMBERS",
    "PATH",
    "PATHS",
    "REQUIRED",
    "TABLE",
    "TEXT",
    "TIME",
    "TYPES",
    "Key",
    "one_of",
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


PATH, TABLE, PATHS, TEXT, NUMBER, COUNT, TIME, END, FLAG, NAMES, NUMBERS, GROUPS = (
    "a path",
    "a path, or URL::table of a database",
    "a list of paths",
    "a text",
    "a number",
    "a whole number",
    "a time",
    "a time or a day",
    "true or false",
    "a list of texts",
    "a list of numbers",
    "a list of lists of texts",
)


def one_of(*choices: str) -> Key:
    """A text that is one of `choices`, the first unless given."""
    return Key(TEXT, choices[0], lambda v: v in choices, f"one of {', '.join(choices)}")


def _is_list(value: Any, fits: Callable[[Any], bool]) -> bool:
    return isinstance(value, list) and all(fits(item) for item in value)


def _is_path(value: Any) -> bool:
    return isinstance(value, str) and value != "" and "://" not in value and not is_source(value)


def _is_names(value: Any) -> bool:
    return _is_list(value, lambda item: isinstance(item, str))


def _is_time(value: Any) -> bool:
    return isinstance(value, date) and 1900 < value.year < 2200


def _utc(value: date) -> pd.Timestamp:
    time = pd.Timestamp(value)
    return time.tz_localize("UTC") if time.tzinfo is None else time.tz_convert("UTC")


def _end(value: date) -> pd.Timestamp:
    """A time, or the last moment of a day."""
    day = pd.Timedelta(0) if isinstance(value, datetime) else pd.Timedelta(days=1, microseconds=-1)
    return _utc(value) + day


# For each type: does a value fit, and what it becomes.
TYPES: dict[str, tuple[Callable[[Any], bool], Callable[[Any], Any]]] = {
    PATH: (_is_path, Path),
    TABLE: (
        lambda v: _is_path(v) or (isinstance(v, str) and is_source(v)),
        lambda v: parse_source(v, Path()) if is_source(v) else Path(v),
    ),
    TEXT: (lambda v: isinstance(v, str), str),
    NUMBER: (is_number, float),
    COUNT: (is_count, int),
    TIME: (_is_time, _utc),
    END: (_is_time, _end),
    FLAG: (lambda v: isinstance(v, bool), bool),
    PATHS: (lambda v: _is_list(v, _is_path), lambda v: tuple(Path(item) for item in v)),
    NAMES: (_is_names, tuple),
    GROUPS: (lambda v: _is_list(v, _is_names), lambda v: tuple(tuple(item) for item in v)),
    NUMBERS: (
        lambda v: _is_list(v, is_number) and len(v) > 0,
        lambda v: tuple(float(item) for item in v),
    ),
}
