"""Reads tables and views of databases by name, all of one database as of one moment."""

import abc
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import pyarrow as pa

from jaxmargin.io._cells import as_column, as_plain, join_columns
from jaxmargin.io._database_url import DatabaseUrl
from jaxmargin.io._limits import most_table_bytes
from jaxmargin.io._sql_engine import load_package, sql_engine

__all__ = ["AbstractDatabase", "open_database"]

_ROWS = 50_000  # fetched at a time
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
            ValueError: it has more rows than `most_table_bytes` allows.
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
        parts: list[list[pa.Array]] = [[] for _ in header]
        most, count = _most_rows(len(header)), 0
        for rows in result.partitions(min(_ROWS, most + 1)):
            count += len(rows)
            _require_few(count, most)
            for part, values in zip(parts, zip(*rows, strict=True), strict=True):
                part.append(as_column(values))
        columns = [join_columns(part or [pa.nulls(0)]) for part in parts]
        return pa.Table.from_arrays(columns, names=header)


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
        most = _most_rows(len(relation.columns))
        table = relation.limit(most + 1).to_arrow_table()
        _require_few(table.num_rows, most)
        columns = [as_plain(column) for column in table.columns]
        return pa.Table.from_arrays(columns, names=table.column_names)


def _most_rows(columns: int) -> int:
    return most_table_bytes() // (_BYTES_PER_CELL * max(columns, 1))


def _require_few(count: int, most: int) -> None:
    """Stop at a view without end, or another table."""
    if count > most:
        raise ValueError(f"more than the {most:,} rows that JAXMARGIN_MOST_TABLE_BYTES allows")


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
