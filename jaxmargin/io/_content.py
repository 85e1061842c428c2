"""The cells of a table file, Parquet or CSV, as they are; nothing of the file is executed."""

import re
from collections import Counter
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet as pq

from jaxmargin.errors import InvalidInputError
from jaxmargin.io._digest import DIGEST_KEY, content_digest, is_plain, is_text, plain_column
from jaxmargin.io._limits import MOST_ROW_BYTES, most_table_bytes
from jaxmargin.io._problems import Problems

__all__ = ["check_csv_bytes", "read_raw"]

_MOST_COLUMNS = 10_000
_BYTES_PER_CELL = 8
_UNNAMED_INDEX = "__index_level_"  # columns that pandas adds for the index of a table
# First bytes of files that pass under another name.
_FORMATS = {
    b"PAR1": "Parquet",
    b"\x93NUMPY": "a NumPy array",
    b"PK\x03\x04": "a zip archive, as spreadsheets and npz are",
    b"\x1f\x8b": "compressed by gzip",
    b"\x28\xb5\x2f\xfd": "compressed by zstandard",
    b"BZh": "compressed by bzip2",
    b"\xfd7zXZ": "compressed by xz",
    b"\xd0\xcf\x11\xe0": "a spreadsheet",
    b"SQLite format 3": "a database",
    b"ARROW1": "Arrow IPC",
    b"\x80": "a pickle",
}


def read_raw(path: Path, problems: Problems) -> pd.DataFrame | None:
    """The file as it is, with text for every cell of a CSV; None if it cannot be read.

    Parquet may hold text, numbers, times and truth values; decimals, and whole numbers beside blank
    cells, come as Python objects, which are exact. Page checksums, and that of the content
    of our own files, are verified where the file has them. CSV is in UTF-8 with commas, a header,
    and in each row as many fields as that.
    """
    try:
        there = path.is_file()
    except OSError:  # a name that is too long
        there = False
    if not there:
        problems.add(
            str(path), "no such file", "Check the path; in a job file, paths count from its folder."
        )
        return None
    if path.suffix not in (".parquet", ".csv"):
        problems.add(path.name, "not a table", "Give a file that ends in .parquet or .csv.")
        return None
    before = len(problems.found)
    try:
        content = (_parquet if path.suffix == ".parquet" else _csv)(path, problems)
        return None if content is None or len(problems.found) > before else content
    except InvalidInputError:  # of a limit that cannot be used
        raise
    except (OSError, ValueError, pa.ArrowException) as error:
        words = str(getattr(error, "strerror", None) or error).strip()
        reason = words.splitlines()[0].rstrip(".") if words else "empty"
        problems.add(
            path.name, f"cannot be read ({reason})", "The file is damaged or not of its type."
        )
        return None


def check_csv_bytes(path: Path, problems: Problems) -> bool:
    """Whether a file can be text in rows, by its bytes; a problem is noted if not."""
    most, quotes, last = most_table_bytes(), 0, b""
    if path.stat().st_size > most:
        _too_large(path, f"{path.stat().st_size:,} bytes", most, problems)
        return False
    with path.open("rb") as file:
        start = file.read(16)
        known = next((name for magic, name in _FORMATS.items() if start.startswith(magic)), None)
        file.seek(0)
        while known is None and (chunk := file.read(MOST_ROW_BYTES)):
            if b"\0" in chunk:
                known = "not text: it has bytes of zero"
            quotes, last = quotes + chunk.count(b'"'), chunk[-1:]
    cure = "The file is damaged or not of its type."
    if known is not None:
        problems.add(path.name, f"cannot be read (it is {known})", "Write it as CSV or Parquet.")
    elif not last:
        problems.add(path.name, "cannot be read (empty)", cure)
    elif last not in b"\r\n":
        problems.add(
            path.name, "cannot be read (no line break after the last row, as if it was cut off)",
            "If the last row is whole, add one; else write the file anew.",
        )  # fmt: skip
    elif quotes % 2:
        problems.add(path.name, "cannot be read (a quote is not closed)", cure)
    else:
        return True
    return False


def _csv(path: Path, problems: Problems) -> pd.DataFrame | None:
    if not check_csv_bytes(path, problems):
        return None
    with path.open("rb") as file:
        first = file.read(MOST_ROW_BYTES).lstrip(b"\xef\xbb\xbf\r\n").splitlines()[:1]
    width = first[0].count(b",") + 1 if first else 1
    if width > _MOST_COLUMNS:
        problems.add(path.name, f"{width:,} columns", f"Give {_MOST_COLUMNS:,} at most.")
        return None
    try:
        table = _csv_cells(path, width)
    except pa.ArrowInvalid:
        table = _csv_cells(path, width, threads=False)  # whose error names the row
    if any(column.type != pa.large_string() for column in table.columns):
        raise ValueError("its header has a line break")
    header = [str(column[0].as_py()) for column in table.columns] if len(table) else []
    if not _names_are_unique(path, header, problems):
        return None
    cells = table.slice(1).rename_columns(header).to_pandas()
    return cells.reset_index(drop=True)


