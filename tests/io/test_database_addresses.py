"""What an address of a database may say, and what of the environment it may take."""

import os

import pytest

from jaxmargin.io import Problems, open_url, parse_source

HOST = "postgresql://me@host/db"


def opened(url, folder):
    problems = Problems()
    return open_url(url, folder, "here", problems), problems.found


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://u:${AWS_SECRET_ACCESS_KEY}@evil/db",
        "postgresql://u@${AWS_SECRET_ACCESS_KEY}.evil/db",
        "sqlite:///${AWS_SECRET_ACCESS_KEY}.db",
        "${AWS_SECRET_ACCESS_KEY}",
    ],
)
def test_an_address_takes_no_variable_that_is_not_meant_for_it(tmp_path, monkeypatch, url):
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "word")
    found, problems = opened(url, tmp_path)
    assert found is None
    assert problems == [
        "here: environment variable AWS_SECRET_ACCESS_KEY may not be used in an address. Put its "
        "value into one whose name begins with JAXMARGIN_."
    ]


@pytest.mark.parametrize(
    "option",
    ["hostaddr=10.0.0.1", "passfile=/home/x/.pgpass", "sslkey=key", "read_default_file=/etc/my.cnf",
     "options=-c%20x", "host=/tmp", "plugin=x", "service=x", "sslmode=require&sslmode=disable"],
)  # fmt: skip
@pytest.mark.parametrize("way", ["written", "of a variable"])
def test_options_that_lead_elsewhere_or_load_something_are_refused(
    tmp_path, monkeypatch, option, way
):
    url = f"{HOST}?sslmode=require&{option}"
    if way == "of a variable":
        monkeypatch.setenv("JAXMARGIN_BOOK", url)
        url = "${JAXMARGIN_BOOK}"
    found, (problem,) = opened(url, tmp_path)
    assert found is None
    assert problem.startswith("here: after its question mark, what an address may not have. Give")
    assert option.partition("=")[2] not in problem.partition(". ")[0]


def test_options_that_are_allowed_stay_and_a_certificate_counts_from_the_folder(tmp_path):
    (tmp_path / "ca.pem").write_text("x")
    query = "sslmode=verify-full&sslrootcert=ca.pem&connect_timeout=3&application_name=a%20b"
    found, problems = opened(f"{HOST}?{query}", tmp_path)
    assert problems == [] and found.root_certificate == (tmp_path / "ca.pem").resolve()
    sqlalchemy = pytest.importorskip("sqlalchemy")
    assert dict(sqlalchemy.make_url(found.text).query) == {
        "sslmode": "verify-full", "sslrootcert": os.path.realpath(tmp_path / "ca.pem"),
        "connect_timeout": "3", "application_name": "a b",
    }  # fmt: skip
    found, problems = opened(f"{HOST}?sslrootcert=system", tmp_path)
    assert problems == [] and found.root_certificate is None


@pytest.mark.parametrize("url", ["sqlite:///book.db?mode=rwc", "duckdb:///book.duckdb?x=1"])
def test_a_database_file_has_no_options(tmp_path, url):
    assert "Take it out" in opened(url, tmp_path)[1][0]


def test_a_question_mark_that_may_be_of_a_password_is_refused_without_it(tmp_path):
    found, (problem,) = opened("postgresql://me:s?cret@host/db", tmp_path)
    assert found is None and "Write %3F" in problem and "cret" not in problem


def test_the_kind_of_a_database_file_is_known_in_any_letters(tmp_path):
    found, _ = opened("SQLite:///../book.db", tmp_path)
    assert (found.kind, found.path) == ("sqlite", (tmp_path.parent / "book.db").resolve())


def test_two_sources_have_one_file_only_if_they_look_the_same(tmp_path):
    alike = ["sqlite:///a/b.db::t", "sqlite:///a-b.db::t", "postgresql://u@h/d::t",
             "postgresql://v@h/d::t", "postgresql://h/d::t", "duckdb:///a-b.db::t"]  # fmt: skip
    names = {parse_source(text, tmp_path).file_name for text in alike}
    assert len(names) == len(alike)
    assert parse_source(alike[0], tmp_path).file_name in names
