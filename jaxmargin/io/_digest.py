"""What a Parquet file holds, as one number that the file also states.

Page checksums of Parquet guard the values, not the footer that says what they mean: a bit of it
that turns over can make microseconds of nanoseconds, or all values of a column blank. Tables that
we write state the SHA-256 of their content, so that such a file is refused as well.
"""

import hashlib

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

__all__ = ["DIGEST_KEY", "content_digest", "is_plain", "is_text", "plain_column"]

DIGEST_KEY = b"jaxmargin.sha256"


def content_digest(table: pa.Table) -> bytes:
    """Hexadecimal SHA-256 of names, types, blanks and values; columns must be plain."""
    digest = hashlib.sha256(str(table.num_rows).encode())
    for name, column in zip(table.column_names, table.columns, strict=True):
        plain = plain_column(column)
        digest.update(f"\n{name}\n{plain.type}\n".encode())
        if len(plain) == 0 or pa.types.is_null(plain.type):  # in one chunk, or in none
            continue
        cells = plain.combine_chunks()
        if isinstance(cells, pa.ChunkedArray):  # as some versions give it
            cells = cells.chunk(0)
        digest.update(np.packbits(cells.is_valid().to_numpy(zero_copy_only=False)).data)
        for values in _values(cells):
            digest.update(np.ascontiguousarray(values).data)
    return digest.hexdigest().encode()


def is_text(kind: pa.DataType) -> bool:
    """Whether a type is text."""
    return pa.types.is_string(kind) or pa.types.is_large_string(kind)


def is_plain(kind: pa.DataType) -> bool:
    """Whether a type is of text, numbers, times or truth values."""
    types = pa.types
    if types.is_dictionary(kind):
        return is_text(kind.value_type)
    tests = (types.is_integer, types.is_floating, types.is_decimal, types.is_boolean,
             types.is_timestamp, types.is_date, types.is_null, is_text)  # fmt: skip
    return any(test(kind) for test in tests)


def plain_column(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Text as text, times in microseconds, with a zone in UTC; decimals stay exact."""
    kind = column.type
    if pa.types.is_dictionary(kind):
        chunks = [chunk.dictionary_decode().cast(pa.large_string()) for chunk in column.chunks]
        return pa.chunked_array(chunks, pa.large_string())
    if is_text(kind):
        return column.cast(pa.large_string())
    if pa.types.is_timestamp(kind):
        plain = pa.timestamp("us", None if kind.tz is None else "UTC")
        return column.cast(options=pc.CastOptions(plain, allow_time_truncate=True))
    return column


def _values(cells: pa.Array) -> list[np.ndarray]:
    """The values as arrays of numbers, zero or empty where blank."""
    kind = cells.type
    if pa.types.is_decimal(kind):
        cells, kind = cells.cast(pa.large_string()), pa.large_string()
    if is_text(kind):
        filled = cells.fill_null("")
        first, last = filled.offset, filled.offset + len(filled)
        offsets = np.frombuffer(filled.buffers()[1], np.int64)[first : last + 1]
        letters = filled.buffers()[2]
        text = np.frombuffer(letters, np.uint8) if letters else np.zeros(0, np.uint8)
        return [offsets - offsets[0], text[offsets[0] : offsets[-1]]]
    if pa.types.is_boolean(kind):
        return [np.packbits(cells.fill_null(False).to_numpy(zero_copy_only=False))]
    if pa.types.is_timestamp(kind):
        cells = cells.cast(pa.int64())
    if pa.types.is_date(kind):
        cells = cells.cast(pa.date32()).cast(pa.int32())
    return [cells.fill_null(0).to_numpy(zero_copy_only=False)]
