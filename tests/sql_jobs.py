"""A job whose tables are in databases, and what fills these."""

import sqlite3

import duckdb
import pandas as pd
import sqlalchemy
from database_servers import PASSWORD
from job_files import TABLES, edit_table, edit_text, make_job

from jaxmargin.io import table_key


def source_job(folder):
    """A job with collateral; its rows in the order that snapshots have."""
    job = make_job(folder, accounts=20)
    edit_text(job, 'positions = "positions.parquet"', 'positions = "positions.parquet"\n'
              'collateral = "collateral/posted.parquet"')  # fmt: skip
    for name in TABLES:
        key = list(table_key(name))
        edit_table(job, name, lambda table, key=key: table.sort_values(key, ignore_index=True))
    return job


def in_database(parquet, folder, url):
    """The same job with every margin table in the database at `url`; its tables by name."""
    tables = {name: pd.read_parquet(parquet.parent / path) for name, path in TABLES.items()}
    tables["collateral"] = pd.read_parquet(parquet.parent / "collateral/posted.parquet")
    text = parquet.read_text().partition("[allocation]")[0]
    for name, path in (TABLES | {"collateral": "collateral/posted.parquet"}).items():
        text = text.replace(f'"{path}"', f'"{url}::{name}"')
    job = folder / "job.toml"
    job.write_text(text)
    return job, tables


def as_text(time):
    """A time as SQLite keeps it."""
    return None if pd.isna(time) else time.isoformat()


def fill_sqlite(folder, tables):
    with sqlite3.connect(folder / "book.db") as database:
        for name, table in tables.items():
            times = {c: table[c].map(as_text) for c in table.select_dtypes("datetimetz")}
            rows = table.assign(**times).sample(frac=1.0, random_state=7)
            rows.to_sql(name, database, index=False)
    database.close()


def fill_duckdb(folder, tables):
    with duckdb.connect(str(folder / "book.duckdb")) as database:
        for name, table in tables.items():
            database.register("rows", table.sample(frac=1.0, random_state=7))
            database.execute(f"CREATE TABLE {name} AS SELECT * FROM rows")


def fill_postgres(url, tables):
    port = url.rpartition(":")[2].partition("/")[0]
    engine = sqlalchemy.create_engine(
        sqlalchemy.URL.create(
            "postgresql+psycopg", "risk", PASSWORD, "127.0.0.1", int(port), "postgres"
        )
    )
    for name, table in tables.items():
        table.sample(frac=1.0, random_state=7).to_sql(
            name, engine, index=False, if_exists="replace"
        )
    engine.dispose()
