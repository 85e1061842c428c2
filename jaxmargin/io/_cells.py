"""Columns of a database as Arrow columns, in types that Parquet tables of the job have.

Nothing is rounded: a number that may be a name of an account stays what it was until the schema of
its table says that it is a number. The type of a column follows from all its values, so that it is
the same however many of them come at once.
"""

from collections.abc import Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

__all__ = ["MOST_EXACT", "as_column", "as_plain", "as_text", "join_columns"]

MOST_EXACT = 2**53  # whole numbers up to this are exact in double precision
_TIME = pa.timestamp("us", "UTC")
_DIGITS = ((38, pa.decimal128), (76, pa.decimal256))  # that decimals of Arrow have at most
_BINARY = {bytes, bytearray, memoryview}


def as_column(values: Sequence[Any]) -> pa.Array:
    """Python values of a piece of a column, exactly; text where they have no common type.

    Decimals that are not a number become blank, as in floating point.

    Raises:
        ValueError: binary data.
    """
    kinds = {type(value) for value in values} - {type(None)}
    if kinds & _BINARY:
        raise ValueError("binary data, not text, numbers or times")
    if Decimal in kinds or (kinds == {int} and not _is_long(values)):
        values = [None if isinstance(v, Decimal) and v.is_nan() else v for v in values]
        return _decimals(values)
    kind = _kind(kinds, values)
    if kind == pa.string():
        return _texts(values)
    return pa.array(values, kind)


def join_columns(parts: Sequence[pa.Array]) -> pa.ChunkedArray:
    """One column from pieces whose types may differ as their values did."""
    kinds = {part.type for part in parts} - {pa.null()}
    if any(pa.types.is_decimal(kind) for kind in kinds):
        kind = _common_decimal(parts)
    elif len(kinds) <= 1:
        kind = kinds.pop() if kinds else pa.null()
    elif kinds == {pa.int64(), pa.float64()} and all(map(_is_small, parts)):
        kind = pa.float64()
    else:
        kind = pa.string()
    return pa.chunked_array([_cast(part, kind) for part in parts], kind)


def as_plain(column: pa.Array) -> pa.Array:
    """A piece of a column of DuckDB in the types of `as_column`.

    Raises:
        ValueError: binary data.
    """
    kind, types = column.type, pa.types
    if types.is_dictionary(kind):
        return as_plain(pc.cast(column, kind.value_type))
    if types.is_timestamp(kind):
        return pc.cast(column, pa.timestamp("us") if kind.tz is None else _TIME, safe=False)
    if types.is_large_string(kind) or types.is_string_view(kind):
        return pc.cast(column, pa.string())
    if types.is_floating(kind):
        return pc.cast(column, pa.float64())
    if types.is_integer(kind) and kind != pa.uint64():
        return pc.cast(column, pa.int64())
    plain = (types.is_null, types.is_boolean, types.is_string, types.is_date32)
    return column if any(fits(kind) for fits in plain) else as_column(column.to_pylist())


def as_text(value: Any) -> str | None:
    """The one way to write a value as text: equal numbers and equal times are equal texts."""
    if isinstance(value, float):
        if value != value:  # noqa: PLR0124, what is not a number is blank
            return None
        return str(int(value)) if value.is_integer() and abs(value) <= MOST_EXACT else repr(value)
    if isinstance(value, Decimal):
        if not value.is_finite():
            return None if value.is_nan() else str(value)
        text = f"{value:f}"  # exact, and without an exponent
        text = text.rstrip("0").rstrip(".") if "." in text else text
        return "0" if text in ("-0", "") else text
    if isinstance(value, datetime):
        return (value if value.tzinfo is None else value.astimezone(UTC)).isoformat()
    return value.isoformat() if isinstance(value, date) else str(value)


def _kind(kinds: set[type], values: Sequence[Any]) -> pa.DataType:
    """The type of a piece without decimals."""
    kind = pa.string()
    if not kinds:
        kind = pa.null()
    elif kinds == {bool}:
        kind = pa.bool_()
    elif kinds == {int}:
        kind = pa.int64()
    elif kinds <= {int, float}:
        exact = all(abs(v) <= MOST_EXACT for v in values if isinstance(v, int))
        kind = pa.float64() if exact else kind
    elif kinds == {date}:
        kind = pa.date32()
    elif kinds == {datetime}:
        zones = {value.tzinfo is None for value in values if value is not None}
        if len(zones) == 1:
            kind = pa.timestamp("us") if zones.pop() else _TIME
    return kind


def _is_long(values: Sequence[Any]) -> bool:
    """Whether whole numbers fit into 64 bits."""
    return all(-(2**63) <= value < 2**63 for value in values if value is not None)


def _is_small(part: pa.Array) -> bool:
    """Whether the whole numbers of a piece are exact in double precision."""
    return part.type != pa.int64() or _most(part) <= MOST_EXACT


def _most(part: pa.Array) -> int:
    """The largest whole number of a piece, whatever its sign."""
    ends = pc.call_function("min_max", [part]).as_py()
    return max(abs(end or 0) for end in ends.values())


def _texts(values: Sequence[Any]) -> pa.Array:
    return pa.array([None if value is None else as_text(value) for value in values], pa.string())


def _decimals(values: Sequence[Any]) -> pa.Array:
    """Whole numbers and decimals with just the digits that they need; else text."""
    known = [value for value in values if value is not None]
    if not known:
        return pa.nulls(len(values))
    if any(type(v) not in (int, Decimal) or not Decimal(v).is_finite() for v in known):
        return _texts(values)
    whole = scale = 0
    for value in known:
        _, digits, exponent = Decimal(value).as_tuple()
        whole = max(whole, len(digits) + int(exponent))
        scale = max(scale, -int(exponent))
    kind = _decimal(max(whole + scale, 1), scale)
    if kind is None:
        return _texts(values)
    return pa.array([None if value is None else Decimal(value) for value in values], kind)


def _decimal(digits: int, scale: int) -> pa.DataType | None:
    """A decimal of so many digits, `scale` of them behind the point; None if there is none."""
    return next((make(digits, scale) for most, make in _DIGITS if digits <= most), None)


def _common_decimal(parts: Sequence[pa.Array]) -> pa.DataType:
    """The type of a column of decimals: of as many digits as its kind has; else text."""
    whole = scale = 0
    for part in parts:
        kind = part.type
        if pa.types.is_decimal(kind):
            whole, scale = max(whole, kind.precision - kind.scale), max(scale, kind.scale)
        elif kind == pa.int64():
            whole = max(whole, len(str(_most(part))))
        elif kind != pa.null():
            return pa.string()
    for most, make in _DIGITS:
        if whole + scale <= most:
            return make(most, scale)
    return pa.string()


def _cast(part: pa.Array, kind: pa.DataType) -> pa.Array:
    if part.type == kind:
        return part
    if kind == pa.string():
        return _texts(part.to_pylist())
    if pa.types.is_decimal(kind):  # casts ask for room that the values may not need
        values = part.to_pylist()
        return pa.array([None if value is None else Decimal(value) for value in values], kind)
    return pc.cast(part, kind)
