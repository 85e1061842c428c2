"""Reads a venue's answer saved as JSON, row by row, with every bad field reported at once."""

import json
import math
import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pandas as pd

from jaxmargin.errors import InvalidInputError
from jaxmargin.io._chain import Chain
from jaxmargin.io._problems import Problems

__all__ = ["Number", "chain_of_rows", "read_answer", "reason"]

_LARGEST_FILE = 256 * 1024 * 1024  # bytes; a whole venue's options are a few megabytes

Number = Callable[[dict[str, Any], str], float]
"""Reads a finite number from a row by its key; a problem is noted if it is none."""


def read_answer(path: Path) -> dict[str, Any]:
    """The JSON object in a file.

    Raises:
        InvalidInputError: no such file, too large, or not a JSON object.
    """
    if not path.is_file():
        raise InvalidInputError(f"{path}: no such file. Check the path.")
    if path.stat().st_size > _LARGEST_FILE:
        raise InvalidInputError(f"{path.name}: larger than 256 MiB. Save one answer a file.")
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise InvalidInputError(
            f"{path.name}: not JSON ({error}). Save the venue's answer as it is."
        ) from None
    if not isinstance(content, dict):
        raise InvalidInputError(f"{path.name}: not a JSON object. Save the whole answer.")
    return content


def reason(content: dict[str, Any]) -> str:
    """What an answer that is none says about itself."""
    message = content.get("msg") or content.get("retMsg")
    return str(message) if message else f"its keys are {', '.join(content) or 'none'}"


def chain_of_rows(
    path: Path,
    rows: Iterable[Any],
    option: Callable[[dict[str, Any], re.Match[str], Number], dict[str, Any]],
    *,
    name_key: str,
    name_form: re.Pattern[str],
    prices: dict[str, float],
    example: str,
    time: pd.Timestamp | None = None,
    future_size: dict[str, float] | None = None,
) -> Chain:
    """Rows as options; all bad fields are reported at once, and names of other forms are noted.

    Args:
        path: file the rows came from.
        rows: rows of the answer.
        option: terms and quotes of a row, given its name's match; see `Chain.rows`. With `time`
            where that is not the same for all.
        name_key: key of a row's name.
        name_form: form of the names of options.
        example: such a name, for the message when there is none.
        prices: prices of further assets.
        time: moment of the quotes; the latest of the rows if not given.
        future_size: see `Chain`.
    """
    problems, foreign, options = Problems(), [], []
    for count, row in enumerate(rows, start=1):
        name = row.get(name_key) if isinstance(row, dict) else None
        if not isinstance(name, str):
            problems.add(f"{path.name}, row {count}", f"no {name_key}", "Save the whole answer.")
            continue
        match = name_form.fullmatch(name)
        if match is None:
            foreign.append(name)
            continue

        def number(row: dict[str, Any], key: str, where: str = f"row {count}, {name}") -> float:
            try:
                value = float(row[key])
            except (KeyError, TypeError, ValueError):
                value = math.nan
            if not math.isfinite(value):
                problems.add(f"{path.name}, {where}", f"{key} is {row.get(key)!r}, not a number",
                             "Save the whole answer.")  # fmt: skip
            return value

        options.append({"instrument": name, "future": "", **option(row, match, number)})
    problems.raise_if_any()
    if not options:
        raise InvalidInputError(
            f"{path.name}: no options. Give an answer that lists some; names look like {example}."
        )
    table = pd.DataFrame(options)
    notes = (
        [f"left out {len(foreign):,} rows of other kinds: {', '.join(foreign)}"] if foreign else []
    )
    if time is None:
        time = pd.Timestamp(table["time"].max())
    table = table.drop(columns="time", errors="ignore")
    unsized = sorted(table.loc[table["multiplier"].isna(), "underlying"].unique())
    if unsized:
        raise InvalidInputError(
            f"{path.name}: contract size of options on {', '.join(unsized)} is not known. "
            "Leave them out of the answer."
        )
    return Chain(path, time, table, future_size or {}, prices, notes)
