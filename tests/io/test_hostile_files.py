"""Files that are too large, of another type, or made to mislead: refused before they do harm."""

import gzip
import os
import pickle

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from jaxmargin.errors import InvalidInputError
from jaxmargin.io import Problems, read_json, read_table, read_toml
from jaxmargin.io._schema import POSITIONS

HEAD = "account,instrument,quantity\n"
TIMES = pd.to_datetime(["2026-01-02", "2026-01-03"], utc=True)
ROWS = pd.DataFrame({"account": ["A", "B"], "instrument": ["x", "y"], "quantity": [1.0, -2.0]})


def problem_of(path, read=lambda path, problems: read_table(path, POSITIONS, problems)):
    """The only problem of a file; it names the file."""
    problems = Problems()
    read(path, problems)
    assert len(problems.found) == 1 and path.name in problems.found[0], problems.found
    return problems.found[0]


@pytest.mark.parametrize(
    ("name", "content", "part"),
    [
        ("a.csv", pickle.dumps({"account": "A"}), "it is a pickle"),
        ("a.parquet", pickle.dumps([1.0]), "it is a pickle"),
        ("a.parquet", b"\x93NUMPY\x01\x00", "it is a NumPy array"),
        ("a.csv", b"PK\x03\x04rest", "it is a zip archive"),
        ("a.csv", gzip.compress(HEAD.encode(), mtime=0), "compressed by gzip"),
        ("a.csv", b"PAR1....PAR1", "it is Parquet"),
        ("a.parquet", HEAD.encode(), "no Parquet in it"),
        ("a.csv", HEAD.encode("utf-16"), "bytes of zero"),
        ("a.csv", HEAD.encode() + b"A,\xff,1\n", "invalid UTF8"),
        ("a.csv", b"", "empty"),
        ("a.csv", b"\n\n", "mpty"),
        ("a.csv", (HEAD + "A,x,1").encode(), "no line break after the last row"),
        ("a.csv", (HEAD + 'A,"x,1\n').encode(), "a quote is not closed"),
        ("a.csv", (HEAD + "A,x,1\nB,y\n").encode(), "row 2: Expected 3 columns, got 2"),
        ("a.csv", (HEAD + "A,x,1,9\nB,y,2,9\n").encode(), "Expected 3 columns, got 4"),
        ("a.csv", (HEAD + "A,x,1\n" + "B" * 2**21 + ",y,2\n").encode(), "a row longer than"),
        ("a.csv", ("," * 10_000 + "\n").encode(), "10,001 columns"),
        ("a.npy", b"\x93NUMPY\x01\x00", "Give a file that ends in .parquet or .csv"),
    ],
    ids=lambda value: value if isinstance(value, str) else "content",
)
def test_what_is_no_table_says_what_it_is(tmp_path, name, content, part):
    path = tmp_path / name
    path.write_bytes(content)
    assert part in problem_of(path)


@pytest.mark.parametrize(
    ("column", "cells", "part"),
    [
        ("quantity", [[1.0], [2.0]], "not text, numbers or times: 'quantity' (list"),
        ("quantity", [b"1", b"2"], "'quantity' (binary)"),
        ("note", [{"a": 1}, {"a": 2}], "'note' (struct"),
        ("quantity", [True, False], "not a finite number in 2 of 2 rows"),
        ("quantity", [True, None], "not a finite number in 2 of 2 rows"),
        ("quantity", TIMES, "not a finite number"),
        ("account", [True, False], "truth values or times"),
        ("account", TIMES, "truth values or times"),
        ("account", ["A", "B\x1b[2J"], "a control character in 1 of 2 rows (row 2"),
        ("account", ["A\nerror: forged", "B"], "a control character"),
        ("account", ["A", "B\u2028C"], "a control character"),
    ],
)  # fmt: skip
def test_cells_of_other_types_are_not_taken_for_numbers_or_names(tmp_path, column, cells, part):
    ROWS.assign(**{column: cells}).to_parquet(tmp_path / "a.parquet")
    assert part in problem_of(tmp_path / "a.parquet")


@pytest.mark.parametrize("year", [1, 1899, 2200, 9999])
def test_years_far_from_ours_are_refused(tmp_path, year):
    from jaxmargin.io._schema import HISTORY

    path = tmp_path / "history.csv"
    path.write_text(f"time,asset,close\n{year:04d}-06-01T00:00:00Z,BTC,1\n")
    read = lambda path, problems: read_table(path, HISTORY, problems)  # noqa: E731
    assert "not between 1900 and 2200 in 1 of 1 rows" in problem_of(path, read)


def test_few_bytes_that_stand_for_many_rows_are_refused_by_what_the_file_says(
    tmp_path, monkeypatch
):
    path = tmp_path / "bomb.parquet"
    same = pa.array(np.zeros(1_000_000, np.int8))
    pq.write_table(pa.table(dict.fromkeys((*POSITIONS.key, "quantity"), same)), path)
    assert path.stat().st_size < 20_000
    monkeypatch.setenv("JAXMARGIN_MOST_TABLE_BYTES", "20000000")
    monkeypatch.setattr(pq, "ParquetFile", None)  # its pages are not looked at
    said = problem_of(path)
    assert "too large: 1,000,000 rows, 24,000,000 bytes, above 20,000,000" in said
    assert "set JAXMARGIN_MOST_TABLE_BYTES" in said


