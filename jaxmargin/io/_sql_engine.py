"""Opens databases by SQLAlchemy, with packages and drivers that are there only if installed."""

import importlib
import sqlite3
from typing import Any

from jaxmargin.errors import InvalidInputError
from jaxmargin.io._database_url import DatabaseUrl

__all__ = ["load_package", "sql_engine"]

_PATIENCE = 10  # seconds for a server to answer, or for another writer of a file to end


def load_package(name: str) -> Any:
    """An optional package; `InvalidInputError` says how to get it where it is absent."""
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError:
        pass
    raise InvalidInputError(f"{name} is not installed. Give: pip install 'jaxmargin[sql]'")


def sql_engine(url: DatabaseUrl, *, writes: bool) -> Any:
    """A SQLAlchemy engine that keeps no connections and shows no values in errors.

    A SQLite file is opened to be read only, and must be there, unless `writes`; then its
    transactions are real ones, which also hold what creates tables.

    Raises:
        InvalidInputError: the address, its kind of database or its driver cannot be used.
    """
    sqlalchemy = load_package("sqlalchemy")
    problem = f"{url.label}: "
    try:
        address = sqlalchemy.make_url(url.text)
        if address.drivername == "postgresql":  # versions differ in the driver that this means
            address = address.set(drivername="postgresql+psycopg")
        settings: dict[str, Any] = {"poolclass": sqlalchemy.pool.NullPool, "hide_parameters": True}
        if url.kind == "sqlite":
            address = sqlalchemy.make_url("sqlite://")  # the file is opened by `_open_file`
            settings["creator"] = lambda: _open_file(url, writes)
        elif address.drivername == "postgresql+psycopg" and "connect_timeout" not in address.query:
            settings["connect_args"] = {"connect_timeout": _PATIENCE}
        engine = sqlalchemy.create_engine(address, **settings)
    except ModuleNotFoundError as error:
        problem += f"the driver {error.name} is not installed. Install it, or name one in the "
        problem += "address that is, such as postgresql+psycopg://."
    except sqlalchemy.exc.NoSuchModuleError:
        problem += f"{url.kind!r} is no kind of database that SQLAlchemy knows here. Correct it, "
        problem += "or install its dialect."
    except (sqlalchemy.exc.ArgumentError, ValueError):
        problem += "the address cannot be read. Write it as kind://user:${JAXMARGIN_PASSWORD}@host:5432/name."
    else:
        if writes and url.kind == "sqlite":
            sqlalchemy.event.listen(
                engine, "begin", lambda connection: connection.exec_driver_sql("BEGIN IMMEDIATE")
            )
        return engine
    raise InvalidInputError(problem)


def _open_file(url: DatabaseUrl, writes: bool) -> sqlite3.Connection:
    assert url.path is not None
    mode = "rwc" if writes else "ro"
    return sqlite3.connect(
        f"{url.path.resolve().as_uri()}?mode={mode}",
        uri=True,
        isolation_level=None,  # transactions begin where they are begun, not at the first INSERT
        timeout=_PATIENCE,
    )
