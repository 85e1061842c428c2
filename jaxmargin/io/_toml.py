"""Reads a TOML file, and tells its numbers."""

import tomllib
from pathlib import Path
from sys import float_info
from typing import Any

from jaxmargin.io._problems import Problems

__all__ = ["is_number", "read_toml"]


def read_toml(path: Path, what: str, problems: Problems) -> dict[str, Any] | None:
    """The content of a TOML file; None, with a problem noted, if it cannot be read.

    Args:
        path: the file.
        what: what it is, to follow "the path of the".
        problems: where problems go.
    """
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        problems.add(str(path), "no such file", f"Check the path of the {what}.")
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, OSError) as error:
        problems.add(path.name, f"cannot be read ({error})", "Write it in TOML.")
    return None


def is_number(value: Any) -> bool:
    """Whether `value` is a finite number."""
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return number and abs(value) <= float_info.max
