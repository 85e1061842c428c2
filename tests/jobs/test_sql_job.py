"""Jobs whose tables are in databases give, bit for bit, what they give from Parquet."""

import hashlib
import json
import runpy
import sqlite3
from pathlib import Path

import duckdb
import pandas as pd
import psycopg
import pytest
import sqlalchemy
from database_servers import PASSWORD, connect, postgres_server
from job_files import TABLES, edit_table, edit_text, make_job

from jaxmargin.errors import InvalidInputError
from jaxmargin.io import parse_source, table_key
from jaxmargin.jobs import load_inputs, run_margin
from jaxmargin.jobs._past_run import read_run
from jaxmargin.jobs.run import run_job

NAMES = ("requirements", "components", "states")


@pytest.fixture(scope="module")
def postgres():
    with postgres_server() as url:
        yield url


@pytest.fixture(autouse=True)
def _password(monkeypatch):
    monkeypatch.setenv("JAXMARGIN_TEST_PASSWORD", PASSWORD)


def source_job(folder):
    """A job with collateral; its rows in the order that snapshots have."""
    job = make_job(folder, accounts=20)
    edit_text(job, 'positions = "positions.parquet"', 'positions = "positions.parquet"\n'
              'collateral = "collateral/posted.parquet"')  # fmt: skip
    for name in TABLES:
        key = list(table_key(name))
        edit_table(job, name, lambda table, key=key: table.sort_values(key, ignore_index=True))
    return job


@pytest.fixture(scope="module")
def parquet(tmp_path_factory):
    """A job with all its tables in Parquet, and its margins."""
    job = source_job(tmp_path_factory.mktemp("parquet"))
    run_margin(job, job.parent / "results")
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


def same_bytes(one, other):
    for name in NAMES:
        hashes = [
            hashlib.sha256((job.parent / "results" / f"{name}.parquet").read_bytes()).hexdigest()
            for job in (one, other)
        ]
        assert hashes[0] == hashes[1], name


@pytest.mark.parametrize("kind", ["sqlite", "duckdb", "postgresql"])
def test_margins_from_a_database_have_the_bytes_of_those_from_parquet(
    parquet, tmp_path, kind, request
):
    if kind == "postgresql":
        url = request.getfixturevalue("postgres")
        job, tables = in_database(parquet, tmp_path, url)
        fill_postgres(url, tables)
    else:
        url, fill = {
            "sqlite": ("sqlite:///book.db", fill_sqlite),
            "duckdb": ("duckdb:///book.duckdb", fill_duckdb),
        }[kind]
        job, tables = in_database(parquet, tmp_path, url)
        fill(tmp_path, tables)
    result = run_margin(job, tmp_path / "results")
    same_bytes(job, parquet)
    if kind == "sqlite":  # a later command finds the database as it was, or says that it is not
        read_run(tmp_path / "results")
        with sqlite3.connect(tmp_path / "book.db") as database:
            database.execute("DELETE FROM positions WHERE rowid = 1")
        database.close()
        with pytest.raises(InvalidInputError) as caught:
            read_run(tmp_path / "results")
        said = "sqlite:///book.db::positions: not the SHA-256 that manifest.json states"
        assert [problem.partition(". ")[0] for problem in caught.value.problems] == [said]
    manifest = json.loads((tmp_path / "results" / "manifest.json").read_text())
    assert manifest == json.loads(json.dumps(result.manifest))
    shown = url.replace("${JAXMARGIN_TEST_PASSWORD}", "***")
    assert manifest["settings"]["book"]["positions"] == f"{shown}::positions"
    files = [entry["file"] for entry in manifest["inputs"]]
    assert files[0] == "job.toml" and len(files) == 8
    assert all(file.endswith(".parquet") and f"@{kind}-" in file for file in files[1:])
    everything = "".join(path.read_text("latin-1") for path in (tmp_path / "results").iterdir())
    assert PASSWORD not in everything and "/tmp" not in json.dumps(manifest["settings"])


def test_snapshots_in_a_folder_are_the_input_from_then_on(parquet, tmp_path):
    job, tables = in_database(parquet, tmp_path, "sqlite:///book.db")
    fill_sqlite(tmp_path, tables)
    first = load_inputs(job, snapshots=tmp_path / "inputs")
    with sqlite3.connect(tmp_path / "book.db") as database:
        database.execute("DELETE FROM positions WHERE rowid = 1")
    database.close()
    again = load_inputs(job, snapshots=tmp_path / "inputs")
    now = load_inputs(job)
    pd.testing.assert_frame_equal(first.book.positions, again.book.positions)
    assert len(now.book.positions) == len(first.book.positions) - 1
    temporary = now.job.book["positions"].parent
    assert temporary.stat().st_mode & 0o777 == 0o700
    assert {path.parent for path in now.job.inputs()[1:]} == {temporary}
    del now
    assert not temporary.exists()
    assert first.job.resolved() == again.job.resolved()


