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
    code, output, errors = run_command("watch", job, "--out", tmp_path / "out", "--every", "90m")
    first, second = errors.splitlines()  # the market is of the past
    assert code == 0 and first.startswith("warning: The market's oldest mark is more than 60 min")
    assert second.startswith("warning: Inputs are looked at less often than every 60 minutes")
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
    assert code == 0 and len(lines) == 4 and acts[0] <= 120.0
    assert "--most-age" in lines[0]  # once
    assert "update 1 is stale since" in lines[1] and "positions.parquet" in lines[2]
    assert "inputs are good again" in lines[3] and output.count("update 1") == 1
    assert "update is stale" in log.read_text() and "owner" not in log.read_text()


def test_quiet_prints_no_account_no_amount_and_no_problem(job, tmp_path, run_command, monkeypatch):
    set_balances(job, "long,USDC,500000\nshort,BTC,20\n")
    acts = []

    def wait(clock, seconds):
        acts.append(seconds)
        set_cell(job, "positions", "account", 1, "")
        return len(acts) == 2

    monkeypatch.setattr(SystemClock, "wait", wait)
    words = ("--quiet", "--uplift", "0.1", "--most-age", "99999h")
    code, output, errors = run_command("watch", job, "--out", tmp_path / "out", *words)
    first, raised, end = output.splitlines()
    assert code == 0 and first.endswith("calls 1 opened, 0 continued, 0 closed.")
    assert "update 2 (uplift): 0 accounts margined; calls 0 opened, 1 continued" in raised
    assert end.startswith("Ended after 2 updates") and "fallen" not in output
    assert errors.count("\n") == 1 and errors.endswith("; 1 problem in status.json.\n")
