"""The folder of a run, with made-up shards: killed, damaged, full, shared and refused."""

import errno
import itertools
import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import run_steps
from run_steps import TABLES, files, makes, shard_of, start
from write_steps import stop_at

import jaxmargin.jobs.run._shard_files as shard_files
from jaxmargin.jobs.run import FolderInUseError
from jaxmargin.jobs.run._drive import finished
from jaxmargin.jobs.run._lock import is_locked, locked, locked_shard
from jaxmargin.jobs.run._plan import RunPlan, read_plan
from jaxmargin.jobs.run._sealed import read_sealed
from jaxmargin.jobs.run._shard_files import problem_of


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A run that nothing disturbed."""
    out = tmp_path_factory.mktemp("whole") / "out"
    assert start(out).manifest is not None
    return out


@pytest.fixture
def out(tmp_path):
    return tmp_path / "out"


def damaged(content, place):
    """A byte with one bit other than before."""
    return content[:place] + bytes([content[place] ^ 1 << place % 8]) + content[place + 1 :]


def test_a_run_killed_at_any_step_goes_on_to_the_same_bytes_and_so_do_shares_at_once(tmp_path):
    path = os.pathsep.join(str(Path(__file__).parents[n]) for n in (1, 2))
    ran = subprocess.run(
        [sys.executable, "-W", "ignore", run_steps.__file__, str(tmp_path)],
        env=os.environ | {"PYTHONPATH": path},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr
    found = json.loads(ran.stdout)
    assert found["killed"] > 100  # opens, writes, syncs, renames of 10 files, folders and locks
    assert found["same"] == found["killed"]
    assert found["half_final"] == 0
    # three processes at once, that of shards 1, 4 and 7 killed after the first; then three again
    assert found["first"] == [0, -signal.SIGKILL, 0, False, 7]
    assert found["second"] == [0, 0, 0, True, []]


def test_a_full_disk_at_any_step_leaves_whole_files_alone_and_the_run_goes_on(
    tmp_path, whole, monkeypatch
):
    expected = files(whole)

    def full():
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    step = 0
    while True:
        step += 7  # prime to the five steps of a file, so that each kind comes
        folder = tmp_path / f"{step}"
        with monkeypatch.context() as patch:
            stop_at(step, full, patch.setattr)
            try:
                start(folder)
            except OSError as error:
                found = error
            else:
                break
        assert found.errno == errno.ENOSPC
        there = files(folder) if folder.exists() else {}
        assert all(expected[name] == content for name, content in there.items())
        start(folder)
        assert files(folder) == expected
    assert step > 100


def test_a_folder_that_cannot_be_made_is_an_error_of_the_system():
    if not Path("/proc/self").exists():
        pytest.skip("no /proc, where nobody can make a folder")
    with pytest.raises(OSError):  # noqa: PT011  # which, differs by system
        start(Path("/proc/jaxmargin/out"))


def test_flipped_bits_and_truncations_of_a_shard_are_all_caught(whole, out):
    """At every third byte, of the record and of every part of Parquet: magic, pages, footer."""
    shutil.copytree(whole, out)
    plan, tried = read_plan(out), 0
    for name in ("shards/00001.json", *(f"{each}.parquet/part-00001.parquet" for each in TABLES)):
        path = out / name
        content = path.read_bytes()
        for place in range(0, len(content), 3):
            for spoiled in (damaged(content, place), content[:place]):
                path.write_bytes(spoiled)
                assert problem_of(out, plan, 1), (name, place)
                tried += 1
        path.write_bytes(content)
    assert tried > 2_000
    assert problem_of(out, plan, 1) is None


@pytest.mark.parametrize("name", ["plan.json", "manifest.json"])
def test_flipped_bits_and_truncations_of_the_plan_and_the_manifest_are_all_caught(
    whole, tmp_path, name
):
    content, path = (whole / name).read_bytes(), tmp_path / name
    for place in range(len(content)):
        path.write_bytes(damaged(content, place))
        assert read_sealed(path) is None, place
    for place in range(0, len(content), 7):
        path.write_bytes(content[:place])
        assert read_sealed(path) is None, place
    path.write_bytes(content[:-1])
    assert read_sealed(path) is None
    path.write_bytes(content)
    assert read_sealed(path) is not None


def test_only_damaged_and_missing_shards_are_computed_again(out, whole, monkeypatch):
    start(out)
    path = out / "components.parquet/part-00001.parquet"
    path.write_bytes(damaged(path.read_bytes(), 100))
    (out / "shards/00002.json").unlink()
    computed = []
    monkeypatch.setattr(
        run_steps, "shard_of", lambda plan, k: (computed.append(k), shard_of(plan, k))[1]
    )
    result = start(out)
    assert computed == [1, 2]
    assert (result.found, result.done, result.damaged) == (1, 3, 1)
    assert files(out) == files(whole)
    start(out)
    assert computed == [1, 2]


@pytest.mark.parametrize("name", ["manifest.json", "plan.json", "stress_moves.parquet"])
def test_a_damaged_file_of_the_whole_run_is_mended(out, whole, name):
    start(out)
    (out / name).write_bytes(damaged((out / name).read_bytes(), 40))
    assert not finished(out, RunPlan(makes(), 5, TABLES)) or name == "plan.json"
    start(out)
    assert files(out) == files(whole)


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
def test_shares_in_any_order_give_the_same_bytes(out, whole, order):
    results = [start(out, share=(i, 3)) for i in order]
    assert [result.manifest is None for result in results] == [True, True, False]
    assert files(out) == files(whole)


def test_a_share_leaves_a_shard_that_another_process_holds(out):
    start(out, share=(1, 3))
    with locked_shard(out, 0) as free:
        assert free
        assert start(out, share=(0, 1)).manifest is None
    assert sorted(path.name for path in (out / "shards").iterdir()) == ["00001.json", "00002.json"]
    assert start(out, share=(0, 1)).manifest is not None


def test_a_second_run_in_the_folder_is_refused_and_says_whose_it_is(out):
    start(out)
    with locked(out, alone=True):
        assert is_locked(out)
        with pytest.raises(FolderInUseError, match=f"process {os.getpid()} on ") as caught:
            start(out)
    assert caught.value.exit_code == 5
    assert not is_locked(out)
    with locked(out, alone=False):
        assert start(out, share=(0, 2)).manifest is not None
        with pytest.raises(FolderInUseError):
            start(out)


def test_a_share_reads_the_files_of_its_own_shards_alone(out, monkeypatch):
    start(out)
    real, read = shard_files.sha256, []
    monkeypatch.setattr(shard_files, "sha256", lambda path: (read.append(path.name), real(path))[1])
    assert start(out, share=(1, 3)).manifest is not None
    assert read == ["part-00001.parquet"] * 2
    path = out / "components.parquet/part-00002.parquet"
    path.write_bytes(damaged(path.read_bytes(), 100))
    assert start(out, share=(0, 3)).computed == 0
    assert start(out, share=(2, 3)).computed == 1


def test_what_killed_processes_left_goes_with_the_next_that_is_alone(out):
    left = (".results.duckdb.0.partial.wal", ".inputs.0.taking/book.parquet", "shards/.x.0.partial")
    start(out)
    for share in (None, (0, 3)):
        for name in left:
            (out / name).parent.mkdir(exist_ok=True)
            (out / name).touch()
        start(out, share=share)
        assert not [name for name in left if (out / name).exists()], share
    (out / left[0]).touch()
    with locked(out, alone=False):
        start(out, share=(0, 3))
    assert (out / left[0]).exists()  # it may be that of the other