def test_a_run_goes_on_with_the_tables_as_they_were_when_it_began(parquet, tmp_path, run_command):
    job, tables = in_database(parquet, tmp_path, "sqlite:///book.db")
    spoiled = tables["positions"].copy()
    spoiled.loc[4, "quantity"] = None
    fill_sqlite(tmp_path, tables | {"positions": spoiled})
    out = tmp_path / "run"
    with pytest.raises(
        InvalidInputError, match=r"positions@sqlite-book\.db-\w+\.parquet, column q"
    ):
        run_job(job, out, accounts_per_shard=8)
    assert not out.exists()  # so that the next try reads anew
    (tmp_path / "book.db").unlink()
    fill_sqlite(tmp_path, tables)
    run_job(job, out, accounts_per_shard=8)
    run_job(parquet, parquet.parent / "run", accounts_per_shard=8)
    for name in NAMES:
        for shard in range(3):
            part = f"run/{name}.parquet/part-{shard:05d}.parquet"
            assert (tmp_path / part).read_bytes() == (parquet.parent / part).read_bytes()
    with sqlite3.connect(tmp_path / "book.db") as database:
        database.execute("DELETE FROM positions")
    database.close()
    (out / "shards" / "00001.json").unlink()
    words = ("run", job, "--out", out, "--accounts-per-shard", 8, "--duckdb")
    runs = f"sqlite:///{tmp_path}/runs.db"
    code, printed, error = run_command(*words, "--sql", runs)
    assert (code, error.strip()) == (0, "") and "2 were there, 1 computed" in " ".join(
        printed.split()
    )
    found = pd.read_parquet(out / "requirements.parquet")
    with duckdb.connect(str(out / "results.duckdb"), read_only=True) as database:
        both = database.sql("SELECT run, accounts FROM run").fetchall()
        pd.testing.assert_frame_equal(
            database.sql("FROM requirements").df(), found, check_dtype=False
        )
    identity = json.loads((out / "plan.json").read_text())["identity"]
    assert both == [(identity, 20)]
    code, printed, _ = run_command(*words, "--sql", runs)
    assert code == 0 and f"run {identity[:12]} was there already" in " ".join(printed.split())
    with sqlite3.connect(tmp_path / "runs.db") as database:
        query = "SELECT count(*), sum(run = ?) FROM jaxmargin_requirements"
        assert database.execute(query, [identity]).fetchone() == (20, 20)
    database.close()
    assert str(tmp_path) not in (out / "manifest.json").read_text()


def test_a_cell_of_a_database_table_is_named_by_database_table_column_and_row(parquet, tmp_path):
    job, tables = in_database(parquet, tmp_path, "sqlite:///book.db")
    tables["positions"].loc[4, "quantity"] = None
    fill_sqlite(tmp_path, tables)
    with pytest.raises(InvalidInputError) as caught:
        run_margin(job, tmp_path / "results")
    file = parse_source("sqlite:///book.db::positions", tmp_path).file_name
    assert [p.partition(" in ")[0] for p in caught.value.problems] == [
        f"{file}, column quantity: not a finite number"
    ]
    assert "(row 5; " in caught.value.problems[0]
    assert not (tmp_path / "results").exists()


@pytest.mark.parametrize(
    ("old", "new", "parts"),
    [
        ('"sqlite:///book.db::positions"', '"sqlite:///../book.db::positions"',
         ("[book] positions", "outside the folder of the job file")),
        ('"sqlite:///book.db::positions"', '"postgresql://me:hidden@host/db"',
         ("[book] positions", "'postgresql://me:***@host/db' is not a path, or URL::table")),
        ('kind = "expected-shortfall"\nlevel = 0.975\nhorizon_days = 2\nmaintenance_ratio = 0.8',
         'kind = "deribit-pm"\nfile = "postgresql://me:hidden@host/db::rules"',
         ("[rulebook] file", "'postgresql://me:***@host/db::rules' is not a path")),
        ('"sqlite:///book.db::positions"', '["postgresql://me:hidden@host/db::p"]',
         ("an address is not a path, or URL::table",)),
    ],
)  # fmt: skip
def test_addresses_that_a_job_may_not_name_are_refused_without_secrets(
    parquet, tmp_path, old, new, parts, monkeypatch
):
    monkeypatch.delenv("JAXMARGIN_DATA_ROOT", raising=False)
    job, tables = in_database(parquet, tmp_path, "sqlite:///book.db")
    fill_sqlite(tmp_path, tables)
    edit_text(job, old, new)
    with pytest.raises(InvalidInputError) as caught:
        load_inputs(job)
    found = "\n".join(caught.value.problems)
    assert "hidden" not in found and all(part in found for part in parts), found


def chain_of(error):
    """An exception with all that led to it, as text: what a log could show."""
    seen = []
    while error is not None:
        seen.append(repr(error) + str(error) + repr(getattr(error, "orig", "")))
        error = error.__cause__ or error.__context__
    return "\n".join(seen)


def refused(job):
    with pytest.raises(InvalidInputError) as caught:
        load_inputs(job)
    assert len(caught.value.problems) == 1, caught.value.problems
    text = chain_of(caught.value)
    assert PASSWORD not in text and "p%40ss" not in text
    return caught.value.problems[0]


