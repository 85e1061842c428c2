"""Reads one table from Parquet or CSV and checks it against its schema."""

import re
from pathlib import Path

import numpy as np
import pandas as pd

from jaxmargin.io._cells import MOST_EXACT, as_text
from jaxmargin.io._content import read_raw
from jaxmargin.io._problems import Problems, nearest
from jaxmargin.io._schema import Column, Table

__all__ = ["FIRST_TIME", "LAST_TIME", "parse_cells", "read_table"]

FIRST_TIME, LAST_TIME = pd.Timestamp("1900-01-01T00:00Z"), pd.Timestamp("2200-01-01T00:00Z")
_ZONE = r"(?:Z|z|[+-]\d{2}:?\d{2})$"
_UTC = "datetime64[us, UTC]"
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")  # could forge lines where it is shown
_OTHER_TYPES = ("boolean", "datetime", "datetime64", "date")


def read_table(path: Path, table: Table, problems: Problems) -> pd.DataFrame | None:
    """The columns of `table` in the file at `path`, checked; None if it could not be read.

    Text columns come back as strings ("" where blank; whole numbers and decimals may be names, as
    they are written without zeros behind the point), numbers as float64 (NaN where blank) and
    times as UTC timestamps (NaT where blank). Problems are added to `problems`; rows that break a
    rule stay in the result. Columns that `table` does not name are left out; see
    `ignored_columns` in the result's `attrs`.
    """
    raw = read_raw(path, problems)
    if raw is None:
        return None
    names = [column.name for column in table.columns]
    absent = [c.name for c in table.columns if c.name not in raw.columns and not c.blank]
    for name in absent:
        others = [other for other in raw.columns if other not in names]
        problems.add(
            path.name,
            f"column {name!r} is missing{nearest(name, others)}",
            f"The {table.name} table needs the columns {', '.join(names)}.",
        )
    if absent:
        return None
    result = pd.DataFrame(index=pd.RangeIndex(len(raw)))
    sound = True
    for column in table.columns:
        before = len(problems.found)
        cells = raw[column.name] if column.name in raw.columns else pd.Series([None] * len(raw))
        result[column.name] = parse_cells(path.name, column, cells, problems)
        sound &= len(problems.found) == before
    if sound:
        repeated = result.duplicated(list(table.key), keep=False)
        first = result.loc[repeated.to_numpy(), list(table.key)].head(1).astype(str)
        shown = " ".join(map(str, first.to_numpy().ravel()))  # a blank cell stays a number
        problems.add_rows(
            path.name,
            " + ".join(table.key),
            repeated,
            f"the same value more than once ({shown})",
            f"Keep one row for each {' and '.join(table.key)}.",
        )
    result.attrs["ignored_columns"] = [name for name in raw.columns if name not in names]
    return result


def _text(file: str, column: Column, cells: pd.Series, problems: Problems) -> pd.Series:
    absent = cells.isna()
    text = cells.astype(object).where(~absent, "")
    inferred = pd.api.types.infer_dtype(text, skipna=False)
    if inferred not in ("string", "empty"):  # numbers used as names
        if pd.api.types.is_float_dtype(cells.dtype):
            whole = (cells % 1.0 == 0.0) & (cells.abs() <= MOST_EXACT)
            problems.add_rows(
                file, column.name, ~absent & ~whole, "a number that is not a name: it has a "
                "fraction, or more digits than it can have exactly", "Give text, or whole numbers.",
                values=cells,
            )  # fmt: skip
        text = text.map(as_text).astype(object)
        if _is_of_other_type(cells):
            place = f"{file}, column {column.name}"
            problems.add(place, "truth values or times", "Give text.")
    unprintable = [each for each in text.unique() if _CONTROL.search(each)]
    if unprintable:
        problems.add_rows(
            file, column.name, text.isin(unprintable), "a control character",
            "Take it out.", values=text,
        )  # fmt: skip
    if not column.blank:
        problems.add_rows(file, column.name, text == "", "no value", "Fill every cell.")
    if column.choices:
        allowed = (*column.choices, "") if column.blank else column.choices
        wrong = text[~text.isin(allowed) & (text != "")]
        problems.add_unknown(
            file, column.name, wrong, column.choices, f"Use one of {', '.join(column.choices)}."
        )
    return text


def _number(file: str, column: Column, cells: pd.Series, problems: Problems) -> pd.Series:
    absent = cells.isna() | (cells.astype(object) == "")
    if _is_of_other_type(cells):  # which pandas would take for numbers
        absent, number = absent & False, pd.Series(np.nan, index=cells.index, dtype=np.float64)
    else:
        number = pd.to_numeric(cells.where(~absent), errors="coerce").astype(np.float64)
    bad = ~np.isfinite(number) if not column.blank else (~absent & ~np.isfinite(number))
    shown = cells.mask(cells.isna(), np.nan) if cells.dtype == object else cells
    problems.add_rows(file, column.name, bad, "not a finite number", "Give a number.", values=shown)
    if column.positive:
        problems.add_rows(
            file,
            column.name,
            ~bad & (number <= 0.0),
            "not positive",
            "Give a number above zero, or leave the row out.",
            values=number,
        )
    if column.not_negative:
        problems.add_rows(
            file, column.name, ~bad & (number < 0.0), "negative",
            "Give zero or more, or leave the row out.", values=number,
        )  # fmt: skip
    return number


def _time(file: str, column: Column, cells: pd.Series, problems: Problems) -> pd.Series:
    cure = "Write times in UTC with their zone, such as 2026-02-05T08:00:00Z."
    if isinstance(cells.dtype, pd.DatetimeTZDtype):
        time = cells.dt.tz_convert("UTC").astype(_UTC)
        absent = time.isna()
    elif pd.api.types.is_datetime64_dtype(cells.dtype):
        problems.add(f"{file}, column {column.name}", "times without a zone", cure)
        time = cells.dt.tz_localize("UTC").astype(_UTC)
        absent = time.isna() & False
    else:
        text = cells.astype(object).where(~cells.isna(), "").map(str).astype(object)
        absent = text == ""
        time = pd.to_datetime(
            text.where(~absent), utc=True, errors="coerce", format="ISO8601"
        ).astype(_UTC)
        unread = ~absent & time.isna()
        problems.add_rows(file, column.name, unread, "not a time", cure, values=text)
        zoneless = ~absent & ~unread & ~text.str.contains(_ZONE, regex=True)
        problems.add_rows(file, column.name, zoneless, "a time without a zone", cure, values=text)
    if not column.blank:
        problems.add_rows(file, column.name, absent, "no time", cure)
    far = (time < FIRST_TIME) | (time >= LAST_TIME)
    problems.add_rows(
        file, column.name, far, f"not between {FIRST_TIME.year} and {LAST_TIME.year}",
        "Correct the year.",
    )  # fmt: skip
    return time.where(~far)


def _is_of_other_type(cells: pd.Series) -> bool:
    """Whether a column holds truth values, times or days."""
    if cells.dtype == object:
        return pd.api.types.infer_dtype(cells, skipna=True) in _OTHER_TYPES
    kind = cells.dtype
    return pd.api.types.is_bool_dtype(kind) or pd.api.types.is_datetime64_any_dtype(kind)


_PARSERS = {"text": _text, "number": _number, "time": _time}


def parse_cells(file: str, column: Column, cells: pd.Series, problems: Problems) -> pd.Series:
    """The cells of one column as its type says, checked; problems are added to `problems`."""
    return _PARSERS[column.type](file, column, cells, problems)
