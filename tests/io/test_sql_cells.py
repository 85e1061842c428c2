"""Cells of databases keep their exact values, in types that do not follow how they are fetched."""

import sqlite3
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from hashlib import sha256

import duckdb
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import jaxmargin.io._database as database_module
from jaxmargin.io import Problems, parse_source, read_table, table_key, take_snapshots
from jaxmargin.io._cells import as_column, as_text, join_columns
from jaxmargin.io._schema import POSITIONS
from jaxmargin.jobs._keys import ALLOCATION, BOOK, MARKET, SYSTEMIC
from jaxmargin.jobs._scenario_keys import SCENARIOS
from jaxmargin.jobs._types import TABLE

LONG = (12345678901234567891, 12345678901234567892)  # one number in double precision
TIME = datetime(2026, 1, 2, 8, tzinfo=UTC)
EAST = TIME.astimezone(timezone(timedelta(hours=1)))
COLUMNS = [
    ([1, None], pa.int64()),
    ([1, 2.5], pa.float64()),
    ([2**53 + 1, 0.5], pa.string()),
    ([Decimal("0.1"), None], pa.decimal128(38, 1)),
    ([Decimal("0.10"), 7], pa.decimal128(38, 2)),
    ([Decimal("1e70"), Decimal(3)], pa.decimal256(76, 0)),
    ([Decimal("1e70"), Decimal("1e-9")], pa.string()),
    ([Decimal("0.5"), Decimal("NaN")], pa.decimal128(38, 1)),
    ([Decimal("0.5"), Decimal("Infinity")], pa.string()),
    ([Decimal("0.5"), 0.5], pa.string()),
    ([*LONG, -1], pa.decimal128(38, 0)),
    ([True, None], pa.bool_()),
    ([True, 1], pa.string()),
    ([TIME, EAST], pa.timestamp("us", "UTC")),
    ([TIME.replace(tzinfo=None)], pa.timestamp("us")),
    ([TIME.date()], pa.date32()),
    ([1, "x"], pa.string()),
    ([1.0, "x", True, Decimal("2.50"), 1e300, None], pa.string()),
    ([EAST, TIME.replace(tzinfo=None)], pa.string()),
    ([{"a": 1}], pa.string()),
    ([None], pa.null()),
]


@pytest.mark.parametrize(("values", "kind"), COLUMNS, ids=lambda case: str(case)[:40])
def test_a_column_is_the_same_however_many_of_its_values_come_at_once(values, kind):
    whole = join_columns([as_column(values)])
    assert whole.type == kind
    for cut in range(len(values) + 1):
        parts = [as_column(part) for part in (values[:cut], values[cut:])]
        assert join_columns(parts).combine_chunks().equals(whole.combine_chunks()), cut
    singly = join_columns([as_column([value]) for value in values])
    assert singly.combine_chunks().equals(whole.combine_chunks())


def test_equal_numbers_and_times_are_equal_texts():
    for one in (1001, 1001.0, Decimal(1001), Decimal("1001.00"), Decimal("1.001E+3")):
        assert as_text(one) == "1001"
    assert as_text(EAST) == as_text(TIME) == "2026-01-02T08:00:00+00:00"
    assert as_text(LONG[0]) == as_text(Decimal(LONG[0])) == "12345678901234567891"
    assert [as_text(value) for value in (float("nan"), Decimal("NaN"))] == [None, None]
    assert [as_text(value) for value in (Decimal("-0.00"), 0.1, True)] == ["0", "0.1", "True"]


def snapshot(text, folder, place="snapshots", key=POSITIONS.key):
    problems, source = Problems(), parse_source(text, folder)
    files = take_snapshots({source: key}, folder / place, problems)
    return files.get(source), problems.found


def positions(table, path):
    problems = Problems()
    pq.write_table(pa.table(table), path)
    return read_table(path, POSITIONS, problems), problems.found


