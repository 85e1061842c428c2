"""Jobs whose tables are in databases give, bit for bit, what they give from Parquet."""

import hashlib
import json
import runpy
import sqlite3
from pathlib import Path

import duckdb
import pandas as pd
import pytest
from database_servers import PASSWORD
from sql_jobs import fill_duckdb, fill_postgres, fill_sqlite, in_database, source_job

from jaxmargin.errors import InvalidInputError
from jaxmargin.io import parse_source
from jaxmargin.jobs import load_inputs, run_margin
from jaxmargin.jobs._past_run import read_run
from jaxmargin.jobs.run import run_job

pytestmark = pytest.mark.usefixtures("database_password")

NAMES = ("requirements", "components", "states")


@pytest.fixture(scope="module")
def parquet(tmp_path_factory):
    """A job with all its tables in Parquet, and its margins."""
    job = source_job(tmp_path_factory.mktemp("parquet"))
    run_margin(job, job.parent / "results")
    return job


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
    temporary = now.job.book["positions"].parents[1]
    assert temporary.stat().st_mode & 0o777 == 0o700
    assert {path.parents[1] for path in now.job.inputs()[1:]} == {temporary}
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
