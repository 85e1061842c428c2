"""Compiling ahead: a later run in a new process takes every program from the cache."""

import json
import os
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from job_files import TABLES, edit_table, make_job

HELD = [4] * 10 + [13] * 9  # positions of each account: blocks of 10 x 10 and of 10 x 20


def hold(job, held, seed=3):
    """Give the job made-up positions: account number i holds `held[i]` contracts."""
    random = np.random.default_rng(seed)
    names = pd.read_parquet(job.parent / TABLES["instruments"])["instrument"].to_numpy()
    drawn = [random.choice(names, count, replace=False) for count in held]
    table = pd.DataFrame(
        {
            "account": np.repeat([f"A{i:03d}" for i in range(len(held))], held),
            "instrument": np.concatenate(drawn),
            "quantity": random.normal(size=sum(held)),
        }
    )
    edit_table(job, "positions", lambda _: table)


@pytest.fixture(scope="module")
def job(tmp_path_factory):
    return make_job(tmp_path_factory.mktemp("job"))


def command(cache, *arguments):
    """Run the command line in a process of its own; what it printed."""
    environment = os.environ | {"JAXMARGIN_CACHE": str(cache), "JAX_NUM_CPU_DEVICES": "2"}
    environment.pop("JAX_ENABLE_X64", None)
    ended = subprocess.run(
        [sys.executable, "-m", "jaxmargin", *map(str, arguments)],
        env=environment, capture_output=True, text=True, check=False, timeout=600,
    )  # fmt: skip
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


def margin(cache, job, out):
    """The manifest of a run in a process of its own, and the files it added to the cache."""
    before = set(cache.iterdir()) if cache.exists() else set()
    command(cache, "margin", job, "--out", out)
    manifest = json.loads((out / "manifest.json").read_text())
    return manifest, sorted(path.name for path in set(cache.iterdir()) - before)


@pytest.fixture(scope="module")
def warmed(job, tmp_path_factory):
    """A cache that `warm` filled, and what it printed."""
    cache = tmp_path_factory.mktemp("warm")
    hold(job, HELD)
    return cache, command(cache, "warm", job, "--accounts", 24)


def test_it_says_how_far_it_is_and_what_it_did(warmed):
    _, output = warmed
    assert "The job itself took" in output
    assert "for up to 24 accounts" in output and "s left" in output
    assert "programs compiled" in output and "cold" in output and "warm" in output


def test_the_next_run_compiles_nothing_and_is_faster_than_one_without(job, warmed, tmp_path):
    hold(job, HELD)
    cold, files = margin(tmp_path / "empty", job, tmp_path / "cold")
    assert cold["programs"]["compiled"] == len(files) > 0
    ready, files = margin(warmed[0], job, tmp_path / "warm")
    assert files == [] and ready["programs"]["compiled"] == 0
    assert ready["programs"]["from_cache"] > 0
    assert ready["seconds"]["cold"] < cold["seconds"]["cold"]


def test_changed_quantities_and_positions_compile_nothing(job, warmed, tmp_path):
    """Every account has other positions, one has more of them."""
    hold(job, [6, *HELD[1:]], seed=4)
    manifest, files = margin(warmed[0], job, tmp_path / "out")
    assert files == [] and manifest["programs"]["compiled"] == 0


@pytest.mark.parametrize(
    "held",
    [
        pytest.param([*HELD[2:], 12, 12, 4, 4, 4], id="accounts that come, and that outgrow"),
        pytest.param([*HELD, 21], id="an account wider than all others"),
    ],
)
def test_a_book_that_grows_within_the_ladder_compiles_nothing(job, warmed, tmp_path, held):
    hold(job, held)
    manifest, files = margin(warmed[0], job, tmp_path / "out")
    assert files == [] and manifest["programs"]["compiled"] == 0


def test_fewer_accounts_than_there_are_is_an_error(job, tmp_path):
    hold(job, HELD)
    ended = subprocess.run(
        [sys.executable, "-m", "jaxmargin", "warm", job, "--accounts", "3"],
        env=os.environ | {"JAXMARGIN_CACHE": str(tmp_path)},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert ended.returncode == 2
    assert "accounts (--accounts) 3: the job has 19 accounts now" in ended.stderr


def test_a_folder_that_cannot_be_made_is_an_error(job, tmp_path):
    (tmp_path / "taken").write_text("")
    ended = subprocess.run(
        [sys.executable, "-m", "jaxmargin", "warm", job],
        env=os.environ | {"JAXMARGIN_CACHE": str(tmp_path / "taken" / "cache")},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert ended.returncode == 2 and "JAXMARGIN_CACHE" in ended.stderr
