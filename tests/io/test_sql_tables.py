"""Tables of databases become the same tables that Parquet files give."""

import re
import sqlite3
from hashlib import sha256

import duckdb
import pandas as pd
import pyarrow.parquet as pq
import pytest

from jaxmargin.io import Problems, hide_secrets, is_source, parse_source, read_table, take_snapshots
from jaxmargin.io._schema import HISTORY, POSITIONS

ROWS = [("b", "BTC-SPOT", 0.1), ("a", "ETH-SPOT", -2.5e-17), ("a", "BTC-SPOT", 1e300)]
SORTED = [ROWS[2], ROWS[1], ROWS[0]]  # by account, then instrument
HOSTILE = ['positions"; DROP TABLE kept; --', "a b.c", "Größe'%s:x", "select"]


def make_sqlite(folder, name="positions", rows=ROWS, kinds="account TEXT, instrument, quantity"):
    quoted = '"' + name.replace('"', '""') + '"'
    with sqlite3.connect(folder / "book.db") as database:
        database.execute(f"CREATE TABLE {quoted} ({kinds})")
        database.executemany(f"INSERT INTO {quoted} VALUES (?, ?, ?)", rows)
    database.close()
    return f"sqlite:///book.db::{name}"


def make_duckdb(folder, name="positions", rows=ROWS):
    quoted = '"' + name.replace('"', '""') + '"'
    with duckdb.connect(str(folder / "book.duckdb")) as database:
        database.execute(f"CREATE TABLE {quoted} (account TEXT, instrument TEXT, quantity DOUBLE)")
        database.executemany(f"INSERT INTO {quoted} VALUES (?, ?, ?)", rows)
    return f"duckdb:///book.duckdb::{name}"


BOTH = pytest.mark.parametrize("make", [make_sqlite, make_duckdb], ids=["sqlite", "duckdb"])


def snapshot(text, folder, table=POSITIONS):
    """The file of a source, and its problems."""
    problems, source = Problems(), parse_source(text, folder)
    place = folder / "snapshots" / sha256(text.encode()).hexdigest()[:8]
    files = take_snapshots({source: table.key}, place, problems)
    return files.get(source), problems.found


def only_problem(text, folder, *parts):
    file, found = snapshot(text, folder)
    assert file is None and len(found) == 1, found
    assert "\n" not in found[0]
    for part in parts:
        assert part in found[0], found[0]


@BOTH
def test_a_table_is_sorted_by_its_key_and_keeps_every_bit_of_its_numbers(tmp_path, make):
    file, found = snapshot(make(tmp_path), tmp_path)
    assert found == []
    assert pq.read_table(file).to_pydict() == {
        "account": [row[0] for row in SORTED],
        "instrument": [row[1] for row in SORTED],
        "quantity": [row[2] for row in SORTED],
    }


@BOTH
@pytest.mark.parametrize("name", HOSTILE)
def test_names_of_tables_are_never_sql(tmp_path, make, name):
    make(tmp_path, "kept")
    file, found = snapshot(make(tmp_path, name), tmp_path)
    assert found == [] and pq.read_table(file).num_rows == 3
    assert file.parent.parent == tmp_path / "snapshots"
    kept, _ = snapshot(make.__name__.replace("make_", "") + ":///book." + (
        "db" if make is make_sqlite else "duckdb") + "::kept", tmp_path)  # fmt: skip
    assert pq.read_table(kept).num_rows == 3


@BOTH
def test_a_name_that_is_not_listed_is_refused_with_the_nearest_one(tmp_path, make):
    url = make(tmp_path).replace("::positions", "::position")
    only_problem(url, tmp_path, "no table or view 'position'", "(did you mean 'positions'?)")
    only_problem(f"{url}s; DROP TABLE positions", tmp_path, "no table or view")
    assert snapshot(f"{url}s", tmp_path)[0] is not None