@pytest.mark.parametrize(
    "accounts",
    [
        pa.array([Decimal(each) for each in LONG], pa.decimal128(38, 0)),
        pa.array([Decimal(each) for each in LONG], pa.decimal256(40, 3)),
        pa.array(LONG, pa.uint64()),
        pa.array([*LONG[:1], None], pa.uint64()),
        pa.array([2**60 + 1, None], pa.int64()),
    ],
    ids=lambda column: str(column.type),
)
def test_long_numbers_that_are_names_stay_apart_in_parquet(accounts, tmp_path):
    rows = {"account": accounts, "instrument": ["x", "x"], "quantity": [1.0, 2.0]}
    table, problems = positions(rows, tmp_path / "p.parquet")
    names = ["" if value is None else str(int(value)) for value in accounts.to_pylist()]
    assert table["account"].tolist() == names
    assert len(problems) == accounts.null_count  # of the blank cell


@pytest.mark.parametrize(
    ("accounts", "names"),
    [([1001.0, 7.0], ["1001", "7"]), ([1001.5, 7.0], None), ([2.0**60, 7.0], None),
     ([float("inf"), 7.0], None)],
)  # fmt: skip
def test_floating_point_is_a_name_only_where_it_is_an_exact_whole_number(accounts, names, tmp_path):
    rows = {"account": accounts, "instrument": ["x", "x"], "quantity": [1.0, 2.0]}
    table, problems = positions(rows, tmp_path / "p.parquet")
    if names is None:
        assert len(problems) == 1 and "column account: a number that is not a name" in problems[0]
    else:
        assert (problems, table["account"].tolist()) == ([], names)


def test_decimals_that_are_numbers_are_the_nearest_doubles(tmp_path):
    values = ["0.1", "-12345678901234567891.5", "1e-18"]
    column = pa.array([Decimal(each) for each in values], pa.decimal128(38, 18))
    rows = {"account": ["a", "b", "c"], "instrument": ["x"] * 3, "quantity": column}
    table, problems = positions(rows, tmp_path / "p.parquet")
    assert problems == [] and table["quantity"].tolist() == [float(each) for each in values]
    assert table["quantity"].dtype == np.float64


@pytest.mark.parametrize("kind", ["HUGEINT", "UBIGINT", "DECIMAL(38, 2)"])
def test_long_numbers_of_a_database_stay_apart(tmp_path, kind):
    with duckdb.connect(str(tmp_path / "b.duckdb")) as database:
        database.execute(f"CREATE TABLE p (account {kind}, instrument TEXT, quantity INTEGER)")
        database.execute(f"INSERT INTO p VALUES ({LONG[1]}, 'x', 2), ({LONG[0]}, 'x', 1)")
    file, found = snapshot("duckdb:///b.duckdb::p", tmp_path)
    problems = Problems()
    table = read_table(file, POSITIONS, problems)
    assert found == problems.found == []
    assert table["account"].tolist() == [str(each) for each in LONG]
    assert table["quantity"].tolist() == [1.0, 2.0]


@pytest.mark.parametrize("kind", ["sqlite", "duckdb"])
def test_binary_data_is_refused_with_its_column(tmp_path, kind):
    connect = sqlite3.connect if kind == "sqlite" else duckdb.connect
    database = connect(str(tmp_path / "book"))
    database.execute("CREATE TABLE p (account BLOB, instrument TEXT, quantity DOUBLE)")
    database.execute("INSERT INTO p VALUES (?, 'x', 1.0)", [b"a"])
    database.commit()
    database.close()
    file, (problem,) = snapshot(f"{kind}:///book::p", tmp_path)
    assert file is None and "column 'account': binary data, not text" in problem


def fill(path, rows):
    with sqlite3.connect(path) as database:
        database.execute("CREATE TABLE positions (account, instrument, quantity)")
        database.executemany("INSERT INTO positions VALUES (?, ?, ?)", rows)
    database.close()


