"""Columns of a database as Arrow columns, in types that Parquet tables of the job have."""

from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

__all__ = ["as_column", "as_plain", "join_columns"]

_TIME = pa.timestamp("us", "UTC")


def as_column(values: Sequence[Any]) -> pa.Array:
    """Python values of one column; text where their types differ or are no numbers or times.

    Decimals become the nearest doubles, as they do when a Parquet table is read.
    """
    kind = _kind([value for value in values if value is not None])
    if kind == pa.float64():
        return pa.array([None if value is None else float(value) for value in values], kind)
    if kind == pa.string():
        return pa.array([None if value is None else str(value) for value in values], kind)
    return pa.array(values, kind)


def _kind(values: Sequence[Any]) -> pa.DataType:
    """The type of a column with these values."""
    kinds, kind = {type(value) for value in values}, pa.string()
    if not kinds:
        kind = pa.null()
    elif kinds == {bool}:
        kind = pa.bool_()
    elif kinds <= {int, float, Decimal}:
        whole = kinds == {int} and all(-(2**63) <= value < 2**63 for value in values)
        kind = pa.int64() if whole else pa.float64()
    elif kinds == {date}:
        kind = pa.date32()
    elif kinds == {datetime} and len({value.tzinfo is None for value in values}) == 1:
        kind = pa.timestamp("us") if values[0].tzinfo is None else _TIME
    return kind


def join_columns(parts: Sequence[pa.Array]) -> pa.ChunkedArray:
    """One column from pieces whose types may differ as their values did."""
    kinds = {part.type for part in parts} - {pa.null()}
    if not kinds:
        return pa.chunked_array(parts, pa.null())
    if len(kinds) == 1:
        kind = kinds.pop()
    else:
        kind = pa.float64() if kinds <= {pa.int64(), pa.float64()} else pa.string()
    return pa.chunked_array([pc.cast(part, kind, safe=False) for part in parts], kind)


def as_plain(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """A column of DuckDB in the types of `as_column`; what Parquet tables do not have as text."""
    kind = column.type
    if pa.types.is_dictionary(kind):
        return as_plain(pc.cast(column, kind.value_type))
    if pa.types.is_timestamp(kind):
        return pc.cast(column, pa.timestamp("us") if kind.tz is None else _TIME, safe=False)
    if pa.types.is_large_string(kind) or pa.types.is_string_view(kind):
        return pc.cast(column, pa.string())
    plain = (pa.types.is_null, pa.types.is_boolean, pa.types.is_integer, pa.types.is_floating)
    if any(fits(kind) for fits in (*plain, pa.types.is_string, pa.types.is_date32)):
        return column
    return pa.chunked_array([as_column(column.to_pylist())])
