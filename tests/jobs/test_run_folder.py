"""The folder of a run, with made-up shards: killed, damaged, full, shared and refused."""

import errno
import itertools
import json
import os
import random
import shutil
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import pandas as pd
import pytest
import run_steps
from run_steps import TABLES, files, makes, shard_of, start, stop_at

import jaxmargin.jobs.run._progress as progress_module
from jaxmargin.errors import InvalidInputError
from jaxmargin.jobs.run import FolderInUseError, WorkerFailedError, log_to, run_status
from jaxmargin.jobs.run._drive import finished
from jaxmargin.jobs.run._lock import is_locked, locked, locked_shard
from jaxmargin.jobs.run._plan import RunPlan, read_plan
from jaxmargin.jobs.run._progress import RunProgress
from jaxmargin.jobs.run._sealed import read_sealed
from jaxmargin.jobs.run._shard_files import problem_of
from jaxmargin.jobs.run.executors import AbstractPool, ShardOutcome, computed_shards


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


def test_a_run_killed_at_any_step_goes_on_to_the_same_bytes(tmp_path):
    ran = subprocess.run(
        [sys.executable, "-W", "ignore", run_steps.__file__, str(tmp_path)],
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr
    found = json.loads(ran.stdout)
    assert found["killed"] > 100  # opens, writes, syncs, renames of 10 files, folders and locks
    assert found["same"] == found["killed"]
    assert found["half_final"] == 0


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


@pytest.mark.parametrize(
    ("other", "message"),
    [
        ({"content": "2"}, "other content of the input positions.parquet"),
        ({"size": 3}, "other accounts_per_shard: 2 there, 3 now"),
    ],
)
def test_another_run_in_the_folder_is_refused_by_what_differs(out, other, message):
    start(out)
    before = files(out)
    with pytest.raises(InvalidInputError, match=message):
        start(out, of=makes(**other))
    assert files(out) == before


def test_every_setting_and_version_that_differs_is_named(out):
    start(out)
    other = makes() | {"versions": {"jax": "1"}, "settings": {"rulebook": {"level": 0.9}}}
    with pytest.raises(InvalidInputError) as caught:
        start(out, of=other)
    assert len(caught.value.problems) == 2
    assert "settings.rulebook.level: 0.99 there, 0.9 now" in caught.value.problems[0]
    assert "versions: jax 0 there, 1 now" in caught.value.problems[1]


def test_results_of_something_else_are_refused_and_stay(out):
    out.mkdir()
    (out / "requirements.parquet").write_bytes(b"a table")
    with pytest.raises(InvalidInputError, match="results of jaxmargin margin"):
        start(out)
    (out / "requirements.parquet").unlink()
    (out / "manifest.json").write_text("{}")
    with pytest.raises(InvalidInputError, match="something else"):
        start(out)
    assert os.listdir(out) == ["manifest.json"]


def test_a_file_among_the_parts_that_is_none_is_refused(out):
    start(out)
    (out / "requirements.parquet/part-00009.parquet").write_bytes(b"")
    with pytest.raises(InvalidInputError, match=r"part-00009\.parquet: no file of this run"):
        start(out)


def test_shards_of_another_run_are_not_written_over_where_the_plan_is_damaged(out):
    start(out)
    (out / "plan.json").write_text("{")
    before = files(out)
    with pytest.raises(InvalidInputError, match="a shard of another run"):
        start(out, of=makes("2"))
    assert files(out) == before


def test_bad_input_leaves_nothing_behind(out):
    def refused():
        raise InvalidInputError("no such table")

    with pytest.raises(InvalidInputError):
        run_steps.run_in_folder(out, makes(), refused, lambda plan: None)
    assert not out.exists()


def test_a_shard_that_fails_ends_the_run_and_keeps_the_others(out, tmp_path):
    log = tmp_path / "log.txt"
    with log_to(log), pytest.raises(InvalidInputError):
        start(out, fail=(1, InvalidInputError("account 3 has no margin")))
    told = json.loads((out / "status.json").read_bytes())
    assert (told["state"], told["stale"], told["shards_done"]) == ("failed", True, 1)
    assert "run failed error=InvalidInputError" in log.read_text()
    assert "account 3" not in log.read_text()
    assert not (out / "manifest.json").exists()


def test_status_says_what_is_done_and_damaged(out):
    with pytest.raises(InvalidInputError, match="not there"):
        run_status(out)
    with pytest.raises(MemoryError):
        start(out, fail=(2, MemoryError()))
    found = run_status(out)
    assert (found.done, found.shards, found.accounts_done, found.accounts) == (2, 3, 4, 5)
    assert not found.is_running and not found.is_whole
    start(out)
    assert run_status(out, verify=True).is_whole
    path = out / "requirements.parquet/part-00000.parquet"
    path.write_bytes(path.read_bytes()[:-1])
    found = run_status(out, verify=True)
    assert list(found.damaged) == [0]
    assert not found.is_whole
    with locked(out, alone=True):
        assert run_status(out).is_running


def test_rate_and_end_follow_from_what_was_computed_since_the_start(tmp_path, monkeypatch):
    """Two shards of 2 of 10 accounts found, one more in 30 s: 4 a minute, and 4 more to do."""
    now = [100.0]
    monkeypatch.setattr(progress_module.time, "perf_counter", lambda: now[0])
    plan = RunPlan(makes(), 10, ())
    state = RunProgress(tmp_path, plan, start=90.0)
    state.done = {0, 1}
    state.begin()
    now[0] = 130.0
    state.add(4)
    told = json.loads((tmp_path / "status.json").read_bytes())
    assert told["accounts_per_minute"] == 4.0
    times = {name: pd.Timestamp(told[name]) for name in ("started", "updated", "eta")}
    assert times["eta"] - times["updated"] == pd.Timedelta(minutes=1)
    assert (times["updated"] - times["started"]).total_seconds() == pytest.approx(40.0, abs=1.0)
    assert (told["state"], told["stale"], told["shards_done"]) == ("running", True, 3)


def test_metrics_are_read_by_prometheus_and_keep_the_last_success(out, tmp_path):
    parser = pytest.importorskip("prometheus_client.parser")
    path = tmp_path / "run.prom"

    def read():
        families = parser.text_string_to_metric_families(path.read_text())
        return {s.name.removeprefix("jaxmargin_run_"): s.value for f in families for s in f.samples}

    start(out, metrics=path)
    first = read()
    assert first["last_success_timestamp_seconds"] > 1.7e9
    assert {name: first[name] for name in ("shards_done", "shards_total", "accounts_done")} == {
        "shards_done": 3.0, "shards_total": 3.0, "accounts_done": 5.0,
    }  # fmt: skip
    assert first["damaged"] == first["retries"] == first["failed"] == 0.0
    (out / "components.parquet/part-00000.parquet").unlink()
    with pytest.raises(MemoryError):
        start(out, metrics=path, fail=(0, MemoryError()))
    second = read()
    assert (second["failed"], second["damaged"], second["shards_done"]) == (1.0, 1.0, 2.0)
    assert second["last_success_timestamp_seconds"] == first["last_success_timestamp_seconds"]


def test_what_follows_the_manifest_is_called_each_time_and_may_fail(out):
    seen = []
    start(out, after_manifest=lambda folder, manifest: seen.append((folder, manifest["shards"])))
    start(out, after_manifest=lambda folder, manifest: seen.append((folder, manifest["shards"])))
    assert seen == [(out, 3), (out, 3)]

    def full(folder, manifest):
        raise OSError(errno.ENOSPC, "full")

    with pytest.raises(OSError, match="full"):
        start(out, after_manifest=full)
    assert json.loads((out / "status.json").read_bytes())["state"] == "failed"
    assert run_status(out, verify=True).is_whole


class Ticket:
    """What to wait for; two of one shard are two."""

    def __init__(self, shard):
        self.shard = shard


class DyingPool(AbstractPool):
    """Workers that end as often as a table says for each shard, and come in any order."""

    def __init__(self, ends):
        self._ends, self._random, self.most = dict(ends), random.Random(7), 0

    @property
    def workers(self):
        return 3

    def submit(self, shard):
        return Ticket(shard)

    def wait(self, tickets):
        self.most = max(self.most, len(tickets))
        ticket = self._random.choice(tickets)
        shard = ticket.shard
        if self._ends.get(shard, 0):
            self._ends[shard] -= 1
            return [(ticket, None)]
        return [(ticket, ShardOutcome(shard, 0.0))]


def test_shards_of_workers_that_end_go_to_others():
    pool, again = DyingPool({2: 1, 5: 2}), []
    found = list(computed_shards(pool, range(8), retries=2, on_retry=again.append))
    assert sorted(outcome.shard for outcome in found) == list(range(8))
    assert sorted(again) == [2, 5, 5]
    assert pool.most == 3


def test_a_shard_whose_workers_end_too_often_ends_the_run():
    with pytest.raises(WorkerFailedError, match="shard 4 ended 3 times") as caught:
        list(computed_shards(DyingPool({4: 3}), range(6), retries=2))
    assert caught.value.exit_code == 6


@contextmanager
def no_pool():
    raise AssertionError("nothing is missing")
    yield


def test_a_complete_run_opens_no_workers(out, monkeypatch):
    start(out)
    monkeypatch.setattr(run_steps, "contextmanager", lambda pool: no_pool)
    assert start(out).found == 3
