"""Reads a TOML file, and tells its numbers."""

import tomllib
from pathlib import Path
from sys import float_info
from typing import Any

from jaxmargin.io._limits import MOST_SETTINGS_BYTES, parse_shallow, read_small_text
from jaxmargin.io._problems import Problems

__all__ = ["is_count", "is_number", "read_toml"]

_MOST_DEPTH = 16  # of tables and lists within each other; settings of rules have 5
_MOST_COUNT = 2**53  # whole numbers beyond it are not all numbers of double precision


def read_toml(path: Path, what: str, problems: Problems) -> dict[str, Any] | None:
    """The content of a TOML file; None, with a problem noted, if it cannot be read.

    Args:
        path: the file, of 1 MiB at most.
        what: what it is, to follow "the path of the".
        problems: where problems go.
    """
    text = read_small_text(path, what, MOST_SETTINGS_BYTES, problems)
    if text is None:
        return None
    try:
        content = parse_shallow(text, tomllib.loads, _MOST_DEPTH)
    except ValueError as error:  # of the form, or a whole number of thousands of digits
        problems.add(path.name, f"cannot be read ({error})", "Write it in TOML.")
        return None
    if content is None:
        problems.add(
            path.name, f"tables or lists nested more than {_MOST_DEPTH} deep", "Write them flat."
        )
        return None
    return content


def is_number(value: Any) -> bool:
    """Whether `value` is a finite number."""
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return number and abs(value) <= float_info.max


def is_count(value: Any) -> bool:
    """Whether `value` is a whole number that double precision holds."""
    return isinstance(value, int) and not isinstance(value, bool) and abs(value) <= _MOST_COUNT
