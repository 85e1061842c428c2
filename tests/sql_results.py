"""Small tables of results, and what a database has of them."""

import sqlite3

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from database_servers import connect

TIME = pd.Timestamp("2026-01-02T08:00:00Z").to_pydatetime()


def small_tables(folder, parts=1):
    """Three tables of two accounts, with every kind of cell; each in so many files."""
    folder.mkdir(exist_ok=True)
    tables = {
        "requirements": pa.table(
            {"account": ["a'; DROP TABLE x; --", "Ω\"b"], "initial": [0.1, 1e300],
             "maintenance": [0.1 + 0.2, 5e-324], "worst_scenario": ["%s :x", None]}
        ),
        "components": pa.table(
            {"account": ["a'; DROP TABLE x; --", "Ω\"b"], "component": ["it's \"x\"", "Account"],
             "amount": [float("inf"), None]}
        ),
        "safeguards_state": pa.table(
            {"account": ["a'; DROP TABLE x; --", "Ω\"b"], "held": [True, None], "days": [3, None],
             "since": pa.array([TIME, None], pa.timestamp("us", "UTC"))}
        ),
    }  # fmt: skip
    for name, table in tables.items():
        path = folder / f"{name}.parquet"
        if parts == 1:
            pq.write_table(table, path)
        else:
            path.mkdir()
            for part in range(parts):
                pq.write_table(table.slice(part, 1), path / f"part-{part:05d}.parquet")
    return {name: folder / f"{name}.parquet" for name in tables}, tables


def rows_of(url, name, where="1 = 1"):
    """Rows of a table that was appended to, as Python values."""
    if url.startswith("sqlite"):
        with sqlite3.connect(url.removeprefix("sqlite:///")) as opened:
            found = opened.execute(f"SELECT * FROM jaxmargin_{name} WHERE {where}").fetchall()
        opened.close()
        return found
    with connect(url) as opened:
        return opened.execute(f"SELECT * FROM jaxmargin_{name} WHERE {where}").fetchall()
