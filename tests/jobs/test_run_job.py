"""`jaxmargin run` on a real job: the tables of `margin` in parts, killed, refused, read again."""

import inspect
import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import jax
import pandas as pd
import pytest
from job_files import edit_table, edit_text, make_job
from report_pages import shown
from run_steps import files
from safeguard_sets import HEAD, LOOKBACK_FLOOR, MOST_OFFSET, RETAIL, STEP, STRESS_BUFFER

from jaxmargin.cli._run import run as run_cli
from jaxmargin.jobs import load_inputs, run_margin
from jaxmargin.jobs._check_runs import margin_evidence
from jaxmargin.jobs._past_run import read_run
from jaxmargin.jobs.run import log_to, run_job, run_status
from jaxmargin.jobs.run._manifest import memory_warnings
from jaxmargin.jobs.run._shard_files import read_record

PER_SHARD = 8  # of 22 accounts
ROOT = Path(__file__).parents[2]


SET = HEAD + STEP + LOOKBACK_FLOOR + STRESS_BUFFER + RETAIL + MOST_OFFSET


def with_a_wide_account(positions):
    """One account more that holds 250 of the 500 contracts: a dense row of the book."""
    names = positions["instrument"].drop_duplicates().head(250)
    rows = pd.DataFrame({"account": "whale", "instrument": names, "quantity": 0.25})
    return pd.concat([positions, rows], ignore_index=True)


@pytest.fixture(scope="module")
def job(tmp_path_factory):
    """Twenty accounts, a wide and an idle one, with collateral, a charge and safeguards."""
    path = make_job(tmp_path_factory.mktemp("job"), accounts=20)
    edit_table(path, "positions", with_a_wide_account)
    edit_text(path, "[scenarios]", 'collateral = "balances.parquet"\n\n[scenarios]')
    path.write_text(
        path.read_text() + '\n[safeguards]\nfile = "set.toml"\nmost_offset = "default"\n'
        "lookback_start = 2024-06-01\n"
        '\n[[add_on]]\nkind = "minimum-per-contract"\nminimum = 5.0\nmaintenance_share = 0.5\n'
    )
    (path.parent / "set.toml").write_text(SET)
    accounts = pd.read_parquet(path.parent / "positions.parquet")["account"].unique()
    balances = pd.DataFrame({"account": [*accounts[::2], "idle"], "asset": "BTC", "quantity": 1.5})
    balances.to_parquet(path.parent / "balances.parquet", index=False)
    return path


@pytest.fixture(scope="module")
def margin(job):
    return run_margin(job, job.parent / "margin")


@pytest.fixture(scope="module")
def run(job):
    """The same by run, with its log."""
    with log_to(job.parent / "log.jsonl", "json"):
        return run_job(job, job.parent / "run", accounts_per_shard=PER_SHARD)


TABLES = ("requirements", "components", "states", "safeguards", "safeguards_state")


@pytest.mark.parametrize("name", TABLES)
def test_parts_laid_end_to_end_are_the_table_of_margin_bit_for_bit(job, margin, run, name):
    parts = pd.read_parquet(job.parent / f"run/{name}.parquet")
    whole = pd.read_parquet(job.parent / f"margin/{name}.parquet")
    pd.testing.assert_frame_equal(parts, whole, check_exact=True)
    assert len(list((job.parent / f"run/{name}.parquet").iterdir())) == 3


def test_the_manifest_says_what_that_of_margin_says_but_times(job, margin, run):
    said, expected = dict(run.manifest), dict(margin.manifest)
    assert run.plan.tables == TABLES
    for name in ("title", "job", "inputs", "settings", "scenarios", "counts", "warnings"):
        assert said[name] == expected[name], name
    assert said["versions"].items() <= expected["versions"].items()
    guarded = dict(said["safeguards"]), dict(expected["safeguards"])
    assert guarded[0].pop("state_sha256") != guarded[1].pop("state_sha256")
    assert guarded[0] == guarded[1]
    assert not {"created", "seconds", "programs"} & set(said)
    assert said["seeds"] == {"scenarios": expected["scenarios"]["seed"]}


@pytest.mark.parametrize(("rows", "said"), [((8, 8), ""), ((4, 4), "4"), ((2, 8), "2, 8")])
def test_memory_that_ran_short_is_said_also_if_it_did_so_for_all_shards_alike(rows, said):
    found = memory_warnings([{"chunk_rows": each, "ample_chunk_rows": 8} for each in rows])
    expected = f"Memory ran short: shards had chunks of {said} accounts where 8 fit"
    assert len(found) == bool(said)
    assert all(expected in each for each in found)


