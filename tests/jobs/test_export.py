"""Results in DuckDB and databases are those in Parquet, each run once, whole or not at all."""

import hashlib
import json
import math
import threading

import duckdb
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import sqlalchemy
from database_servers import PASSWORD, connect
from job_files import edit_text, make_job
from sql_results import TIME, rows_of, small_tables

from jaxmargin.io import append_sql, open_sql_target, write_duckdb
from jaxmargin.jobs import run_margin

pytestmark = pytest.mark.usefixtures("database_password")

TABLES = ("requirements", "components", "states")
RUN = {"run": "a" * 64, "title": 'It\'s a "title"', "valuation_time": TIME, "accounts": 2}


@pytest.fixture(scope="module")
def job(tmp_path_factory):
    """A job with collateral in 20 accounts; run with everything once, in Parquet and DuckDB."""
    job = make_job(tmp_path_factory.mktemp("export"), accounts=20)
    edit_text(job, 'positions = "positions.parquet"', 'positions = "positions.parquet"\n'
              'collateral = "collateral/posted.parquet"')  # fmt: skip
    run_margin(job, job.parent / "results", duckdb=True)
    return job


@pytest.fixture(scope="module")
def results(job):
    """The tables of the run in Parquet."""
    return {name: pd.read_parquet(job.parent / "results" / f"{name}.parquet") for name in TABLES}


@pytest.fixture(scope="module")
def database(job):
    with duckdb.connect(str(job.parent / "results" / "results.duckdb"), read_only=True) as opened:
        yield opened


def test_duckdb_has_every_table_with_its_rows_in_order(database, results):
    for name, table in results.items():
        pd.testing.assert_frame_equal(database.sql(f"FROM {name}").df(), table, check_dtype=False)
    assert database.sql("SELECT accounts, rulebook FROM run").fetchall() == [
        (20, "expected-shortfall")
    ]


def test_the_view_of_accounts_has_their_components_as_columns(database, results):
    wide = results["components"].pivot(index="account", columns="component", values="amount")
    expected = results["requirements"].set_index("account").join(wide).sort_index().reset_index()
    found = database.sql("FROM accounts").df()
    pd.testing.assert_frame_equal(found[expected.columns], expected, check_exact=True)


def test_the_view_of_worst_scenarios_sums_their_accounts(database, results):
    groups = results["requirements"].groupby("worst_scenario")["initial"]
    found = database.sql("FROM worst_scenarios").df().set_index("worst_scenario")
    assert found["accounts"].to_dict() == groups.size().to_dict()
    for name, initial in groups:
        assert math.isclose(found.loc[name, "initial"], math.fsum(initial), rel_tol=1e-15)
    assert found["initial"].is_monotonic_decreasing


def test_the_view_of_largest_margins_has_shares_that_reach_one(database, results):
    ordered = results["requirements"].sort_values(["initial", "account"], ascending=[False, True])
    found = database.sql("FROM largest_margins").df()
    assert found["account"].tolist() == ordered["account"].tolist()
    assert found["rank"].tolist() == list(range(1, 21))
    share = ordered["initial"].to_numpy() / math.fsum(ordered["initial"])
    np.testing.assert_allclose(found["share"], share, rtol=1e-14)
    np.testing.assert_allclose(found["cumulative_share"], np.cumsum(share), rtol=1e-13)


def test_the_view_of_accounts_short_is_what_their_equity_misses(database, results):
    states = results["states"]
    short = states[states["equity"] < states["initial"]]
    missing = (short["initial"] - short["equity"]).set_axis(short["account"])
    found = database.sql("FROM accounts_short").df().set_index("account")
    assert 0 < len(short) < 20
    pd.testing.assert_series_equal(
        found["missing"].sort_index(), missing.sort_index(), check_names=False, check_exact=True
    )
    assert found["missing"].is_monotonic_decreasing
    status = database.sql("SELECT status, accounts FROM account_status").fetchall()
    assert dict(status) == states["status"].value_counts().to_dict()


