"""Tables of databases of a run: of one moment, and read anew unless a run began with them."""

import sqlite3
import threading
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq
import pytest
from job_files import edit_text
from watch_jobs import make_watched, watched

import jaxmargin.io._snapshot as snapshot_module
from jaxmargin.errors import InvalidInputError
from jaxmargin.io import Problems, parse_source, take_snapshots
from jaxmargin.jobs.run._inputs import snapshots_of

NAMES = ("accounts", "contracts")
KILLED = (MemoryError, KeyboardInterrupt, OSError, InvalidInputError, SystemExit)


def fill(folder, number):
    """Both tables of the database, which say how often it was written."""
    with sqlite3.connect(folder / "book.db") as database:
        for name in NAMES:
            database.execute(f"DROP TABLE IF EXISTS {name}")
            database.execute(f"CREATE TABLE {name} (number)")
            database.execute(f"INSERT INTO {name} VALUES (?)", [number])
    database.close()


def sources(folder, names=NAMES):
    return {parse_source(f"sqlite:///book.db::{name}", folder): () for name in names}


def read(folder, out, names=NAMES):
    """What the snapshots of a run in the folder `out` say, by table, and problems."""
    problems = Problems()
    files = take_snapshots(sources(folder, names), out / "inputs", problems)
    return [pq.read_table(file)["number"][0].as_py() for file in files.values()], problems.found


def begin(out, act, error):
    """Begin a run that does something and then fails."""
    with snapshots_of(out):
        act()
        raise error("x")


@pytest.fixture
def out(tmp_path):
    fill(tmp_path, 1)
    return tmp_path / "new" / "out"


@pytest.mark.parametrize("error", KILLED)
def test_however_a_run_fails_to_begin_the_next_reads_anew(tmp_path, out, error):
    found = []
    with pytest.raises(error):
        begin(out, lambda: found.append(read(tmp_path, out)), error)
    assert found == [([1, 1], [])]
    assert not out.parent.exists()  # nothing is left, nor what was above it
    fill(tmp_path, 2)
    with snapshots_of(out):
        assert read(tmp_path, out) == ([2, 2], [])


def test_what_a_killed_process_left_is_not_the_input_of_the_next(tmp_path, out):
    read(tmp_path, out)  # and no more: no plan, no lock
    half = out / ".inputs.00ff00ff.taking"
    half.mkdir()
    (half / "x.parquet").write_bytes(b"PAR1")
    fill(tmp_path, 2)
    with snapshots_of(out):
        assert not half.exists()
        assert read(tmp_path, out) == ([2, 2], [])


def test_what_a_run_began_with_stays_its_input_whatever_happens(tmp_path, out):

    def planned():
        read(tmp_path, out)
        (out / "plan.json").write_text("{}")

    with pytest.raises(MemoryError):
        begin(out, planned, MemoryError)
    fill(tmp_path, 2)
    with snapshots_of(out):
        assert read(tmp_path, out) == ([1, 1], [])


def test_a_folder_of_the_user_is_neither_taken_away_nor_taken_for_snapshots(tmp_path, out):
    (out / "inputs").mkdir(parents=True)
    for name in ("mine.parquet", "mine.csv"):
        pd.DataFrame({"x": [1]}).to_parquet(out / "inputs" / name)
    said = []
    with pytest.raises(InvalidInputError):
        begin(out, lambda: said.append(read(tmp_path, out)), InvalidInputError)
    ((found, problems),) = said
    assert found == [] and "no table that stands for sqlite:///book.db::accounts" in problems[0]
    assert sorted(path.name for path in out.rglob("*")) == ["inputs", "mine.csv", "mine.parquet"]


def test_processes_that_begin_at_once_go_on_with_what_the_first_read(tmp_path, out):
    with snapshots_of(out):
        assert read(tmp_path, out) == ([1, 1], [])
        fill(tmp_path, 2)
        with snapshots_of(out):  # another process: neither forgets, nor reads anew
            assert read(tmp_path, out) == ([1, 1], [])
        with pytest.raises(MemoryError):  # a third, which fails
            begin(out, lambda: None, MemoryError)
        assert read(tmp_path, out) == ([1, 1], [])


def test_of_two_that_read_at_once_one_set_stays_whole(tmp_path, out, monkeypatch):
    renaming, inner = Path.rename, []

    def late(path, target):
        if not inner:  # another process reads all, later, and is faster
            inner.append(True)
            fill(tmp_path, 2)
            inner.append(read(tmp_path, out))
        return renaming(path, target)

    monkeypatch.setattr(Path, "rename", late)
    assert read(tmp_path, out) == ([2, 2], [])
    assert inner[1] == ([2, 2], [])
    assert [path.name for path in out.iterdir()] == ["inputs"]


def test_with_one_table_that_fails_none_is_kept(tmp_path, out):
    found, problems = read(tmp_path, out, ("accounts", "none"))
    assert found == [] and len(problems) == 1
    assert not out.exists()
    fill(tmp_path, 2)
    assert read(tmp_path, out) == ([2, 2], [])


def test_a_table_that_is_missing_among_snapshots_is_not_read_at_another_moment(tmp_path, out):
    read(tmp_path, out, NAMES[:1])
    fill(tmp_path, 2)
    found, problems = read(tmp_path, out)
    assert found == [] and len(problems) == 1
    assert "sqlite:///book.db::contracts, as it was when others were read" in problems[0]


def test_a_disk_that_is_full_leaves_no_half_of_the_snapshots(tmp_path, out, monkeypatch):
    writing, count = snapshot_module.written_whole, []

    def full(path):
        count.append(path)
        if len(count) == 2:
            raise OSError(28, "No space left on device", str(path))
        return writing(path)

    monkeypatch.setattr(snapshot_module, "written_whole", full)
    with pytest.raises(OSError, match="No space left"):
        read(tmp_path, out)
    assert list(out.iterdir()) == []


def test_one_who_waits_for_a_folder_that_is_taken_away_makes_it_anew(tmp_path, out):
    inside, go = threading.Event(), threading.Event()

    def waits():
        inside.set()
        go.wait(30)

    def fails():
        with pytest.raises(MemoryError):
            begin(out, waits, MemoryError)

    other = threading.Thread(target=fails)
    other.start()
    inside.wait(30)
    with snapshots_of(out):
        go.set()
        other.join(30)
        assert read(tmp_path, out) == ([1, 1], [])
    assert (out / "locks" / "inputs").exists()


def test_a_look_reads_databases_once_and_says_what_is_wrong_with_them(tmp_path, monkeypatch):
    job, read = make_watched(tmp_path / "job"), []
    edit_text(job, "positions.parquet", "sqlite:///book.db::none")
    fill(job.parent, 1)
    opening = snapshot_module.open_database

    def counted(url):
        read.append(url.path.name)
        return opening(url)

    monkeypatch.setattr(snapshot_module, "open_database", counted)
    with pytest.raises(InvalidInputError, match="no table or view 'none'"):
        watched(job)
    assert read == ["book.db"]