def test_a_record_says_the_chunks_of_its_shard_and_of_ample_memory(job, run):
    records = [read_record(job.parent / "run", run.plan, shard) for shard in range(3)]
    facts = [record["facts"] for record in records]
    assert {each["chunk_rows"] == each["ample_chunk_rows"] for each in facts} == {True}


def test_readers_of_past_runs_take_a_run(job, margin, run):
    one, other = (read_run(job.parent / name, safeguards=True) for name in ("margin", "run"))
    pd.testing.assert_series_equal(one.published, other.published)
    inputs = load_inputs(job, safeguards=True)
    found, expected = (margin_evidence(job.parent / name, inputs) for name in ("run", "margin"))
    assert found.keys() == expected.keys() >= {"notional", "equity", "binding", "margin"}
    assert found["binding"] == expected["binding"]
    for name in ("notional", "equity", "margin", "standalone"):
        assert (found[name] == expected[name]).all()


def test_safeguards_go_on_from_a_run_as_from_margin(job, margin, run):
    """A later hour with two accounts closed, one of them with collateral, and one that grew."""
    later = job.with_name("later.toml")
    text = job.read_text().replace("2026-01-02T08", "2026-01-02T09")
    text = text.replace('"positions.parquet"', '"later.parquet"')
    positions = pd.read_parquet(job.parent / "positions.parquet")
    names = positions["account"].unique()
    positions.loc[positions["account"] == names[3], "quantity"] *= 2.0
    positions = positions[~positions["account"].isin([names[4], names[5]])]
    positions.to_parquet(job.parent / "later.parquet", index=False)
    balances = pd.read_parquet(job.parent / "balances.parquet")
    balances[balances["account"] != names[5]].to_parquet(
        job.parent / "later_balances.parquet", index=False
    )
    text = text.replace('"balances.parquet"', '"later_balances.parquet"')
    found = {}
    for name in ("margin", "run"):
        later.write_text(text.replace("[safeguards]", f'[safeguards]\nprevious = "{name}"'))
        out = job.parent / f"later_{name}"
        if name == "margin":
            manifest = run_margin(later, out).manifest
        else:
            manifest = run_job(later, out, accounts_per_shard=PER_SHARD).manifest
        found[name] = manifest["safeguards"], pd.read_parquet(out / "safeguards.parquet")
    pd.testing.assert_frame_equal(found["run"][1], found["margin"][1], check_exact=True)
    for facts, _ in found.values():
        counts = [facts[f"accounts_{each}"] for each in ("new", "closed", "rebased")]
        assert counts == [0, 1, 2]
    for name in found:
        margins = pd.read_parquet(job.parent / f"later_{name}/requirements.parquet")
        of = margins.set_index("account")[["initial", "maintenance"]]
        assert (of.loc[[names[4], "idle"]] == 0.0).all(axis=None) and names[5] not in of.index


def test_the_log_says_nothing_of_the_book(job, run):
    text = (job.parent / "log.jsonl").read_text()
    events = [json.loads(line) for line in text.splitlines()]
    assert [event["event"] for event in events].count("shard done") == 3
    tables = [pd.read_parquet(job.parent / "run" / f"{name}.parquet") for name in TABLES]
    tables.append(pd.read_parquet(job.parent / "positions.parquet"))
    names = {str(v) for t in tables for c in ("account", "instrument") if c in t for v in t[c]}
    assert len(names) > 100
    assert not [name for name in names if name in text]
    numbers = {repr(float(v)) for t in tables for c in t.select_dtypes("number") for v in t[c]}
    long = [number for number in numbers if len(number) > len("12345.678")]  # no seconds by chance
    assert len(long) > 20 and not [number for number in long if number in text]
    fractions = {key for e in events for key, value in e.items() if isinstance(value, float)}
    assert fractions <= {"seconds", "read_seconds"}
    counts = {"shards", "missing", "mine", "accounts", "contracts", "shard", "done", "total"}
    others = {"time", "level", "event", "identity", "seconds", "read_seconds", "whole"}
    assert {key for event in events for key in event} <= counts | others


def command(job, out, **settings):
    """The real command, as one device, which tests have."""
    words = [sys.executable, "-m", "jaxmargin", "run", job, "--out", out]
    environment = os.environ | {
        "PYTHONPATH": str(ROOT), "JAX_NUM_CPU_DEVICES": "1", "JAX_ENABLE_X64": "1",
        "JAXMARGIN_CACHE": str(jax.config.jax_compilation_cache_dir),
    }  # fmt: skip
    return subprocess.Popen(
        [*map(str, words), "--accounts-per-shard", str(PER_SHARD)],
        env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **settings,
    )  # fmt: skip


