"""Reads tables and views of databases by name, all of one database as of one moment."""

import abc
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

import pyarrow as pa

from jaxmargin.io._cells import as_column, as_plain, join_columns
from jaxmargin.io._database_url import DatabaseUrl
from jaxmargin.io._limits import most_table_bytes
from jaxmargin.io._sql_engine import load_package, sql_engine

__all__ = ["AbstractDatabase", "open_database"]

_ROWS = 50_000  # fetched at a time, at most
_FIRST_ROWS = 64  # fetched first, and with them their size
_DUCKDB_ROWS = 2048  # fetched at a time: what DuckDB computes at a time
_BYTES = 2**24  # to fetch at a time
_BYTES_PER_CELL = 8  # at least


class AbstractDatabase(abc.ABC):
    """A database that is open for reading; its names are compared exactly, never run as SQL."""

    @abc.abstractmethod
    def names(self, schema: str | None) -> list[str]:
        """Tables and views of a schema, of the default one for None; none if it is not there."""

    @abc.abstractmethod
    def read(self, schema: str | None, name: str) -> pa.Table:
        """All rows of a table or view that `names` lists, in the order that they are given.

        Raises:
            ValueError: it has more rows or bytes than `most_table_bytes` allows, or binary data.
            Exception: what the driver raises.
        """


class SqlDatabase(AbstractDatabase):
    """Any database that SQLAlchemy opens."""

    def __init__(self, connection: Any) -> None:
        from sqlalchemy import inspect

        self._connection, self._inspector = connection, inspect(connection)

    def names(self, schema: str | None) -> list[str]:
        """See `AbstractDatabase.names`."""
        inspector = self._inspector
        if schema is not None and schema not in inspector.get_schema_names():
            return []
        found = [*inspector.get_table_names(schema), *inspector.get_view_names(schema)]
        with suppress(NotImplementedError):  # most databases have none
            found += inspector.get_materialized_view_names(schema)
        return found

    def read(self, schema: str | None, name: str) -> pa.Table:
        """See `AbstractDatabase.read`."""
        from sqlalchemy import literal_column, select, table
        from sqlalchemy.sql import quoted_name

        quoted = None if schema is None else quoted_name(schema, quote=True)
        source: Any = table(quoted_name(name, quote=True), schema=quoted)
        query = select(literal_column("*")).select_from(source)
        result = self._connection.execution_options(stream_results=True).execute(query)
        header = list(result.keys())
        pieces = _Pieces(header)
        while rows := result.fetchmany(pieces.next_rows()):
            pieces.add(as_column, len(rows), list(zip(*rows, strict=True)))
        return pieces.table()


class DuckDatabase(AbstractDatabase):
    """A DuckDB file, opened to be read; it may not reach other files or load extensions."""

    def __init__(self, connection: Any) -> None:
        self._connection = connection

    def names(self, schema: str | None) -> list[str]:
        """See `AbstractDatabase.names`."""
        rows = self._connection.execute(
            "SELECT table_name FROM information_schema.tables "
            "WHERE table_catalog = current_database() AND table_schema = ?",
            [schema or "main"],
        ).fetchall()
        return [name for (name,) in rows]

    def read(self, schema: str | None, name: str) -> pa.Table:
        """See `AbstractDatabase.read`."""
        quoted = ".".join('"' + part.replace('"', '""') + '"' for part in (schema or "main", name))
        relation = self._connection.sql(f"SELECT * FROM {quoted}")
        pieces = _Pieces(relation.columns)
        limited = relation.limit(pieces.most_rows + 1)
        # Older versions have the latter name only, newer ones warn of it.
        name = "to_arrow_reader" if "to_arrow_reader" in dir(limited) else "fetch_record_batch"
        with getattr(limited, name)(_DUCKDB_ROWS) as reader:
            for batch in reader:
                pieces.add(as_plain, batch.num_rows, batch.columns)
        return pieces.table()


class _Pieces:
    """What has been fetched of a table, held to the limit of tables."""

    def __init__(self, header: Sequence[str]) -> None:
        self.most = most_table_bytes()
        self.most_rows = self.most // (_BYTES_PER_CELL * max(len(header), 1))
        self._header, self._rows, self._bytes = header, 0, 0
        self._parts: list[list[pa.Array]] = [[] for _ in header]

    def next_rows(self) -> int:
        """Rows to fetch next: as many as are about `_BYTES`, but few as long as that is unknown."""
        if not self._rows:
            return min(_FIRST_ROWS, _ROWS, self.most_rows + 1)
        fitting = _BYTES * self._rows // max(self._bytes, 1)
        return max(1, min(_ROWS, fitting, self.most_rows - self._rows + 1))

    def add(self, make: Callable[[Any], pa.Array], count: int, columns: Sequence[Any]) -> None:
        """Take the columns of so many more rows.

        Raises:
            ValueError: a view without end, long cells, or binary data.
        """
        self._rows += count
        if self._rows > self.most_rows:
            raise ValueError(
                f"more than the {self.most_rows:,} rows that JAXMARGIN_MOST_TABLE_BYTES allows"
            )
        for name, parts, column in zip(self._header, self._parts, columns, strict=True):
            try:
                parts.append(make(column))
            except ValueError as error:
                raise ValueError(f"column {name!r}: {error}") from None
            self._bytes += parts[-1].nbytes
        if self._bytes > self.most:
            raise ValueError(
                f"more than the {self.most:,} bytes that JAXMARGIN_MOST_TABLE_BYTES allows"
            )

    def table(self) -> pa.Table:
        """All of it, each column of one type and in one piece."""
        columns = [join_columns(parts or [pa.nulls(0)]) for parts in self._parts]
        return pa.Table.from_arrays(columns, names=list(self._header)).combine_chunks()


@contextmanager
def open_database(url: DatabaseUrl) -> Iterator[AbstractDatabase]:
    """Open a database to read, in one transaction where it has such.

    Raises:
        InvalidInputError: a package or driver is missing, or the kind of database is not known.
        Exception: what the driver raises; show it with `DatabaseUrl.explain` only.
    """
    if url.kind == "duckdb":
        duckdb = load_package("duckdb")
        settings = {
            "enable_external_access": "false",
            "autoinstall_known_extensions": "false",
            "autoload_known_extensions": "false",
            "python_enable_replacements": "false",  # names are tables only, not our variables
        }
        with duckdb.connect(str(url.path), read_only=True, config=settings) as connection:
            connection.execute("BEGIN TRANSACTION")
            yield DuckDatabase(connection)
        return
    engine = sql_engine(url, writes=False)
    try:
        with engine.connect() as connection:
            if url.kind == "postgresql":
                connection.execution_options(  # of this connection itself
                    isolation_level="REPEATABLE READ", postgresql_readonly=True
                )
            if url.kind == "sqlite":
                connection.exec_driver_sql("BEGIN")
            yield SqlDatabase(connection)
    finally:
        engine.dispose()
