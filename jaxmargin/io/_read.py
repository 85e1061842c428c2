"""Reads one table from Parquet or CSV and checks it against its schema."""

import csv
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from jaxmargin.io._problems import Problems, nearest
from jaxmargin.io._schema import Column, Table

__all__ = ["parse_cells", "read_raw", "read_table"]

_ZONE = r"(?:Z|z|[+-]\d{2}:?\d{2})$"


def read_table(path: Path, table: Table, problems: Problems) -> pd.DataFrame | None:
    """The columns of `table` in the file at `path`, checked; None if it could not be read.

    Text columns come back as strings ("" where blank), numbers as float64 (NaN where blank) and
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


def read_raw(path: Path, problems: Problems) -> pd.DataFrame | None:
    """The file as it is, with text for every cell of a CSV."""
    if not path.is_file():
        problems.add(
            str(path), "no such file", "Check the path; in a job file, paths count from its folder."
        )
        return None
    try:
        if path.suffix == ".parquet":
            content = pq.read_table(path, page_checksum_verification=True)
            header = list(content.column_names)
        elif path.suffix == ".csv":
            with path.open(encoding="utf-8-sig", newline="") as lines:
                header = next(csv.reader(lines), [])
            content = None
        else:
            problems.add(path.name, "not a table", "Give a file that ends in .parquet or .csv.")
            return None
        repeated = sorted({name for name in header if header.count(name) > 1})
        if repeated:
            problems.add(
                path.name, f"columns that appear twice: {', '.join(repeated)}", "Keep one of each."
            )
            return None
        if content is not None:
            return content.to_pandas(timestamp_as_object=False).reset_index(drop=True)
        return pd.read_csv(
            path, dtype=str, keep_default_na=False, na_filter=False, encoding="utf-8-sig"
        )
    except (OSError, ValueError, pa.ArrowException) as error:
        reason = str(error).strip().splitlines()[0].rstrip(".") if str(error).strip() else "empty"
        problems.add(
            path.name, f"cannot be read ({reason})", "The file is damaged or not of its type."
        )
        return None


def _text(file: str, column: Column, cells: pd.Series, problems: Problems) -> pd.Series:
    absent = cells.isna()
    text = cells.astype(object).where(~absent, "")
    if pd.api.types.infer_dtype(text, skipna=False) not in ("string", "empty"):
        text = text.map(str).astype(object)  # numbers used as names
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
    number = pd.to_numeric(cells.where(~absent), errors="coerce").astype(np.float64)
    bad = ~np.isfinite(number) if not column.blank else (~absent & ~np.isfinite(number))
    problems.add_rows(file, column.name, bad, "not a finite number", "Give a number.", values=cells)
    if column.positive:
        problems.add_rows(
            file,
            column.name,
            ~bad & (number <= 0.0),
            "not positive",
            "Give a number above zero, or leave the row out.",
            values=number,
        )
    return number


def _time(file: str, column: Column, cells: pd.Series, problems: Problems) -> pd.Series:
    cure = "Write times in UTC with their zone, such as 2026-02-05T08:00:00Z."
    if isinstance(cells.dtype, pd.DatetimeTZDtype):
        time = cells.dt.tz_convert("UTC").astype("datetime64[us, UTC]")
        if not column.blank:
            problems.add_rows(file, column.name, time.isna(), "no time", cure)
        return time
    if pd.api.types.is_datetime64_dtype(cells.dtype):
        problems.add(f"{file}, column {column.name}", "times without a zone", cure)
        return cells.dt.tz_localize("UTC").astype("datetime64[us, UTC]")
    text = cells.astype(object).where(~cells.isna(), "").map(str)
    absent = text == ""
    if not column.blank:
        problems.add_rows(file, column.name, absent, "no time", cure)
    time = pd.to_datetime(text.where(~absent), utc=True, errors="coerce", format="ISO8601").astype(
        "datetime64[us, UTC]"
    )
    unread = ~absent & time.isna()
    problems.add_rows(file, column.name, unread, "not a time", cure, values=text)
    zoneless = ~absent & ~unread & ~text.str.contains(_ZONE, regex=True)
    problems.add_rows(file, column.name, zoneless, "a time without a zone", cure, values=text)
    return time


_PARSERS = {"text": _text, "number": _number, "time": _time}


def parse_cells(file: str, column: Column, cells: pd.Series, problems: Problems) -> pd.Series:
    """The cells of one column as its type says, checked; problems are added to `problems`."""
    return _PARSERS[column.type](file, column, cells, problems)
