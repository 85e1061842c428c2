"""How far a run is, in its status, its log and its metrics."""

import errno
import json

import pandas as pd
import pytest
import run_steps
from run_steps import makes, shard_of, start

import jaxmargin.jobs.run._progress as progress_module
from jaxmargin.cli._run import _run_lines
from jaxmargin.errors import InvalidInputError
from jaxmargin.jobs.run import FolderInUseError, log_to, run_job, run_status
from jaxmargin.jobs.run._lock import locked
from jaxmargin.jobs.run._plan import RunPlan
from jaxmargin.jobs.run._progress import RunProgress
from jaxmargin.jobs.run._shard_files import write_shard


@pytest.fixture
def out(tmp_path):
    return tmp_path / "out"


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


def test_the_end_of_a_share_is_that_of_all_shares_together(tmp_path, monkeypatch):
    """Ten accounts in five shards, none there: in 30 s one here, and two elsewhere: 12 a minute."""
    now = [100.0]
    monkeypatch.setattr(progress_module.time, "perf_counter", lambda: now[0])
    plan = RunPlan(makes(), 10, run_steps.TABLES)
    state = RunProgress(tmp_path, plan, start=100.0, shared=True)
    state.begin()
    for shard in (0, 1, 2):
        write_shard(tmp_path, plan, shard, shard_of(plan, shard))
    now[0] = 130.0
    state.add(0)
    told = json.loads((tmp_path / "status.json").read_bytes())
    assert (told["shards_done"], told["accounts_per_minute"]) == (3, 12.0)
    left = pd.Timestamp(told["eta"]) - pd.Timestamp(told["updated"])
    assert left == pd.Timedelta(minutes=4.0 / 12.0)
    assert state.computed == {0}


def test_a_share_that_has_ended_says_so_and_what_others_did(out):
    first = start(out, share=(0, 3))
    told = json.loads((out / "status.json").read_bytes())
    assert (told["state"], told["stale"], told["eta"]) == ("share done", True, None)
    assert (first.done, first.found, first.computed) == (1, 0, 1)

    def meanwhile(plan):
        if not (out / "shards/00002.json").exists():
            write_shard(out, plan, 2, shard_of(plan, 2))

    found = start(out, share=(1, 3), before=meanwhile)
    assert (found.done, found.found, found.computed) == (3, 1, 1)
    assert json.loads((out / "status.json").read_bytes())["state"] == "done"
    said = " ".join(_run_lines(found, out))
    assert "1 were there, 1 computed, 1 by other processes" in said


def test_a_share_does_not_take_a_damaged_shard_of_another_for_done(out):
    start(out)
    (out / "requirements.parquet/part-00002.parquet").unlink()
    assert start(out, share=(0, 3)).manifest is None
    found = start(out, share=(2, 3))
    assert (found.computed, found.manifest is None) == (1, False)


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


def test_a_run_that_fails_before_it_begins_says_so_in_its_log_and_metrics(tmp_path):
    """Bad input: no folder is made, and what metrics said of the last success stays."""
    parser = pytest.importorskip("prometheus_client.parser")
    metrics, log, job = tmp_path / "run.prom", tmp_path / "log.txt", tmp_path / "job.toml"
    metrics.write_text("jaxmargin_run_last_success_timestamp_seconds 1.75e+09\n")
    job.write_text("title = 1")
    with log_to(log), pytest.raises(InvalidInputError):
        run_job(job, tmp_path / "out", metrics=metrics)
    families = parser.text_string_to_metric_families(metrics.read_text())
    found = {s.name.removeprefix("jaxmargin_run_"): s.value for f in families for s in f.samples}
    assert (found["failed"], found["shards_done"], found["shards_total"]) == (1.0, 0.0, 0.0)
    assert found["last_success_timestamp_seconds"] == 1.75e9
    assert log.read_text().count("run failed error=InvalidInputError") == 1
    assert not (tmp_path / "out").exists()


def test_metrics_of_a_run_at_work_are_not_those_of_one_that_it_keeps_out(out, tmp_path):
    pytest.importorskip("prometheus_client")
    metrics, log = tmp_path / "run.prom", tmp_path / "log.txt"
    start(out, metrics=metrics)
    before = metrics.read_bytes()
    with locked(out, alone=True), log_to(log), pytest.raises(FolderInUseError):
        start(out, metrics=metrics)
    assert metrics.read_bytes() == before
    assert "run failed error=FolderInUseError" in log.read_text()


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