def test_equal_rows_give_the_same_bytes_in_any_order_and_pieces(tmp_path, monkeypatch):
    rows = [("a", i, i / 4) for i in range(120)] + [("b", "x", 2**60 + 1), ("b", 2.5, True)]
    rows += [("b", None, None), ("b", "x", 3)]  # the key does not tell all of them apart
    hashes = set()
    for number, most in enumerate((1, 7, 50_000)):
        for turn in (1, -1):
            folder = tmp_path / f"{number}{turn}"
            folder.mkdir()
            monkeypatch.setattr(database_module, "_ROWS", most)
            fill(folder / "book.db", rows[::turn])
            file, found = snapshot("sqlite:///book.db::positions", folder)
            assert found == []
            hashes.add(sha256(file.read_bytes()).hexdigest())
    assert len(hashes) == 1


def test_equal_rows_in_two_kinds_of_database_are_one_table(tmp_path):
    rows = [("b", "x", 0.1), ("a", "y", -2.5e-17), ("a", "x", 1e300)]
    fill(tmp_path / "book.db", rows)
    with duckdb.connect(str(tmp_path / "b.duckdb")) as database:
        database.execute("CREATE TABLE p (account TEXT, instrument TEXT, quantity DOUBLE)")
        database.executemany("INSERT INTO p VALUES (?, ?, ?)", rows[::-1])
    tables = [
        pq.read_table(snapshot(text, tmp_path, text.partition(":")[0])[0])
        for text in ("sqlite:///book.db::positions", "duckdb:///b.duckdb::p")
    ]
    assert tables[0].replace_schema_metadata(None).equals(tables[1].replace_schema_metadata(None))


def test_every_table_of_a_job_has_columns_that_order_its_rows():
    sections = [MARKET, BOOK, ALLOCATION, SYSTEMIC, *SCENARIOS.values()]
    names = {key for keys in sections for key, rule in keys.items() if rule.type == TABLE}
    assert {"members", "contributions", "volumes", "file", "positions"} <= names
    assert all(table_key(name) for name in names)


@pytest.mark.parametrize("kind", ["sqlite", "duckdb"])
def test_long_cells_are_held_to_the_limit_of_bytes(tmp_path, monkeypatch, kind):
    connect = sqlite3.connect if kind == "sqlite" else duckdb.connect
    database = connect(str(tmp_path / "book"))
    database.execute("CREATE TABLE p (account TEXT, instrument TEXT, quantity DOUBLE)")
    database.execute("INSERT INTO p VALUES (?, 'x', 1.0)", ["a" * 100_000])
    database.commit()
    database.close()
    monkeypatch.setenv("JAXMARGIN_MOST_TABLE_BYTES", "1000")
    file, (problem,) = snapshot(f"{kind}:///book::p", tmp_path)
    assert file is None and "more than the 1,000 bytes that JAXMARGIN_MOST_TABLE" in problem
    assert not (tmp_path / "snapshots").exists()


def test_a_table_without_end_is_fetched_in_pieces(tmp_path, monkeypatch):
    with duckdb.connect(str(tmp_path / "b.duckdb")) as database:
        database.execute("CREATE VIEW p AS SELECT i AS quantity FROM range(1000000000000) t(i)")
    monkeypatch.setenv("JAXMARGIN_MOST_TABLE_BYTES", "80000")
    _, (problem,) = snapshot("duckdb:///b.duckdb::p", tmp_path)
    assert "more than the 10,000 rows that JAXMARGIN_MOST" in problem


def test_numbers_beside_blank_cells_are_read_as_before(tmp_path):
    rows = {"account": ["a", "b"], "instrument": ["x", "x"], "quantity": [1, None]}
    table, problems = positions(rows, tmp_path / "p.parquet")
    assert table["quantity"].tolist()[0] == 1.0 and pd.isna(table["quantity"][1])
    assert len(problems) == 1 and "not a finite number in 1 of 2 rows" in problems[0]
