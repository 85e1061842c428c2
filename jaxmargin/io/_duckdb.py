"""Results as one DuckDB file, with views ready to query."""

import os
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from jaxmargin.io._duckdb_views import view_queries
from jaxmargin.io._sql_engine import load_package

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
    partial = path.with_name(f".{path.name}.{secrets.token_hex(4)}.partial")
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
        with partial.open("rb") as file:
            os.fsync(file.fileno())
        os.replace(partial, path)
        return list(views)
    except duckdb.Error as error:
        problem = " ".join(str(error).split()).rstrip(".")
    finally:
        for left in (partial, partial.with_name(partial.name + ".wal")):
            left.unlink(missing_ok=True)
    raise OSError(None, f"cannot be written ({problem})", str(path))


def read_batches(place: Path) -> tuple[pa.Schema, Any]:
    """Columns of a Parquet file or folder of parts, and an iterator of its rows in pieces."""
    files = [place] if place.is_file() else sorted(place.glob("*.parquet"))
    opened = [pq.ParquetFile(file, page_checksum_verification=True) for file in files]
    schema = opened[0].schema_arrow.remove_metadata()

    def batches() -> Any:
        for file in opened:
            with file:
                for batch in file.iter_batches(_ROWS):
                    yield pa.RecordBatch.from_arrays(batch.columns, schema=schema)

    return schema, batches()


def _create(database: Any, name: str, rows: Any) -> None:
    database.register("arrow_rows", rows)
    quoted = name.replace('"', '""')
    database.execute(f'CREATE TABLE "{quoted}" AS SELECT * FROM arrow_rows')
    database.unregister("arrow_rows")