def test_the_command_killed_after_each_shard_and_gone_on_with_gives_the_same_bytes(
    job, run, tmp_path
):
    out = tmp_path / "out"
    for shards in (1, 2):
        process = command(job, out)
        record = out / f"shards/{shards - 1:05d}.json"
        until = time.monotonic() + 300.0
        while not record.exists() and process.poll() is None and time.monotonic() < until:
            time.sleep(0.002)
        process.send_signal(signal.SIGKILL)
        _, errors = process.communicate()
        assert process.returncode == -signal.SIGKILL, errors
        assert not run_status(out).is_running
        assert run_status(out).done >= shards
    found = run_job(job, out, accounts_per_shard=PER_SHARD)
    assert found.found >= 2
    said = {name: json.loads(text) for name, text in files(out).items() if name == "manifest.json"}
    expected, there = files(job.parent / "run"), files(out)
    assert said["manifest.json"].pop("job") != run.manifest["job"]  # counted from the folder
    assert there.keys() == expected.keys()
    assert {n for n in there if there[n] != expected[n]} == {"manifest.json"}


def test_commands_say_what_was_done_refused_and_damaged(job, run, run_command, tmp_path):
    out, words = job.parent / "run", ("--accounts-per-shard", PER_SHARD)
    code, said, _ = run_command("run", job, "--out", out, *words)
    assert code == 0
    assert "3 of 3 shards" in said and "3 were there, 0 computed" in said
    code, said, _ = run_command("status", out, "--verify")
    assert code == 0
    assert "complete; 3 of 3 shards, 22 of 22 accounts" in said
    code, _, errors = run_command("run", job, "--out", out, "--accounts-per-shard", 7)
    assert code == 2
    assert "accounts_per_shard: 8 there, 7 now" in errors
    code, _, errors = run_command("run", job, "--out", job.parent / "margin", *words)
    assert code == 2
    assert "results of jaxmargin margin" in errors
    code, _, errors = run_command("margin", job, "--out", out)
    assert code == 2
    assert "a run of jaxmargin run" in errors
    for wrong in ("3", "3/3", "-1/3", "a/b"):
        code, _, errors = run_command("run", job, "--out", tmp_path / "x", f"--shard={wrong}")
        assert code == 2 and "--shard" in errors and wrong in errors
    path = out / "states.parquet/part-00002.parquet"
    content = path.read_bytes()
    path.write_bytes(content[:-3])
    code, said, _ = run_command("status", out, "--verify")
    path.write_bytes(content)
    assert code == 1
    assert "shard 2: states.parquet/part-00002.parquet is damaged" in said


def test_a_changed_input_is_refused_by_name_and_nothing_is_written_for_bad_ones(
    job, run, run_command, tmp_path
):
    file = job.parent / "history.parquet"
    content = file.read_bytes()
    before = files(job.parent / "run")
    table = pd.read_parquet(file)
    table.iloc[:-1].to_parquet(file, index=False)
    words = ("--accounts-per-shard", PER_SHARD)
    code, _, errors = run_command("run", job, "--out", job.parent / "run", *words)
    file.write_bytes(content[:-9])
    bad, _, _ = run_command("run", job, "--out", tmp_path / "new")
    file.write_bytes(content)
    assert code == bad == 2
    assert "other content of the input history.parquet" in errors
    assert files(job.parent / "run") == before
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize("name", ["slurm_array.sh", "kubernetes_job.yaml"])
def test_examples_of_arrays_use_options_that_run_has(name):
    lines = (ROOT / "examples/batch" / name).read_text().splitlines()
    text = "\n".join(line for line in lines if not line.startswith("#"))
    used = set(re.findall(r"(?<![\w-])--([a-z-]+)", text))
    known = {name.replace("_", "-") for name in inspect.signature(run_cli).parameters}
    assert {"shard", "out"} <= used <= known


def test_a_report_shows_a_run_as_it_shows_margins(job, margin, run, undrawn, tmp_path):
    pages = [shown(job.parent / name, "margin", tmp_path).tables for name in ("margin", "run")]
    for name in ("Largest accounts", "All accounts together", "Accounts that lack most"):
        assert pages[0][name] == pages[1][name]
    assert pages[0]["Largest accounts"][1][1] == f"{margin.requirements['initial'].max():,.2f}"
