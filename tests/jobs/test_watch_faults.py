"""Bad inputs of a watched job: the last good update stays, and the loop goes on."""

import logging
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from job_files import edit_table, edit_text, set_cell
from watch_jobs import content, cut_short, hold, make_watched, same_as_full, set_balances, watched

from jaxmargin.jobs.watch import _folder, _publish, _step, _updates


@pytest.fixture
def job(tmp_path):
    return make_watched(tmp_path / "job")


FAULTS = {
    "a quote that is no number": (
        lambda job: set_cell(job, "assets", "spot", 1, np.nan),
        "assets.parquet, column spot: not a finite number",
    ),
    "a volatility that is no number": (
        lambda job: set_cell(job, "volatilities", "volatility", 2, np.nan),
        "volatilities.parquet, column volatility: not a finite number",
    ),
    "a file cut short": (cut_short, "positions.parquet: cannot be read"),
    "a file that is gone": (
        lambda job: (job.parent / "history.parquet").unlink(),
        "history.parquet: no such file",
    ),
    "an unknown contract": (
        lambda job: set_cell(job, "positions", "instrument", 2, "XYZ"),
        "positions.parquet, column instrument: 1 unknown name: 'XYZ'",
    ),
    "crossed quotes": (
        lambda job: edit_table(
            job, "volatilities", lambda table: table.assign(bid_iv=0.6, ask_iv=0.5)
        ),
        "volatilities.parquet, column bid_iv: above ask_iv: the quotes are crossed",
    ),
    "a market of an earlier time": (
        lambda job: edit_text(job, "2026-01-02T08:00:00Z\n", "2026-01-01T08:00:00Z\n"),
        "job.toml, valuation_time: 2026-01-01T08:00:00+00:00 is before 2026-01-02T08:00:00+00:00",
    ),
    "a job file cut short": (
        lambda job: job.write_text(job.read_text()[:-30] + "="),
        "job.toml",
    ),
    "collateral below nothing": (
        lambda job: set_balances(job, "long,USDC,-1\n"),
        "balances.csv, column quantity: negative in 1 of 1 rows",
    ),
    "another precision": (
        lambda job: edit_text(job, 'precision = "f64"', 'precision = "f32"'),
        "job.toml, precision: it was another one when the loop began",
    ),
    "no collateral any more": (
        lambda job: edit_text(job, 'collateral = "balances.csv"\n', ""),
        "job.toml, [book]: key 'collateral' is missing",
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_bad_input_leaves_the_last_good_margins_and_is_told_until_it_is_good_again(job, fault):
    spoil, told = FAULTS[fault]
    kept, before = job.parent.parent / "kept", {}
    shutil.copytree(job.parent, kept)
    current = job.parent / "watch/current"
    number = 1 if "positions.parquet" in told else 2  # smaller positions are usable, else

    def spoiled():
        before.update(content(current))
        spoil(job)
        hold(job, "long", 0.1) if fault != "a file cut short" else None

    def repair():
        assert current.readlink().name == f"{number:06d}"
        for name in ("requirements.parquet", "components.parquet"):  # none falls
            assert content(current)[name] == before[name]
        for file in kept.rglob("*.*"):
            shutil.copyfile(file, job.parent / file.relative_to(kept))

    first, second, third, fourth = watched(job, spoiled, None, repair)
    assert not first["stale"] and first["since"] is None and first["failures"] == 0
    for failures, look in enumerate((second, third), 1):
        assert look["stale"] and look["failures"] == failures and look["update"] == number
        assert look["since"] == second["checked"] and look["margins_as_of"] == first["as_of"]
        assert any(told in problem for problem in look["problems"]), look["problems"]
        assert all(problem.endswith((".", "?)")) for problem in look["problems"])
    assert not fourth["stale"] and fourth["problems"] == []
    assert fourth["update"] == (1 if number == 1 else 3)
    assert content(current)["states.parquet"] == before["states.parquet"]


def test_a_market_older_than_allowed_is_stale_although_no_file_changed(job):
    old = "valuation_time = 2026-01-02T08:00:00Z\n"
    looks = watched(
        job,
        None,
        lambda: hold(job, "long", 0.1),
        lambda: edit_text(job, old, old.replace("08:00", "09:02")),
        every=60.0,
        most_age=60.5,  # the loop begins at 09:00
    )
    assert [look["stale"] for look in looks] == [False, True, True, False]
    assert [look["update"] for look in looks] == [1, 1, 2, 3]
    assert "the market's oldest mark is 61 minutes old, above 60.5" in looks[1]["problems"][0]
    assert looks[1]["market_age_minutes"] == 61.0 and looks[3]["market_age_minutes"] == 1.0


def test_a_file_written_while_it_is_read_is_read_again_at_the_next_look(job, monkeypatch):
    read, times = _updates.read_book, []

    def read_and_write(*arguments):
        book = read(*arguments)
        if not times:
            times.append(1)
            hold(job, "long", 3.0)
        return book

    monkeypatch.setattr(_updates, "read_book", read_and_write)
    _, second, third = watched(job, lambda: hold(job, "long", 2.5), None)
    assert second["stale"] and "written while it was read" in second["problems"][0]
    assert not third["stale"] and third["update"] == 2
    same_as_full(job)


def test_a_full_disk_keeps_the_last_update_and_the_next_look_writes(job, monkeypatch):
    write, calls = _publish.write_results, []

    def fails_once(*arguments):
        calls.append(1)
        if len(calls) == 2:
            raise OSError(28, "No space left on device", "requirements.parquet")
        return write(*arguments)

    monkeypatch.setattr(_publish, "write_results", fails_once)
    _, second, third = watched(job, lambda: hold(job, "long", 2.5), None)
    assert second["stale"] and second["update"] == 1
    assert second["problems"] == [
        "requirements.parquet: No space left on device. It is tried again at the next look; make "
        "room, or allow what is refused."
    ]
    assert not third["stale"] and third["update"] == 2
    names = sorted(path.name for path in (job.parent / "watch/updates").iterdir())
    assert names == ["000001", "000002"]
    same_as_full(job)


def test_an_unexpected_error_does_not_end_the_loop_and_its_message_is_not_logged(
    job, monkeypatch, caplog
):
    update, times = _step.positions_update, []

    def broken_once(before):
        times.append(1)
        if len(times) == 1:
            raise KeyError("long holds 2.718281")
        return update(before)

    monkeypatch.setattr(_step, "positions_update", broken_once)
    with caplog.at_level(logging.INFO, "jaxmargin.jobs"):
        _, second, third = watched(job, lambda: hold(job, "long", 2.718281), None)
    assert second["problems"] == ["Unexpected KeyError; the log says where. Report it."]
    assert second["stale"] and second["update"] == 2  # a full update is not all there is
    assert not third["stale"] and third["update"] == 3
    (failed,) = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert failed.facts["error"] == "KeyError" and failed.facts["file"] == Path(__file__).name
    for record in caplog.records:
        assert "2.718281" not in f"{record.getMessage()} {record.facts} {record.exc_info}"


def test_what_fails_once_an_update_has_its_number_fails_neither_it_nor_those_after_it(
    job, monkeypatch
):
    sync, replaced, refused = _folder.sync_folder, os.replace, []

    def no_sync(folder):
        if folder.name == "updates":
            raise OSError(5, "Input/output error", str(folder))
        sync(folder)

    def no_link(source, target):
        if Path(target).name == "current" and len(refused) < 2:
            refused.append(target)
            raise OSError(13, "Permission denied")
        replaced(source, target)

    def spoil():
        monkeypatch.setattr(_folder, "sync_folder", no_sync)
        monkeypatch.setattr(os, "replace", no_link)
        hold(job, "long", 2.5)

    _, second, third, fourth, fifth = watched(
        job, spoil, None, None, lambda: hold(job, "long", 2.6), keep=2
    )
    assert [look["update"] for look in (second, third, fourth, fifth)] == [2, 2, 2, 3]
    assert [look["stale"] for look in (second, third, fourth, fifth)] == [True, True, False, False]
    assert third["since"] == second["checked"] and third["failures"] == 2
    (problem,) = second["problems"]
    assert "watch/current: cannot be written (Permission denied)" in problem
    assert "updates/000002; it is tried again at the next look." in problem
    assert (job.parent / "watch/current").readlink().name == "000003"
    same_as_full(job)


def test_old_updates_that_could_not_be_taken_away_whole_are_taken_away_later(job, monkeypatch):
    remove, refused = shutil.rmtree, []

    def half(folder, **settings):
        if not refused:
            refused.append(folder)
            (folder / "manifest.json").unlink()
            raise OSError(5, "Input/output error", str(folder))
        remove(folder, **settings)

    monkeypatch.setattr(shutil, "rmtree", half)
    looks = watched(job, *(lambda q=q: hold(job, "long", q) for q in (2.5, 2.6)), keep=1)
    assert len(refused) == 1 and not any(look["stale"] for look in looks)
    assert [path.name for path in (job.parent / "watch/updates").iterdir()] == ["000003"]


def test_a_fault_of_the_disk_before_the_inputs_are_looked_at_does_not_end_the_loop(
    job, monkeypatch
):
    read, times = _step.read_job, []

    def full_once(*arguments, **settings):
        times.append(1)
        if len(times) == 2:
            raise OSError(28, "No space left on device", "/tmp/tables")
        return read(*arguments, **settings)

    monkeypatch.setattr(_step, "read_job", full_once)
    _, second, third = watched(job, None, None)
    assert second["stale"] and second["update"] == 1
    assert second["problems"][0].startswith("/tmp/tables: No space left on device. It is tried")
    assert not third["stale"] and third["update"] == 1


def test_a_market_ahead_of_the_clock_is_good_once_the_time_has_come_although_no_file_changes(job):
    edit_text(job, "2026-01-02T08:00:00Z", "2026-01-02T09:00:00Z")
    ahead = ("2026-01-02T09:00:00Z", "2026-01-02T09:03:30Z")
    looks = watched(job, lambda: edit_text(job, *ahead), None, None, every=60.0, most_age=1.5)
    assert [look["stale"] for look in looks] == [False, True, False, False]
    assert "ahead of this machine's clock" in looks[1]["problems"][0]
    assert [look["update"] for look in looks] == [1, 1, 2, 2]


def test_a_job_that_names_another_file_goes_on_with_that_alone(job):
    def another():
        shutil.copyfile(job.parent / "balances.csv", job.parent / "other.csv")
        edit_text(job, '"balances.csv"', '"other.csv"')

    looks = watched(job, another, None, (job.parent / "balances.csv").unlink)
    assert [look["update"] for look in looks] == [1, 2, 2, 2]
    assert not any(look["stale"] for look in looks)
