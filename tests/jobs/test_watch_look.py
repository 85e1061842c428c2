"""Which files have changed: size and time first, then SHA-256."""

import os

import pytest

from jaxmargin.jobs.watch._look import changed, look


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "table.csv"
    path.write_text("a,b\n1,2\n")
    os.utime(path, (1e9, 1e9))
    return path


def test_a_file_of_the_same_size_and_time_is_not_read_again(file, monkeypatch):
    before = look([file], {})
    monkeypatch.setattr("jaxmargin.jobs.watch._look.sha256", lambda file: pytest.fail("read"))
    assert look([file], before) == before


def test_another_size_time_or_file_is_read_and_other_bytes_alone_are_a_change(file):
    before = look([file], {})
    os.utime(file, (1e9 + 1, 1e9 + 1))
    assert changed(before, look([file], before)) == []
    file.write_text("a,b\n1,3\n")
    os.utime(file, (1e9 + 2, 1e9 + 2))
    assert changed(before, look([file], before)) == [file]
    other = file.with_name("other.csv")
    other.write_text("a,b\n1,4\n")
    os.utime(other, (1e9, 1e9))
    again = look([file], {})
    os.replace(other, file)  # of the same size, with the time kept
    os.utime(file, (1e9 + 2, 1e9 + 2))
    assert changed(again, look([file], again)) == [file]


def test_a_file_written_twice_at_one_tick_of_the_clock_is_seen_both_times(tmp_path):
    path = tmp_path / "table.csv"
    path.write_text("1")
    before, facts = look([path], {}), path.stat()
    path.write_text("2")
    os.utime(path, ns=(facts.st_mtime_ns, facts.st_mtime_ns))
    assert changed(before, look([path], before)) == [path]


def test_a_file_that_goes_or_comes_is_a_change(file):
    before = look([file], {})
    file.unlink()
    gone = look([file], before)
    assert gone == {file: None} and changed(before, gone) == [file]
    assert changed(gone, before) == [file] and changed(gone, {}) == []
