"""The folder of a watched job, and how its loop begins, goes on and ends."""

import json
import os
import shutil

import pandas as pd
import pytest
from small_jobs import POSITIONS
from watch_jobs import cut_short, hold, make_watched, set_balances, watched

from jaxmargin.errors import InvalidInputError
from jaxmargin.jobs import run_margin, run_watch
from jaxmargin.jobs.run import FolderInUseError, log_to
from jaxmargin.jobs.run._lock import locked


@pytest.fixture
def job(tmp_path):
    return make_watched(tmp_path / "job")


def test_all_updates_stay_unless_a_number_is_kept_and_current_is_the_last(job):
    acts = [lambda size=size: hold(job, "long", size) for size in (2.1, 2.2, 2.3)]
    watched(job, *acts)
    kept = watched(job, *acts, out=job.parent / "few", keep=2)
    names = {
        name: sorted(path.name for path in (job.parent / name / "updates").iterdir())
        for name in ("watch", "few")
    }
    assert names["watch"] == ["000001", "000002", "000003", "000004"]
    assert names["few"] == ["000003", "000004"] and kept[-1]["update"] == 4
    for name in names:
        current = job.parent / name / "current"
        assert current.is_symlink() and os.readlink(current) == "updates/000004"
    assert sorted(path.name for path in (job.parent / "few").iterdir()) == [
        "current", "lock", "status.json", "updates"
    ]  # fmt: skip


def test_a_loop_that_starts_again_goes_on_with_numbers_calls_and_the_last_good_update(job):
    set_balances(job, "short,BTC,20\nlong,USDC,500000\n")
    (first,) = watched(job)
    cut_short(job)
    (second,) = watched(job)
    assert second["stale"] and second["update"] == 1 and second["as_of"] == first["as_of"]
    POSITIONS.to_parquet(job.parent / "positions.parquet", index=False)
    (third,) = watched(job)
    assert not third["stale"] and third["update"] == 2 and third["mode"] == "full"
    row = third["table"].set_index("account").loc["fallen"]
    assert row["status"] == "continued" and row["since"] == 1


def test_a_folder_of_another_job_or_command_is_refused(job):
    watched(job)
    other = job.with_name("other.toml")
    shutil.copyfile(job, other)
    with pytest.raises(InvalidInputError, match="it has updates of the job"):
        watched(other)
    run_margin(job, job.parent / "full")
    with pytest.raises(InvalidInputError, match="results of another command"):
        watched(job, out=job.parent / "full")


def test_one_loop_is_at_work_in_a_folder(job):
    out = job.parent / "watch"
    out.mkdir()
    with locked(out, alone=True), pytest.raises(FolderInUseError, match=r"process \d+ on"):
        watched(job)
    assert [path.name for path in out.iterdir()] == ["lock"]


def test_it_ends_after_so_many_updates_and_waits_the_rest_of_each_interval(job):
    acts = [None, lambda: hold(job, "long", 2.5), lambda: hold(job, "long", 2.6)]
    looks = watched(job, *acts, updates=2, every=5.0)
    assert [look["update"] for look in looks] == [1, 1, 2]
    times = pd.to_datetime([look["checked"] for look in looks])
    assert list(times.diff()[1:].total_seconds()) == [5.0, 5.0]
    status = json.loads((job.parent / "watch/status.json").read_text())
    assert status["state"] == "ended" and status["settings"]["every_seconds"] == 5.0


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"every": 0.0}, "--every"),
        ({"call_at": 0.9}, "Write 110 % as 1.1"),
        ({"keep": 0}, "--keep"),
        ({"updates": 0}, "--updates"),
        ({"most_age": -1.0}, "--most-age"),
    ],
)
def test_settings_out_of_their_range_are_refused(job, settings, told):
    with pytest.raises(InvalidInputError, match=told):
        run_watch(job, job.parent / "watch", **settings)
    assert not (job.parent / "watch").exists()


def test_the_log_has_counts_and_nothing_of_the_book_and_metrics_say_the_same(job):
    log, metrics = job.parent / "watch.log", job.parent / "watch.prom"
    set_balances(job, "short,BTC,20\nlong,USDC,500000\n")
    acts = [lambda: hold(job, "long", 2.718281), lambda: cut_short(job), None]
    with log_to(log, "json"):
        looks = watched(job, *acts, metrics=metrics)
    events = [json.loads(line) for line in log.read_text().splitlines()]
    assert [event["event"] for event in events] == [
        "watching", "update written", "update written", "update is stale", "ended"
    ]  # fmt: skip
    assert events[2]["mode"] == "incremental" and events[2]["accounts"] == 1
    assert events[2]["calls"] == 1
    for word in (*POSITIONS["account"], *POSITIONS["instrument"], "2.718281", "500000"):
        assert word not in log.read_text()
    figures = dict(line.split() for line in metrics.read_text().splitlines() if line[0] != "#")
    assert float(figures["jaxmargin_watch_stale"]) == 1.0
    assert float(figures["jaxmargin_watch_update"]) == looks[-1]["update"] == 2
    assert float(figures["jaxmargin_watch_calls_open"]) == 1.0
    assert float(figures["jaxmargin_watch_running"]) == 0.0
