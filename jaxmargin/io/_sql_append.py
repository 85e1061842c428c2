"""Appends results to tables of a database: all in one transaction, and each run once."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa

from jaxmargin.errors import InvalidInputError
from jaxmargin.io._database_url import DatabaseUrl, open_url
from jaxmargin.io._duckdb import read_batches
from jaxmargin.io._problems import Problems
from jaxmargin.io._sql_engine import sql_engine

__all__ = ["append_sql", "open_sql_target"]

_RUNS = "jaxmargin_runs"
_TABLE = "jaxmargin_"  # begins the names of all tables
_KEY = "run"  # column of every table: the identity of the run


def open_sql_target(address: str, folder: Path) -> DatabaseUrl:
    """The database that results are to be appended to, once it is known to answer.

    Args:
        address: any URL of SQLAlchemy, with `${JAXMARGIN_NAME}` for environment variables.
        folder: that the path of a database file counts from.

    Raises:
        InvalidInputError: it cannot be used, and why.
    """
    problems, where = Problems(), "--sql"
    url = open_url(address, folder, where, problems)
    problems.raise_if_any()
    assert url is not None
    if url.kind == "duckdb":
        raise InvalidInputError(
            f"{where}: {url.label} is a DuckDB file. Give --duckdb for results in one."
        )
    if url.path is not None:  # a file is made when there is something to append
        if not url.path.parent.is_dir():
            raise InvalidInputError(f"{where}: there is no folder {url.path.parent}. Make it.")
        return url
    engine, problem = sql_engine(url, writes=True), None
    try:
        with engine.connect():
            return url
    except Exception as error:  # drivers have no common base class
        problem = url.explain(error)
    finally:
        engine.dispose()
    raise InvalidInputError(
        f"{where}: {url.label} cannot be reached ({problem}). Check the address and the server."
    )


def append_sql(url: DatabaseUrl, run: Mapping[str, Any], tables: Mapping[str, Path]) -> int | None:
    """Append a run to the tables `jaxmargin_runs` and `jaxmargin_<name>`, which are made if absent.

    One transaction holds all of it, so that readers see the run whole or not at all. (Databases
    that end a transaction at CREATE TABLE, such as MySQL, may keep new tables without rows.) Every
    table has the columns of the results and `run`. Blank cells become NULL; SQLite has no times,
    so that they are text in UTC there.

    Args:
        url: see `open_sql_target`.
        run: the row of `jaxmargin_runs`: texts, whole numbers, times; `run` is its key.
        tables: a Parquet file, or a folder of parts of one, for each name.

    Returns:
        Rows appended; None if the database has the run already, which is left as it is.

    Raises:
        OSError: they cannot be appended, and nothing was; its `filename` is the database.
    """
    engine, names = sql_engine(url, writes=True), {_RUNS, *(f"{_TABLE}{name}" for name in tables)}
    problem = ""
    try:
        for _ in range(2):
            absent = names - _there(engine)
            try:
                with engine.begin() as connection:
                    return _append(connection, dict(run), tables)
            except InvalidInputError as error:
                problem = error.problems[0]
            except Exception as error:  # drivers have no common base class
                if _has_run(engine, run[_KEY]):  # another process was faster
                    return None
                problem = f"the results cannot be appended, and nothing was ({url.explain(error)})"
                if absent & _there(engine):  # it made tables that were about to be made here too
                    continue
            break
    finally:
        engine.dispose()
    raise OSError(None, problem, url.label)


def _append(connection: Any, run: dict[str, Any], tables: Mapping[str, Path]) -> int | None:
    import sqlalchemy as sa

    sqlite, metadata = connection.dialect.name == "sqlite", sa.MetaData()
    there = set(sa.inspect(connection).get_table_names())
    row = pa.table({name: [value] for name, value in run.items()})
    runs = _table(sa, metadata, _RUNS, row.schema, sqlite, is_key=True)
    opened = {name: read_batches(place) for name, place in tables.items()}
    targets = {
        name: _table(sa, metadata, f"{_TABLE}{name}", schema, sqlite)
        for name, (schema, _) in opened.items()
    }
    for target in (runs, *targets.values()):
        if target.name in there:
            _require_columns(sa, connection, target)
        else:
            target.create(connection)
    if connection.execute(sa.select(runs.c[_KEY]).where(runs.c[_KEY] == run[_KEY])).first():
        return None
    connection.execute(runs.insert(), _rows(row, sqlite))
    count, insert = 0, _copy if connection.dialect.driver == "psycopg" else _insert
    for name, (_, batches) in opened.items():
        for batch in batches:
            rows = [{_KEY: run[_KEY], **cells} for cells in _rows(batch, sqlite)]
            if rows:
                insert(connection, targets[name], rows)
            count += len(rows)
    return count


def _insert(connection: Any, target: Any, rows: list[dict[str, Any]]) -> None:
    connection.execute(target.insert(), rows)


def _copy(connection: Any, target: Any, rows: list[dict[str, Any]]) -> None:
    """Insert by COPY of PostgreSQL, which takes a fraction of the time."""
    table, *columns = ('"' + name.replace('"', '""') + '"' for name in (target.name, *rows[0]))
    query = f"COPY {table} ({', '.join(columns)}) FROM STDIN"
    with connection.connection.cursor() as cursor, cursor.copy(query) as stream:
        for row in rows:
            stream.write_row(tuple(row.values()))


def _table(
    sa: Any, metadata: Any, name: str, schema: pa.Schema, sqlite: bool, *, is_key: bool = False
) -> Any:
    """The table of a schema, with its key in front."""
    key = sa.Column(_KEY, sa.String(64), primary_key=is_key, nullable=False, index=not is_key)
    others = [field for field in schema if field.name != _KEY]
    return sa.Table(
        name, metadata, key, *(sa.Column(f.name, _type(sa, f.type, sqlite)) for f in others)
    )


def _type(sa: Any, kind: pa.DataType, sqlite: bool) -> Any:
    if pa.types.is_dictionary(kind):
        return _type(sa, kind.value_type, sqlite)
    if pa.types.is_boolean(kind):
        return sa.Boolean()
    if pa.types.is_integer(kind):
        return sa.BigInteger()
    if pa.types.is_floating(kind):
        return sa.Double()
    if pa.types.is_timestamp(kind) and not sqlite:
        return sa.DateTime(timezone=kind.tz is not None)
    return sa.Text()


def _rows(batch: Any, sqlite: bool) -> list[dict[str, Any]]:
    rows = batch.to_pylist()
    times = [field.name for field in batch.schema if pa.types.is_timestamp(field.type)]
    for name in times if sqlite else ():
        for row in rows:
            row[name] = None if row[name] is None else row[name].isoformat()
    return rows


def _require_columns(sa: Any, connection: Any, target: Any) -> None:
    there = {column["name"] for column in sa.inspect(connection).get_columns(target.name)}
    absent = [column.name for column in target.columns if column.name not in there]
    if absent:
        raise InvalidInputError(
            f"table {target.name} has no column {', '.join(absent)}, and nothing was appended. "
            "It is of another version: add the column, or give the table another name"
        )


def _has_run(engine: Any, run: str) -> bool:
    """Whether the database has the run now."""
    import sqlalchemy as sa

    table = sa.table(_RUNS, sa.column(_KEY))
    try:
        with engine.connect() as connection:
            found = connection.execute(sa.select(table.c[_KEY]).where(table.c[_KEY] == run))
            return found.first() is not None
    except Exception:  # it cannot be asked
        return False


def _there(engine: Any) -> set[str]:
    """Names of the tables that the database has now; none if it cannot be asked."""
    import sqlalchemy as sa

    try:
        with engine.connect() as connection:
            return set(sa.inspect(connection).get_table_names())
    except Exception:  # the append says why
        return set()
