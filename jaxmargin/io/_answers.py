"""Reads a venue's answer saved as JSON, row by row, with every bad field reported at once."""

import math
import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pandas as pd

from jaxmargin.errors import InvalidInputError
from jaxmargin.io._chain import Chain
from jaxmargin.io._json import read_json
from jaxmargin.io._problems import Problems

__all__ = ["Number", "chain_of_rows", "read_answer", "reason"]

Number = Callable[[dict[str, Any], str], float]
"""Reads a finite number from a row by its key; a problem is noted if it is none."""


def read_answer(path: Path) -> dict[str, Any]:
    """The JSON object in a file.

    Raises:
        InvalidInputError: no such file, too large, or not a JSON object.
    """
    problems = Problems()
    content = read_json(path, "answer", problems)
    problems.raise_if_any()
    assert content is not None  # what cannot be read has problems
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
    sides: tuple[str, str] | None = None,
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
        sides: keys of the best bid and ask, where rows have them: a row whose bid is above its
            ask is left out by name, as its mark cannot be trusted.
    """
    problems, foreign, options, crossed = Problems(), [], [], []
    for count, row in enumerate(rows, start=1):
        name = row.get(name_key) if isinstance(row, dict) else None
        if not isinstance(name, str):
            problems.add(f"{path.name}, row {count}", f"no {name_key}", "Save the whole answer.")
            continue
        match = name_form.fullmatch(name)
        if match is None:
            foreign.append(name)
            continue
        if sides is not None and _is_crossed(*(row.get(key) for key in sides)):
            crossed.append(name)
            continue

        def number(row: dict[str, Any], key: str, where: str = f"row {count}, {name}") -> float:
            try:
                value = float(row[key])
            except (KeyError, TypeError, ValueError, OverflowError):
                value = math.nan
            if not math.isfinite(value):
                problems.add(f"{path.name}, {where}", f"{key} is {row.get(key)!r}, not a number",
                             "Save the whole answer.")  # fmt: skip
            return value

        try:
            terms = option(row, match, number)
        except InvalidInputError:
            raise
        except (ValueError, OverflowError) as error:  # a day or a moment that is none
            problems.add(f"{path.name}, row {count}, {name}", f"cannot be read ({error})",
                         "Save the whole answer.")  # fmt: skip
            continue
        _check_terms(f"{path.name}, row {count}, {name}", terms, problems)
        options.append({"instrument": name, "future": "", **terms})
    problems.raise_if_any()
    if not options:
        raise InvalidInputError(
            f"{path.name}: no options{' but crossed ones' if crossed else ''}. Give an answer that "
            f"lists some; names look like {example}."
        )
    table = pd.DataFrame(options)
    notes = (
        [f"left out {len(foreign):,} rows of other kinds: {', '.join(foreign)}"] if foreign else []
    )
    if crossed:
        notes.append(
            f"left out {len(crossed):,} options whose bid is above their ask: {', '.join(crossed)}"
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


def _is_crossed(bid: Any, ask: Any) -> bool:
    """Whether both sides are there and the bid is above the ask."""
    try:
        return 0.0 < float(ask) < float(bid)
    except (TypeError, ValueError, OverflowError):
        return False


def _check_terms(where: str, terms: dict[str, Any], problems: Problems) -> None:
    """What a market could not hold: it is refused here, where its row is known."""
    for key in ("strike", "index_price", "forward"):
        if terms[key] <= 0.0 or math.isinf(terms[key]):
            problems.add(where, f"{key.replace('_', ' ')} is {terms[key]}, not positive",
                         "Leave the row out.")  # fmt: skip
    if terms["price"] < 0.0:
        problems.add(where, f"price is {terms['price']}, negative", "Leave the row out.")
