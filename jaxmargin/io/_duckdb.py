"""Results as one DuckDB file, with views ready to query."""

import errno
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from jaxmargin.io._digest import DIGEST_KEY, content_digest
from jaxmargin.io._duckdb_views import view_queries
from jaxmargin.io._sql_engine import load_package
from jaxmargin.io._write import partial_name, put_in_place

__all__ = ["read_batches", "write_duckdb"]

_ROWS = 100_000  # read at a time


def write_duckdb(
    tables: Mapping[str, Path], path: Path, *, run: Mapping[str, Any] | None = None
) -> list[str]:
    """Write tables of results to a DuckDB file, whole or not at all; the names of its views.

    Each table keeps rows, their order and values; `run` becomes a table of one row. Views are
    those of `view_queries`.

    Args:
        tables: a Parquet file, or a folder of parts of one, for each name.
        path: of the DuckDB file; one that is there is replaced.
        run: facts about the run: texts, whole numbers and times.

    Raises:
        InvalidInputError: duckdb is not installed.
        OSError: the file cannot be written.
    """
    duckdb = load_package("duckdb")
    partial = partial_name(path)
    problem = None
    try:
        with duckdb.connect(str(partial), config={"enable_external_access": "false"}) as database:
            for name, place in tables.items():
                schema, batches = read_batches(place)
                reader = pa.RecordBatchReader.from_batches(schema, batches)
                _create(database, name, reader)
            if run is not None:
                columns = {name: [value] for name, value in run.items()}
                _create(database, "run", pa.table(columns))
            parts = []
            if "components" in tables:
                query = "SELECT component FROM components GROUP BY component ORDER BY min(rowid)"
                parts = [name for (name,) in database.execute(query).fetchall()]
            views = view_queries(set(tables), parts)
            for name, query in views.items():
                database.execute(f"CREATE VIEW {name} AS {query}")
        put_in_place(partial, path)
        return list(views)
    except duckdb.Error as error:
        problem = " ".join(str(error).split()).rstrip(".")
    finally:
        for left in (partial, partial.with_name(partial.name + ".wal")):
            left.unlink(missing_ok=True)
    raise OSError(None, f"cannot be written ({problem})", str(path))


def read_batches(place: Path) -> tuple[pa.Schema, Any]:
    """Columns of a Parquet file or folder of parts, and an iterator of its rows in pieces.

    Each file is checked as a whole before any of its rows comes: pages, and the content where the
    file states its checksum.

    Raises:
        OSError: a file is damaged or not there; the iterator raises it too.
    """
    files = [place] if place.is_file() else sorted(place.glob("*.parquet"))
    if not files:
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(place))
    with _told(files[0]):
        schema = pq.read_schema(files[0]).remove_metadata()

    def batches() -> Any:
        for file in files:
            with _told(file):
                batched = _checked(file).to_batches(_ROWS)
            for batch in batched:
                yield pa.RecordBatch.from_arrays(batch.columns, schema=schema)

    return schema, batches()


def _checked(file: Path) -> pa.Table:
    with pq.ParquetFile(file, page_checksum_verification=True) as opened:
        table = opened.read()
    table.validate(full=True)
    said = (table.schema.metadata or {}).get(DIGEST_KEY)
    if said is not None and said != content_digest(table):
        raise ValueError("its content is not that of its checksum")
    return table


@contextmanager
def _told(file: Path) -> Iterator[None]:
    """Say of an error of reading which file it is about, and what to do."""
    try:
        yield
    except (OSError, ValueError, pa.ArrowException) as error:
        reason = " ".join(str(error).split()).rstrip(".")
        said = f"is damaged ({reason}). Run the job again, or put the file back"
        raise OSError(None, said, str(file)) from error


def _create(database: Any, name: str, rows: Any) -> None:
    database.register("arrow_rows", rows)
    quoted = name.replace('"', '""')
    database.execute(f'CREATE TABLE "{quoted}" AS SELECT * FROM arrow_rows')
    database.unregister("arrow_rows")