def _csv_cells(path: Path, width: int, *, threads: bool = True) -> pa.Table:
    """The header and all rows as text."""
    try:
        return pyarrow.csv.read_csv(
            path,
            read_options=pyarrow.csv.ReadOptions(
                block_size=MOST_ROW_BYTES, autogenerate_column_names=True, use_threads=threads
            ),
            parse_options=pyarrow.csv.ParseOptions(newlines_in_values=True),
            convert_options=pyarrow.csv.ConvertOptions(
                column_types={f"f{column}": pa.large_string() for column in range(width)},
                strings_can_be_null=False,
            ),
        )
    except pa.ArrowInvalid as error:
        if "straddl" in str(error):
            raise ValueError(f"a row longer than {MOST_ROW_BYTES:,} bytes") from None
        if threads:
            raise
        words = re.sub(r"Row #(\d+)", lambda found: f"row {int(found[1]) - 1}", str(error))
        raise ValueError(words) from None


def _parquet(path: Path, problems: Problems) -> pd.DataFrame | None:
    if not _is_bounded(path, problems):
        return None
    schema = pq.read_schema(path)
    texts = [field.name for field in schema if is_text(field.type)]
    odd = [f"{field.name!r} ({field.type})" for field in schema if not is_plain(field.type)]
    if odd:
        problems.add(
            path.name, f"columns that are not text, numbers or times: {', '.join(odd)}",
            "Take them out, or write them as one of these.",
        )  # fmt: skip
    if odd or not _names_are_unique(path, schema.names, problems):
        return None
    with pq.ParquetFile(path, read_dictionary=texts, page_checksum_verification=True) as file:
        table = file.read()
    table.validate(full=True)
    most = most_table_bytes()
    size = sum(_decoded_bytes(column) for column in table.columns)
    if size > most:  # few bytes in the file can stand for many
        _too_large(path, f"{size:,} bytes of text", most, problems)
        return None
    said = (schema.metadata or {}).get(DIGEST_KEY)
    if said is not None and said != content_digest(table):
        raise ValueError("its content is not that of its checksum")
    columns = {
        name: plain_column(column)
        for name, column in zip(table.column_names, table.columns, strict=True)
        if not name.startswith(_UNNAMED_INDEX)
    }
    cells = pa.table(columns).to_pandas(ignore_metadata=True, integer_object_nulls=True)
    return cells if columns else pd.DataFrame(index=pd.RangeIndex(len(table)))


def _is_bounded(path: Path, problems: Problems) -> bool:
    """Whether what a Parquet file says of its size is below the limit."""
    with path.open("rb") as file:
        start = file.read(4)
    if start != b"PAR1":
        known = next((name for magic, name in _FORMATS.items() if start.startswith(magic[:4])), "")
        raise ValueError(f"it is {known}" if known else "no Parquet in it")
    said, most = pq.read_metadata(path), most_table_bytes()
    if not 0 <= said.num_columns <= _MOST_COLUMNS:
        problems.add(path.name, f"{said.num_columns:,} columns", f"Give {_MOST_COLUMNS:,} at most.")
        return False
    groups = [said.row_group(number) for number in range(said.num_row_groups)]
    if said.num_rows != sum(group.num_rows for group in groups) or said.num_rows < 0:
        raise ValueError("its parts have not the number of rows that it says")
    size = sum(max(group.total_byte_size, 0) for group in groups)
    size = max(size, path.stat().st_size, said.num_rows * said.num_columns * _BYTES_PER_CELL)
    if size > most:
        _too_large(path, f"{said.num_rows:,} rows, {size:,} bytes", most, problems)
    return size <= most


def _too_large(path: Path, what: str, most: int, problems: Problems) -> None:
    problems.add(
        path.name, f"too large: {what}, above {most:,}",
        "If it is meant, set JAXMARGIN_MOST_TABLE_BYTES to a number of bytes above it.",
    )  # fmt: skip


def _names_are_unique(path: Path, names: list[str], problems: Problems) -> bool:
    repeated = sorted(name for name, count in Counter(names).items() if count > 1)
    if repeated:
        problems.add(
            path.name, f"columns that appear twice: {', '.join(repeated)}", "Keep one of each."
        )
    return not repeated


def _decoded_bytes(column: pa.ChunkedArray) -> int:
    """Bytes of the text of a column."""
    if not pa.types.is_dictionary(column.type):
        return 0
    total = 0
    for chunk in column.chunks:
        lengths = pc.call_function("binary_length", [chunk.dictionary]).cast(pa.int64())
        total += pc.call_function("sum", [pc.take(lengths, chunk.indices)]).as_py() or 0
    return total