def test_one_long_text_that_stands_in_every_row_is_refused_before_it_is_spelled_out(tmp_path):
    path = tmp_path / "bomb.parquet"
    words = pa.DictionaryArray.from_arrays(pa.array(np.zeros(100_000, np.int32)), ["x" * 1_000_000])
    number = pa.array(np.zeros(100_000))
    pq.write_table(
        pa.table({"account": words, "instrument": words, "quantity": number}), path,
        compression="zstd",
    )  # fmt: skip
    assert path.stat().st_size < 100_000
    assert "too large: 200,000,000,000 bytes of text, above 8,589,934,592" in problem_of(path)


def test_a_csv_file_above_the_limit_is_not_read(tmp_path, monkeypatch):
    path = tmp_path / "a.csv"
    path.write_text(HEAD + "A,x,1\n" * 10)
    monkeypatch.setenv("JAXMARGIN_MOST_TABLE_BYTES", "50")
    assert "too large: 88 bytes, above 50" in problem_of(path)


@pytest.mark.parametrize("value", ["many", "-1", "0", "1e9", "9" * 30, "\u0661"])
def test_a_limit_that_is_no_number_is_refused(tmp_path, monkeypatch, value):
    (tmp_path / "a.csv").write_text(HEAD)
    monkeypatch.setenv("JAXMARGIN_MOST_TABLE_BYTES", value)
    with pytest.raises(
        InvalidInputError, match=r"JAXMARGIN_MOST_TABLE_BYTES: .* whole number above 0"
    ):
        read_table(tmp_path / "a.csv", POSITIONS, Problems())


def toml(path, problems):
    return read_toml(path, "job file", problems)


@pytest.mark.parametrize(
    ("text", "part"),
    ids=lambda value: value[:40],
    argvalues=[
        ("a = 1\n" + "#" * 2**20, "larger than 1,048,576 bytes"),
        ("a = " + "[" * 5000, "nested more than 16 deep"),
        ("a = " + "[" * 30 + "]" * 30, "nested more than 16 deep"),
        ("a." * 3000 + "b = 1", "nested more than 16 deep"),
        ("a = " + "9" * 5000, "Exceeds the limit"),
        ("a = 1\na = 2", "Cannot overwrite a value"),
        ("a = 'x", "cannot be read"),
        (b"a = '\xff'", "cannot be read"),
        (b"\x80\x04.", "cannot be read"),
    ],
)
def test_settings_that_are_too_large_deep_or_no_toml_are_refused(tmp_path, text, part):
    path = tmp_path / "job.toml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    assert part in problem_of(path, toml)


@pytest.mark.parametrize(
    ("text", "part"),
    ids=lambda value: value[:40],
    argvalues=[
        ("[" * 100_000, "not JSON"),
        ('{"a": ' + "[" * 80 + "]" * 80 + "}", "at most 64 levels"),
        ('{"a": ' + "9" * 5000 + "}", "Exceeds the limit"),
        ("[1]", "not a JSON object"),
        ("null", "not JSON"),
        ('{"a": ', "not JSON"),
    ],
)
def test_json_that_is_deep_or_no_object_is_refused(tmp_path, text, part):
    path = tmp_path / "answer.json"
    path.write_text(text)
    assert part in problem_of(path, lambda path, problems: read_json(path, "answer", problems))


def test_json_above_the_limit_is_not_parsed(tmp_path, monkeypatch):
    monkeypatch.setattr("jaxmargin.io._json.MOST_JSON_BYTES", 10)
    (tmp_path / "a.json").write_text('{"a": "0123456789"}')
    read = lambda path, problems: read_json(path, "answer", problems)  # noqa: E731
    assert "larger than 10 bytes" in problem_of(tmp_path / "a.json", read)


@pytest.mark.parametrize("kind", ["pipe", "folder", "device"])
def test_only_files_are_read_and_no_pipe_is_waited_for(tmp_path, kind):
    for suffix, read in ((".csv", problem_of), (".toml", lambda path: problem_of(path, toml))):
        path = tmp_path / f"a{suffix}"
        if kind == "pipe":
            os.mkfifo(path)
        elif kind == "folder":
            path.mkdir()
        else:
            path.symlink_to("/dev/zero")
        assert "no such file" in read(path)


def test_a_name_that_is_too_long_is_no_file(tmp_path):
    path = tmp_path / ("a" * 300 + ".csv")
    assert "no such file" in problem_of(path)
    assert "cannot be read (File name too long)" in problem_of(path, toml)


def test_unknown_names_are_listed_up_to_a_thousand_and_the_rest_is_counted():
    problems = Problems()
    known = [f"BTC-{number}" for number in range(2000)]
    problems.add_unknown("a.csv", "instrument", [f"X{n:05d}" for n in range(300)], known, "Cure.")
    assert all(f"'X{number:05d}'" in problems.found[0] for number in range(300))
    problems.add_unknown("a.csv", "instrument", [f"X{n:05d}" for n in range(5000)], known, "Cure.")
    assert "5,000 unknown names" in problems.found[1]
    assert "'X00999' and 4,000 more. Cure." in problems.found[1]
    assert "X01000" not in problems.found[1]


def test_what_a_terminal_would_not_show_as_it_is_stands_escaped_on_one_line():
    error = InvalidInputError(["a.csv: \x1b[2Jcolumn\r\nx \u202e\ud800 é. Cure."])
    assert error.problems == ("a.csv: \\x1b[2Jcolumn\\r\\nx \\u202e\\ud800 é. Cure.",)
    str(error).encode("utf-8")


def test_a_message_is_cut_where_it_is_very_long():
    problems = Problems()
    problems.add("a.toml", "got " + "9" * 100_000, "Cure.")
    assert len(problems.found[0]) < 51_000 and "letters more). Cure." in problems.found[0]