@BOTH
def test_null_and_not_a_number_are_blank_and_infinity_is_no_number_as_in_parquet(tmp_path, make):
    odd = [("a", "x", None), ("b", "x", float("inf")), (None, "x", 1.0), ("d", "x", float("nan"))]
    file, found = snapshot(make(tmp_path, rows=odd), tmp_path)
    assert found == []
    order = [0, 1, 3, 2]  # blanks last
    frame = pd.DataFrame(odd, columns=["account", "instrument", "quantity"]).iloc[order]
    frame.to_parquet(tmp_path / "same.parquet", index=False)
    said = []
    for path in (file, tmp_path / "same.parquet"):
        problems = Problems()
        table = read_table(path, POSITIONS, problems)
        said.append([line.replace(path.name, "FILE") for line in problems.found])
        assert table["account"].tolist() == ["a", "b", "d", ""]
    assert said[0] == said[1] and len(said[0]) == 2
    assert "column quantity: not a finite number in 3 of 4 rows (rows 1, 2, 3" in said[0][1]


def test_the_file_of_a_table_names_database_and_table_but_no_password(tmp_path):
    names = {
        "sqlite:///book.db::positions": "positions@sqlite-book.db-",
        "duckdb:///data/book.duckdb::main.x": "main.x@duckdb-data-book.duckdb-",
        "postgresql+psycopg://me:secret@db.example.org:5432/risk?x=1::positions":
            "positions@postgresql-db.example.org-5432-risk-",
        "${BOOK}::positions": "positions@BOOK-",
        "sqlite:///book.db::a/../b": "a%2F..%2Fb@sqlite-book.db-",
    }  # fmt: skip
    for text, name in names.items():
        found = parse_source(text, tmp_path).file_name
        assert is_source(text) and re.fullmatch(re.escape(name) + r"[0-9a-f]{12}\.parquet", found)
    long = parse_source("sqlite:///book.db::" + "é" * 200, tmp_path).file_name
    assert len(long.encode()) < 255 and long.endswith(".parquet")


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("postgresql://me:secret@host/db", "postgresql://me:***@host/db"),
        ("postgresql://me@host/db?password=secret", "postgresql://me@host/db"),
        ("postgresql://host/db?password=secr@t", "postgresql://***"),
        ("postgresql://me:se/cr@et:@host/db", "postgresql://me:***@host/db"),
        ("postgresql://me:s?cret@host/db", "postgresql://***"),
        ("postgresql://me:${PASSWORD}@host/db", "postgresql://me:***@host/db"),
        ("sqlite:///book.db", "sqlite:///book.db"),
        ("${DATABASE}", "${DATABASE}"),
        ("secret", "***"),
    ],
)
def test_an_address_is_shown_without_password_and_query(url, shown):
    assert hide_secrets(url) == shown


def test_a_variable_that_is_not_set_is_one_clear_line_each(tmp_path, monkeypatch):
    monkeypatch.delenv("JAXMARGIN_NO_USER", raising=False)
    monkeypatch.setenv("JAXMARGIN_EMPTY", "")
    _, found = snapshot(
        "postgresql://${JAXMARGIN_NO_USER}:${JAXMARGIN_EMPTY}@localhost/x::t", tmp_path
    )
    assert [line.partition(": ")[2] for line in found] == [
        f"environment variable {name} is not set. Set it, as the address needs it."
        for name in ("JAXMARGIN_EMPTY", "JAXMARGIN_NO_USER")
    ]


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("sqlite:///none.db::t", ("there is no file", "none.db", "counts from the job's folder")),
        ("duckdb:///none.duckdb::t", ("there is no file",)),
        ("sqlite://::t", ("no database file", "sqlite:///file.db")),
        ("sqlite:///:memory:::t", ("no database file",)),
        ("nonsense://host/db::t", ("'nonsense' is no kind of database",)),
        (
            "mysql://me:hidden@localhost/db::t",
            ("driver MySQLdb is not installed", "mysql://me:***"),
        ),
        ("postgresql://me:hidden@localhost:port/db::t", ("the address cannot be read",)),
        ("postgresql://me:hidden@127.0.0.1:1/db::t", ("cannot be read", "127.0.0.1", "port 1")),
        ("sqlite:///text.db::t", ("cannot be read (file is not a database)",)),
        ("duckdb:///text.db::t", ("cannot be read (IO Error",)),
    ],
)
def test_a_database_that_cannot_be_read_is_one_clear_line(tmp_path, text, parts):
    (tmp_path / "text.db").write_text("This is no database. " * 100)
    only_problem(text, tmp_path, *parts)
    assert "hidden" not in str(snapshot(text, tmp_path))
    assert not (tmp_path / "none.db").exists()  # drivers would make it


