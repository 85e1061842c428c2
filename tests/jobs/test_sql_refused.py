"""What a job may not name, what a server refuses, and what types of columns become."""

from pathlib import Path

import pandas as pd
import psycopg
import pytest
from database_servers import PASSWORD, connect
from job_files import edit_text
from sql_jobs import fill_postgres, fill_sqlite, in_database, source_job

from jaxmargin.errors import InvalidInputError
from jaxmargin.io import Problems, parse_source, read_table, take_snapshots
from jaxmargin.io._schema import FORWARDS, POSITIONS
from jaxmargin.jobs import load_inputs

pytestmark = pytest.mark.usefixtures("database_password")


@pytest.fixture(scope="module")
def parquet(tmp_path_factory):
    """A job with all its tables in Parquet."""
    return source_job(tmp_path_factory.mktemp("parquet"))


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
    files = take_snapshots(sources, tmp_path / "inputs", problems)
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
