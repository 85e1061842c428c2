"""How much a file may hold: checked before it is parsed."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from jaxmargin.errors import require
from jaxmargin.io._problems import Problems

__all__ = [
    "MOST_ROW_BYTES",
    "MOST_SETTINGS_BYTES",
    "most_table_bytes",
    "parse_shallow",
    "read_small_text",
]

MOST_SETTINGS_BYTES = 2**20  # a job file, or another file of settings; the longest shipped is 26 KB
MOST_ROW_BYTES = 2**20  # one row of a CSV file
_MOST_TABLE_BYTES = 8 * 2**30  # 100 million positions
_VARIABLE = "JAXMARGIN_MOST_TABLE_BYTES"


def most_table_bytes() -> int:
    """Bytes that one table may take when it is read: 8 GiB, or JAXMARGIN_MOST_TABLE_BYTES.

    Raises:
        InvalidInputError: the variable is not a whole number above zero.
    """
    given = os.environ.get(_VARIABLE, "")
    if not given:
        return _MOST_TABLE_BYTES
    require(
        given.isascii() and given.isdigit() and 0 < len(given) < 19 and int(given) > 0,
        f"{_VARIABLE}: {given!r} is not a number of bytes. Give a whole number above 0.",
    )
    return int(given)


def read_small_text(path: Path, what: str, most: int, problems: Problems) -> str | None:
    """The text of a file in UTF-8; None, with a problem noted, if it cannot be read.

    Args:
        path: the file.
        what: what it is, to follow "the path of the".
        most: bytes that it may have; no more are read.
        problems: where problems go.
    """
    try:
        if not path.is_file():  # nor waits for a pipe, nor reads a device
            problems.add(str(path), "no such file", f"Check the path of the {what}.")
            return None
        with path.open("rb") as file:
            content = file.read(most + 1)
        if len(content) > most:
            problems.add(path.name, f"larger than {most:,} bytes", f"Check that it is a {what}.")
            return None
        return content.decode("utf-8")
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        problems.add(path.name, f"cannot be read ({reason})", "Write it as text in UTF-8.")
    return None


def parse_shallow(text: str, parse: Callable[[str], Any], depth: int) -> Any:
    """What `parse` makes of a text; None if its lists and tables nest more than `depth` deep.

    Raises:
        ValueError: `parse` does not know the text.
    """
    try:
        content = parse(text)
    except RecursionError:
        return None
    return content if _is_shallow(content, depth) else None


def _is_shallow(content: Any, depth: int) -> bool:
    """Whether lists and tables lie within each other at most `depth` deep; not by recursion."""
    level = [content]
    for _ in range(depth + 1):
        nested = [each for each in level if isinstance(each, dict | list)]
        level = [
            inner
            for each in nested
            for inner in (each.values() if isinstance(each, dict) else each)
        ]
    return not any(isinstance(each, dict | list) for each in level)