def test_a_missing_package_names_the_extra(tmp_path, monkeypatch):
    import sys

    make_sqlite(tmp_path), make_duckdb(tmp_path)
    for name, text in (("sqlalchemy", "sqlite:///book.db"), ("duckdb", "duckdb:///book.duckdb")):
        monkeypatch.setitem(sys.modules, name, None)
        only_problem(f"{text}::positions", tmp_path, f"{name} is not installed", "jaxmargin[sql]")


def test_sqlite_is_read_whatever_its_cells_hold(tmp_path):
    rows = [("a", "x", "1,5"), ("b", 7, 2), ("c", "z", 3.5)]
    file, _ = snapshot(make_sqlite(tmp_path, rows=rows), tmp_path)
    problems = Problems()
    table = read_table(file, POSITIONS, problems)
    assert table["instrument"].tolist() == ["x", "7", "z"]
    assert problems.found == [
        f"{file.name}, column quantity: not a finite number in 1 of 3 rows "
        "(row 1; the first is '1,5'). Give a number."
    ]


def test_times_as_text_are_read_as_in_csv(tmp_path):
    rows = [("2026-01-02T08:00:00Z", "BTC", 1.0), ("2026-01-03T09:00:00+01:00", "BTC", 2.0)]
    text = make_sqlite(tmp_path, "history", rows, "time, asset, close")
    file, _ = snapshot(text, tmp_path, HISTORY)
    problems = Problems()
    table = read_table(file, HISTORY, problems)
    assert problems.found == []
    assert table["time"].tolist() == [pd.Timestamp(f"2026-01-0{day}T08:00Z") for day in (2, 3)]


def test_a_snapshot_stays_when_the_database_moves_on_and_needs_it_no_more(tmp_path):
    text = make_sqlite(tmp_path)
    file, _ = snapshot(text, tmp_path)
    before = file.read_bytes()
    (tmp_path / "book.db").unlink()
    again, found = snapshot(text, tmp_path)
    assert (again, found) == (file, []) and file.read_bytes() == before
    assert [path.name for path in file.parent.iterdir()] == [file.name]  # nothing half written


def test_the_file_of_another_table_is_not_taken_for_a_snapshot(tmp_path):
    text = make_sqlite(tmp_path)
    file, _ = snapshot(text, tmp_path)
    pd.DataFrame({"account": ["z"]}).to_parquet(file)
    only_problem(text, tmp_path, "no table that stands for sqlite:///book.db::positions, as it was")


def test_a_view_of_duckdb_cannot_read_other_files(tmp_path):
    text = make_duckdb(tmp_path)
    (tmp_path / "secret.csv").write_text("account,instrument,quantity\nx,y,1\n")
    with duckdb.connect(str(tmp_path / "book.duckdb")) as database:
        database.execute(f"CREATE VIEW other AS FROM read_csv('{tmp_path}/secret.csv')")
        database.execute("CREATE VIEW large AS SELECT * FROM positions WHERE quantity > 1")
        database.execute("CREATE SCHEMA desk; CREATE TABLE desk.positions AS FROM large")
    base = text.partition("::")[0]
    only_problem(f"{base}::other", tmp_path, "cannot be read", "disabled")
    for name in ("large", "desk.positions"):
        file, _ = snapshot(f"{base}::{name}", tmp_path)
        assert pq.read_table(file)["account"].to_pylist() == ["a"]


@pytest.mark.parametrize(
    ("make", "name"),
    [(make_sqlite, "positions"), (make_sqlite, "endless"), (make_duckdb, "positions")],
)
def test_a_table_larger_than_the_limit_is_refused(tmp_path, make, name, monkeypatch):
    url, _, _ = make(tmp_path).partition("::")
    endless = """CREATE VIEW endless AS WITH RECURSIVE n(quantity) AS
        (SELECT 1 UNION ALL SELECT quantity + 1 FROM n) SELECT quantity FROM n"""
    if make is make_sqlite:
        with sqlite3.connect(tmp_path / "book.db") as database:
            database.execute(endless)
        database.close()
    monkeypatch.setenv("JAXMARGIN_MOST_TABLE_BYTES", "48")
    most = 2 if name == "positions" else 6
    only_problem(f"{url}::{name}", tmp_path, f"more than the {most} rows that JAXMARGIN_MOST")
