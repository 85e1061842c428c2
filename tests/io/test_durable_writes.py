"""Files are written whole or not at all, whatever write, sync or rename fails."""

import errno
import os
import resource
import subprocess
import sys

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from write_steps import watch_steps

from jaxmargin.io import remove_partial, write_json, write_table, written_whole

TABLE = pd.DataFrame({"account": [f"a{n}" for n in range(500)], "amount": np.arange(500.0)})


class BodyError(Exception):
    """Of what writes, not of the disk."""


@pytest.fixture
def failing(monkeypatch):
    """Have the step of a number fail, counting from 1, after half of what it writes."""
    steps = {"at": 0, "done": 0, "names": []}

    def act(name, half):
        steps["done"] += 1
        if steps["done"] == steps["at"]:
            half()
            steps["names"].append(name)
            raise OSError(errno.ENOSPC, "No space left on device")

    watch_steps(act, monkeypatch.setattr)
    return steps


def error_of(write, content, path):
    """How writing failed; None if it did not."""
    try:
        write(content, path)
    except OSError as error:
        return error
    return None


@pytest.mark.parametrize("write", [write_table, write_json], ids=["table", "json"])
def test_a_full_disk_at_any_step_leaves_the_old_file_and_no_other(failing, tmp_path, write):
    path = tmp_path / "result"
    path.write_bytes(b"old")
    content = TABLE if write is write_table else {"number": 1}
    for at in range(1, 1000):
        failing.update(at=at, done=0)
        error = error_of(write, content, path)
        if error is None:
            break
        name = failing["names"][-1]
        last = name == "fsync" and path.read_bytes() != b"old"  # of the folder: it is there
        assert str(tmp_path) in str(error.filename)
        assert "No space left on device" in error.strerror
        assert last or path.read_bytes() == b"old"
        assert os.listdir(tmp_path) == ["result"]
    assert {"open", "write", "fsync", "replace"} == set(failing["names"])
    assert at == len(failing["names"]) + 1
    assert path.read_bytes() != b"old"


def test_the_first_failure_says_the_file_and_the_cure(failing, tmp_path):
    failing.update(at=1, done=0)  # the folder of the test was a step too
    with pytest.raises(OSError, match="cannot be written") as caught:
        write_json({}, tmp_path / "facts.json")
    assert caught.value.errno == errno.ENOSPC
    assert caught.value.filename == str(tmp_path / "facts.json")
    assert "as it was" in caught.value.strerror and "Make room" in caught.value.strerror


def test_a_file_beyond_the_limit_of_the_process_leaves_the_old_one(tmp_path):
    """The kernel itself refuses the write, as it would on a full disk."""
    path = tmp_path / "table.parquet"
    write_table(TABLE, path)
    before = path.read_bytes()
    program = (
        "import resource, sys; resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))\n"
        "import importlib.util, pathlib\n"
        "spec = importlib.util.spec_from_file_location('w', sys.argv[1])\n"
        "w = importlib.util.module_from_spec(spec); spec.loader.exec_module(w)\n"
        "try:\n"
        "    with w.written_whole(pathlib.Path(sys.argv[2])) as file:\n"
        "        file.write(bytes(100_000))\n"
        "except OSError as error:\n"
        "    print(error.errno)\n"
    )
    import jaxmargin.io._write as module

    ran = subprocess.run(
        [sys.executable, "-c", program, module.__file__, path],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert int(ran.stdout) == errno.EFBIG
    assert path.read_bytes() == before
    assert os.listdir(tmp_path) == ["table.parquet"]
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[0] != 1000


def test_a_table_has_page_checksums_and_the_same_bytes_each_time(tmp_path):
    write_table(TABLE, tmp_path / "a.parquet")
    write_table(TABLE, tmp_path / "b.parquet")
    content = (tmp_path / "a.parquet").read_bytes()
    assert content == (tmp_path / "b.parquet").read_bytes()
    place = len(content) // 3  # within the pages of numbers and names
    (tmp_path / "a.parquet").write_bytes(
        content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :]
    )
    with pytest.raises((OSError, ValueError)):
        pq.read_table(tmp_path / "a.parquet", page_checksum_verification=True)


def test_what_a_killed_process_left_is_taken_away_and_hidden_from_readers(tmp_path):
    folder = tmp_path / "table.parquet"
    folder.mkdir()
    write_table(TABLE, folder / "part-00000.parquet")
    (folder / ".part-00001.parquet.0a1b2c3d.partial").write_bytes(b"half")
    assert len(pd.read_parquet(folder)) == len(TABLE)
    assert remove_partial(folder) == 1
    assert os.listdir(folder) == ["part-00000.parquet"]


def test_an_error_of_the_body_is_itself(tmp_path):
    with pytest.raises(BodyError), written_whole(tmp_path / "x"):
        raise BodyError
    assert os.listdir(tmp_path) == []
