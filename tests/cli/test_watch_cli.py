"""The watch command as a user meets it: signals, exit codes, what it prints."""

import json
import os
import signal

import pytest
from job_files import edit_text, set_cell
from watch_jobs import make_watched, set_balances

from jaxmargin.jobs import SystemClock
from jaxmargin.jobs.run._lock import locked


@pytest.fixture
def job(tmp_path):
    return make_watched(tmp_path / "job")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_with_code_0_after_the_update_in_hand(
    job, tmp_path, run_command, monkeypatch, number
):
    set_balances(job, "long,USDC,500000\nshort,BTC,20\n")
    ask, before = SystemClock.now, signal.getsignal(number)

    def signaled(clock):
        os.kill(os.getpid(), number)  # at the first look, before anything is computed
        monkeypatch.setattr(SystemClock, "now", ask)
        return ask(clock)

    monkeypatch.setattr(SystemClock, "now", signaled)
    code, output, errors = run_command("watch", job, "--out", tmp_path / "out", "--every", "1h")
    assert code == 0 and errors == ""
    assert "update 1 (full): 4 accounts margined; calls 1 opened" in output
    assert "fallen: call " in output and "Ended after 1 updates" in output
    status = json.loads((tmp_path / "out/status.json").read_text())
    assert status["state"] == "ended" and (tmp_path / "out/current/calls.parquet").is_file()
    assert signal.getsignal(number) == before


def test_bad_input_at_the_start_and_a_folder_in_use_have_their_exit_codes(
    job, tmp_path, run_command
):
    out = tmp_path / "out"
    code, _, errors = run_command("watch", job, "--out", out, "--every", "soon")
    assert code == 2 and "--every: 'soon' is no length of time. Write 60s, 5m or 1h." in errors
    edit_text(job, 'collateral = "balances.csv"\n', "")
    code, _, errors = run_command("watch", job, "--out", out)
    assert code == 2 and "[book]: key 'collateral' is missing" in errors
    edit_text(job, 'positions = "', 'collateral = "balances.csv"\npositions = "')
    set_cell(job, "positions", "instrument", 1, "XYZ")
    set_cell(job, "assets", "spot", 1, -1.0)
    code, _, errors = run_command("watch", job, "--out", out)
    assert code == 2 and len(errors.strip().splitlines()) == 2
    assert not out.exists()
    out.mkdir()
    with locked(out, alone=True):
        code, _, errors = run_command("watch", job, "--out", out)
    assert code == 5 and "another run is at work in this folder" in errors


def test_it_prints_problems_once_and_when_they_are_over(job, tmp_path, run_command, monkeypatch):
    positions = job.parent / "positions.parquet"
    content, acts = positions.read_bytes(), []

    def wait(clock, seconds):
        acts.append(seconds)
        positions.write_bytes(content if len(acts) == 3 else content[:-9])
        return len(acts) == 4

    monkeypatch.setattr(SystemClock, "wait", wait)
    log = tmp_path / "watch.log"
    code, output, errors = run_command(
        "watch", job, "--out", tmp_path / "out", "--every", "2m", "--log", log, "--call-at", "1.2"
    )
    lines = errors.strip().splitlines()
    assert code == 0 and len(lines) == 3 and acts[0] <= 120.0
    assert "update 1 is stale since" in lines[0] and "positions.parquet" in lines[1]
    assert "inputs are good again" in lines[2] and output.count("update 1") == 1
    assert "update is stale" in log.read_text() and "owner" not in log.read_text()