def test_duckdb_takes_hostile_names_and_parts_and_a_failure_leaves_the_old_file(tmp_path):
    places, tables = small_tables(tmp_path / "parts", parts=2)
    file = tmp_path / "results.duckdb"
    assert write_duckdb(places, file, run=RUN) == ["accounts", "worst_scenarios", "largest_margins"]
    with duckdb.connect(str(file), read_only=True) as opened:
        for name, table in tables.items():
            found = opened.sql(f"FROM {name}").to_arrow_table()
            assert found.cast(table.schema).equals(table)
        assert opened.sql("SELECT title FROM run").fetchall() == [(RUN["title"],)]
        query = 'SELECT account, "it\'s ""x""", "Account_2" FROM accounts'
        wide = opened.sql(query).fetchall()
        assert wide == [("a'; DROP TABLE x; --", float("inf"), None), ('Ω"b', None, None)]
    before = file.read_bytes()
    part = places["components"] / "part-00001.parquet"
    part.write_bytes(part.read_bytes()[:-20])
    with pytest.raises((OSError, pa.ArrowInvalid)):
        write_duckdb(places, file, run=RUN)
    assert file.read_bytes() == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["parts", "results.duckdb"]


@pytest.fixture(params=["sqlite", "postgresql"])
def target(request, tmp_path):
    """The address of an empty database."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/runs.db"
    url = request.getfixturevalue("postgres")
    with connect(url, autocommit=True) as opened:
        opened.execute("DROP SCHEMA public CASCADE; CREATE SCHEMA public")
    return url


def test_rows_keep_their_values_and_a_second_append_adds_none(target, tmp_path):
    places, tables = small_tables(tmp_path / "small")
    url = open_sql_target(target, tmp_path)
    assert append_sql(url, RUN, places) == 6
    assert append_sql(url, RUN, places) is None
    assert append_sql(url, RUN | {"run": "b" * 64}, places) == 6
    for name, table in tables.items():
        expected = [tuple(row.values()) for row in table.to_pylist()]
        found = [row[1:] for row in rows_of(target, name, f"run = '{RUN['run']}'")]
        if target.startswith("sqlite") and name == "safeguards_state":  # times are text there
            expected = [(*row[:-1], row[-1] and row[-1].isoformat()) for row in expected]
        assert found == expected
    runs = rows_of(target, "runs")
    assert [row[0] for row in runs] == ["a" * 64, "b" * 64]
    assert runs[0][1] == RUN["title"] and runs[0][3] == 2


def test_an_append_that_fails_midway_leaves_nothing(target, tmp_path):
    places, _ = small_tables(tmp_path / "small", parts=2)
    part = places["safeguards_state"] / "part-00001.parquet"  # of the last table
    spoiled = bytearray(part.read_bytes())
    spoiled[4:40] = b"x" * 36
    part.write_bytes(spoiled)
    url = open_sql_target(target, tmp_path)
    with pytest.raises(OSError, match="cannot be appended, and nothing was") as caught:
        append_sql(url, RUN, places)
    assert PASSWORD not in repr(caught.value) and caught.value.filename == url.label
    engine = sqlalchemy.create_engine(target) if target.startswith("sqlite") else None
    if engine is None:
        with connect(target) as opened:
            query = "SELECT count(*) FROM pg_tables WHERE tablename LIKE 'jaxmargin%'"
            assert opened.execute(query).fetchone() == (0,)
    else:
        assert sqlalchemy.inspect(engine).get_table_names() == []
        engine.dispose()


def test_a_table_of_another_shape_is_refused_whole(target, tmp_path):
    places, _ = small_tables(tmp_path / "small")
    url = open_sql_target(target, tmp_path)
    append_sql(url, RUN, places)
    pq.write_table(pa.table({"account": ["a"], "new": [1.0]}), places["components"])
    with pytest.raises(OSError, match="jaxmargin_components has no column new"):
        append_sql(url, RUN | {"run": "c" * 64}, places)
    assert len(rows_of(target, "runs")) == 1 and len(rows_of(target, "requirements")) == 2


def test_of_two_processes_with_one_run_one_appends(postgres, tmp_path):
    with connect(postgres, autocommit=True) as opened:
        opened.execute("DROP SCHEMA public CASCADE; CREATE SCHEMA public")
    places, _ = small_tables(tmp_path / "small")
    url = open_sql_target(postgres, tmp_path)
    append_sql(url, RUN, places)
    with connect(postgres) as opened:  # as another process in the midst of its append
        opened.execute(
            "INSERT INTO jaxmargin_runs SELECT %s, title, valuation_time, accounts "
            "FROM jaxmargin_runs", ["d" * 64],
        )  # fmt: skip
        found = []
        late = threading.Thread(
            target=lambda: found.append(append_sql(url, RUN | {"run": "d" * 64}, places))
        )
        late.start()
        late.join(0.5)
        assert late.is_alive()  # it waits for the other
    late.join(30)
    assert found == [None]
    assert len(rows_of(postgres, "requirements")) == 2


def test_of_two_runs_that_are_first_at_once_both_are_appended(postgres, tmp_path):
    with connect(postgres, autocommit=True) as opened:
        opened.execute("DROP SCHEMA public CASCADE; CREATE SCHEMA public")
    places, _ = small_tables(tmp_path / "small")
    url = open_sql_target(postgres, tmp_path)
    append_sql(url, RUN, places)
    with connect(postgres, autocommit=True) as opened:
        opened.execute("CREATE SCHEMA kept; ALTER TABLE jaxmargin_runs SET SCHEMA kept")
    with connect(postgres) as opened:  # as another process that makes the table just now
        opened.execute("CREATE TABLE jaxmargin_runs AS SELECT * FROM kept.jaxmargin_runs")
        found = []
        late = threading.Thread(
            target=lambda: found.append(append_sql(url, RUN | {"run": "e" * 64}, places))
        )
        late.start()
        late.join(0.5)
        assert late.is_alive()  # it waits for the other, and would make the table too
    late.join(30)
    assert found == [6]
    assert sorted(row[0][0] for row in rows_of(postgres, "runs")) == ["a", "e"]
    with connect(postgres, autocommit=True) as opened:
        opened.execute("DROP SCHEMA kept CASCADE")


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("duckdb:///runs.duckdb", "--sql: duckdb:///runs.duckdb is a DuckDB file. Give --duckdb"),
        ("sqlite:///none/runs.db", "there is no folder"),
        ("postgresql://me:hidden@127.0.0.1:1/db", "postgresql://me:***@127.0.0.1:1/db cannot be"),
        (
            "postgresql://me:${JAXMARGIN_NOT_SET}@h/db",
            "environment variable JAXMARGIN_NOT_SET is not set",
        ),
        ("results.db", "--sql: not the address of a database"),
    ],
)
def test_a_database_that_cannot_take_results_is_said_before_anything_is_computed(
    run_command, job, tmp_path, address, said, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    code, out, error = run_command("margin", job, "--out", tmp_path / "out", "--sql", address)
    assert (code, out) == (2, "") and said in " ".join(error.split())
    assert "hidden" not in error and list(tmp_path.iterdir()) == []


def test_the_command_writes_both_and_the_run_is_the_same_when_run_again(
    run_command, job, results, tmp_path
):
    url = f"sqlite:///{tmp_path}/runs.db"
    words = ("margin", job, "--out", tmp_path / "out", "--duckdb", "--sql", url)
    for time in range(2):
        code, out, error = run_command(*words)
        assert code == 0, error
        said = " ".join(out.split())
        assert "results.duckdb has views accounts, worst_scenarios" in said
        assert ("was there already" if time else "rows of run") in said
    assert len(rows_of(url, "requirements")) == len(rows_of(url, "states")) == 20
    exact = [row[1:] for row in rows_of(url, "requirements")]
    expected = results["requirements"].itertuples(index=False, name=None)
    assert exact == list(expected)
    manifest = json.loads(rows_of(url, "runs")[0][-1])
    file = tmp_path / "out" / "requirements.parquet"
    assert manifest["counts"]["accounts"] == 20
    assert hashlib.sha256(file.read_bytes()).digest() == hashlib.sha256(
        (job.parent / "results" / "requirements.parquet").read_bytes()
    ).digest()  # fmt: skip
    code, out, error = run_command("margin", job, "--out", tmp_path / "out")
    assert code == 0 and "results.duckdb is of an earlier run" in " ".join((out + error).split())