def test_what_a_server_refuses_is_one_line_without_the_password(
    parquet, tmp_path, postgres, monkeypatch
):
    job, tables = in_database(parquet, tmp_path, postgres)
    fill_postgres(postgres, tables)
    with connect(postgres, autocommit=True) as database:
        database.execute("CREATE ROLE reader LOGIN PASSWORD 'reader-word'")
        database.execute("GRANT SELECT ON ALL TABLES IN SCHEMA public TO reader")
        database.execute("REVOKE SELECT ON positions FROM reader")
    edit_text(job, f"{postgres}::positions", f"{postgres}::positionz")
    assert "no table or view 'positionz'" in refused(job)
    assert "(did you mean 'positions'?)" in refused(job)
    edit_text(job, "::positionz", "::positions")
    reader = postgres.replace("risk:${JAXMARGIN_TEST_PASSWORD}", "reader:${JAXMARGIN_READER}")
    text = job.read_text().replace(postgres, reader)
    job.write_text(text)
    monkeypatch.delenv("JAXMARGIN_READER", raising=False)
    assert "environment variable JAXMARGIN_READER is not set" in refused(job)
    monkeypatch.setenv("JAXMARGIN_READER", "reader-word")
    said = refused(job)
    assert "reader:***@127.0.0.1" in said and said.count("::positions: ") == 1
    assert "permission denied for table positions" in said
    monkeypatch.setenv("JAXMARGIN_READER", PASSWORD)
    assert "password authentication failed for user" in refused(job)
    job.write_text(text.replace("reader:${JAXMARGIN_READER}", "reader:reader-wrong"))
    assert "password authentication failed" in refused(job) and "wrong" not in refused(job)
    monkeypatch.setenv("JAXMARGIN_WHOLE", reader.replace("${JAXMARGIN_READER}", "reader-wrong"))
    job.write_text(text.replace(reader, "${JAXMARGIN_WHOLE}"))
    said = refused(job)
    assert said.startswith("${JAXMARGIN_WHOLE}::") and "password authentication failed" in said


def test_types_of_postgresql_are_those_of_parquet(postgres, tmp_path):
    from jaxmargin.io import Problems, parse_source, read_table, take_snapshots
    from jaxmargin.io._schema import FORWARDS, POSITIONS

    with connect(postgres, autocommit=True) as database:
        database.execute('CREATE SCHEMA "desk 1"')
        database.execute(
            'CREATE TABLE "desk 1"."open %s" (account uuid, instrument varchar(20), '
            "quantity numeric(40, 20), extra jsonb, tags text[])"
        )
        database.execute(
            'INSERT INTO "desk 1"."open %s" VALUES '
            "('00000000-0000-0000-0000-00000000000b', 'x', 0.1, '{\"a\": 1}', '{b}'), "
            "('00000000-0000-0000-0000-00000000000a', 'y', 'NaN', NULL, NULL)"
        )
        database.execute(
            "CREATE VIEW pillars AS SELECT 'BTC' AS asset, timestamptz "
            "'2026-03-27 09:00:00.123456+01' AS expiry, 0.1::float8 + 0.2 AS forward, 0 AS rate"
        )
    problems = Problems()
    sources = {
        parse_source(f"{postgres}::{name}", tmp_path): table.key
        for name, table in (("desk 1.open %s", POSITIONS), ("pillars", FORWARDS))
    }
    files = take_snapshots(sources, tmp_path, problems)
    assert problems.found == []
    positions, forwards = files.values()
    table = read_table(positions, POSITIONS, problems)
    assert table["account"].str[-1].tolist() == ["a", "b"]
    assert table["quantity"].tolist()[1] == 0.1 and table["quantity"].isna().tolist() == [
        True,
        False,
    ]
    assert problems.found == [
        f"{positions.name}, column quantity: not a finite number in 1 of 2 rows (row 1; the first "
        "is nan). Give a number."
    ]
    row = read_table(forwards, FORWARDS, problems).iloc[0]
    assert row["expiry"] == pd.Timestamp("2026-03-27T08:00:00.123456Z")
    assert row["forward"] == 0.1 + 0.2
    assert psycopg.pq.version() > 0 and Path(positions).exists()


def test_the_example_of_a_batch_prints_what_its_tables_say(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("JAXMARGIN_EXAMPLE_OUT", str(tmp_path))
    shown = runpy.run_path(str(Path(__file__).parents[2] / "examples" / "10_margin_from_sql.py"))
    printed = capsys.readouterr().out
    results = tmp_path / "batch" / "results"
    states = pd.read_parquet(results / "states.parquet")
    missing = (states["initial"] - states["equity"]).clip(lower=0.0)
    said = f"{(missing > 0.0).sum()} accounts are short of {missing.sum():,.2f} in all."
    assert said in printed
    initial = pd.read_parquet(results / "requirements.parquet")["initial"]
    assert shown["trend"]["accounts"].tolist() == [20]
    assert shown["trend"]["initial"][0] == pytest.approx(initial.sum(), rel=1e-12)
    run_id = json.loads((results / "plan.json").read_text())["identity"][:12]
    assert f"3 shards of run {run_id}" in printed and f"rows of run {run_id}" in printed
