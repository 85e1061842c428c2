"""A job file reads below its own folder, or below one that the user allows, and nowhere else."""

import json
import sqlite3
from pathlib import Path

import pandas as pd
import pytest
from job_files import edit_text, make_job

from jaxmargin.errors import InvalidInputError
from jaxmargin.io import Problems
from jaxmargin.jobs import load_inputs, read_job
from jaxmargin.jobs._governance_keys import GOVERNANCE
from jaxmargin.jobs._keys import (
    ALLOCATION,
    BOOK,
    MARKET,
    RULEBOOKS,
    SAFEGUARDS,
    SYSTEMIC,
)
from jaxmargin.jobs._paths import job_from, job_place
from jaxmargin.jobs._scenario_keys import SCENARIOS
from jaxmargin.jobs._types import PATH, PATHS, REQUIRED, TABLE

POSITIONS = 'positions = "positions.parquet"'


@pytest.fixture(autouse=True)
def no_root(monkeypatch):
    monkeypatch.delenv("JAXMARGIN_DATA_ROOT")  # which other tests set


@pytest.fixture
def job(tmp_path):
    return make_job(tmp_path / "jobs" / "mine", accounts=3)


def name(job, path):
    edit_text(job, POSITIONS, f'positions = "{path}"')


def problems_of(job):
    problems = Problems()
    read_job(job, problems)
    return problems.found


def move(job, place):
    """Move the positions of a job elsewhere."""
    place.parent.mkdir(parents=True, exist_ok=True)
    return (job.parent / "positions.parquet").rename(place)


def test_the_demo_as_it_is_stays_in_its_folder(job):
    assert len(load_inputs(job).book.accounts) == 3


def test_an_absolute_path_and_a_way_around_are_allowed_within_the_folder(job):
    name(job, job.parent / "market" / ".." / "positions.parquet")
    load_inputs(job)


@pytest.mark.parametrize("way", ["absolute", "dots", "link", "linked folder"])
def test_every_way_out_of_the_folder_is_refused_and_says_where_it_leads(job, way, tmp_path):
    place = move(job, tmp_path / "else" / "positions.parquet")
    if way == "absolute":
        name(job, place)
    elif way == "dots":
        name(job, "../../else/positions.parquet")
    elif way == "link":
        (job.parent / "positions.parquet").symlink_to(place)
    else:
        (job.parent / "folder").symlink_to(place.parent)
        name(job, "folder/positions.parquet")
    (problem,) = problems_of(job)
    assert problem.startswith(f"{job.name}, [book] positions: '")
    assert f"leads to {place}, outside the folder of the job file" in problem
    assert "set JAXMARGIN_DATA_ROOT to a folder above it" in problem


def test_a_folder_that_the_user_names_is_read_too_and_no_other(job, tmp_path, monkeypatch):
    name(job, move(job, tmp_path / "else" / "positions.parquet"))
    monkeypatch.setenv("JAXMARGIN_DATA_ROOT", str(tmp_path / "jobs"))
    (problem,) = problems_of(job)
    assert f"and outside JAXMARGIN_DATA_ROOT, {tmp_path / 'jobs'}" in problem
    monkeypatch.setenv("JAXMARGIN_DATA_ROOT", str(tmp_path / "el"))  # not a folder above it
    assert problems_of(job)
    monkeypatch.setenv("JAXMARGIN_DATA_ROOT", str(tmp_path / "else"))
    load_inputs(job)


def paths_of_a_job():
    """Every key of a job file that may name a file, with its section and what else this needs."""
    sections = {"market": MARKET, "book": BOOK, "allocation": ALLOCATION, "safeguards": SAFEGUARDS,
                "governance": GOVERNANCE, "systemic": SYSTEMIC}  # fmt: skip
    for name, keys in sections.items():
        yield from ((name, key, rule.type, {}) for key, rule in keys.items())
    for name, kinds in (("scenarios", SCENARIOS), ("rulebook", RULEBOOKS)):
        for kind, keys in kinds.items():
            needed = {key: "h.parquet" for key, rule in keys.items()
                      if (rule.type, rule.default) == (TABLE, REQUIRED)}  # fmt: skip
            more = {"kind": kind} | needed
            yield from ((name, key, rule.type, more) for key, rule in keys.items())


@pytest.mark.parametrize(
    ("section", "key", "kind", "more"),
    [each for each in paths_of_a_job() if each[2] in (PATH, PATHS, TABLE)],
)
def test_every_path_of_a_job_file_is_held_to_it(tmp_path, monkeypatch, section, key, kind, more):
    (tmp_path / "jobs").mkdir()
    monkeypatch.chdir(tmp_path)
    content = {
        "market": {"assets": "a.parquet", "forwards": "f.parquet", "volatilities": "v.parquet"},
        "book": {"instruments": "i.parquet", "positions": "p.parquet"},
        "allocation": {"collateral": "c.csv", "schedule": "s.csv", "inventory": "i.csv"},
        "scenarios": {"kind": "stress"},
        "rulebook": {"kind": "deribit-pm"},
        "safeguards": {}, "governance": {}, "systemic": {},
    }  # fmt: skip
    if section == "scenarios":  # not a rulebook with scenarios of its own
        content["rulebook"] = {"kind": "worst-case", "horizon_days": 1, "maintenance_ratio": 0.8}
    else:
        del content["scenarios"]
    content[section] |= more
    ways = {"/etc/hosts": "leads to /etc/hosts", "../x": "leads to"}
    if kind == TABLE:
        ways |= {"sqlite:///../outsider.db::t": f"leads to {tmp_path}/outsider.db",
                 "sqlite:////etc/hosts::t": "leads to /etc/hosts"}  # fmt: skip
    for value, said in ways.items():
        changed = {name: dict(keys) for name, keys in content.items()}
        changed[section][key] = [value] if kind == PATHS else value
        job = Path("jobs/job.toml")  # a path that does not begin at the root
        job.write_text(toml_of(changed))
        (problem,) = problems_of(job)
        assert problem.startswith(f"job.toml, [{section}] {key}: "), problem
        assert said in problem and "outside the folder of the job file" in problem


def toml_of(content):
    """Sections in TOML, whose texts and lists are those of JSON."""
    lines = ["valuation_time = 2026-01-02T08:00:00Z"]
    for name, keys in content.items():
        lines += [f"[{name}]", *(f"{key} = {json.dumps(value)}" for key, value in keys.items())]
    return "\n".join(lines) + "\n"


@pytest.mark.parametrize("way", ["dots", "link", "within"])
def test_a_database_file_of_a_job_named_from_elsewhere_is_held_to_it(
    job, tmp_path, monkeypatch, way
):
    monkeypatch.chdir(tmp_path)
    place = job.parent if way == "within" else tmp_path / "jobs"
    with sqlite3.connect(place / "outsider.db") as database:
        pd.read_parquet(job.parent / "positions.parquet").to_sql("positions", database, index=False)
    database.close()
    if way == "link":
        (job.parent / "inside.db").symlink_to(tmp_path / "jobs" / "outsider.db")
    name(job, {"dots": "sqlite:///../outsider.db::positions", "link": "sqlite:///inside.db::positions",
               "within": "sqlite:///outsider.db::positions"}[way])  # fmt: skip
    found = problems_of(Path("jobs/mine/job.toml"))
    if way == "within":
        assert found == []
        return
    (problem,) = found
    assert problem.startswith("job.toml, [book] positions: 'sqlite:///")
    assert f"leads to {tmp_path}/jobs/outsider.db, outside the folder of the job file" in problem


@pytest.mark.parametrize("path", ["a\\u0000b", "loop/positions.parquet", "x" * 5000])
def test_what_is_no_path_is_refused_without_a_traceback(job, path):
    (job.parent / "loop").symlink_to(job.parent / "loop")
    name(job, path)
    with pytest.raises(InvalidInputError) as caught:
        load_inputs(job)
    assert len(caught.value.problems) == 1


def test_a_job_file_reached_by_a_link_reads_beside_the_link(job, tmp_path):
    link = tmp_path / "job.toml"
    link.symlink_to(job)
    with pytest.raises(InvalidInputError, match="no such file"):
        load_inputs(link)


def test_the_command_ends_with_2_and_writes_nothing(job, tmp_path, run_command):
    name(job, "/etc/passwd")
    code, _, errors = run_command("margin", job, "--out", tmp_path / "out")
    assert code == 2 and "leads to /etc/passwd, outside the folder" in errors
    assert not (tmp_path / "out").exists()
    assert len(errors.strip().splitlines()) == 1


def test_a_link_that_is_pointed_elsewhere_stays_the_same_job(tmp_path):
    """As Kubernetes does with the files of a ConfigMap when they change."""
    for version in ("v1", "v2"):
        (tmp_path / version).mkdir()
        (tmp_path / version / "job.toml").touch()
    job, data = tmp_path / "job.toml", tmp_path / "..data"
    job.symlink_to("..data/job.toml")
    found = []
    for version in ("v1", "v2"):
        data.unlink(missing_ok=True)
        data.symlink_to(version)
        found.append((job_place(job), job_from(job, tmp_path / "a/out")))
    assert found == [(tmp_path.resolve() / "job.toml", "../../job.toml")] * 2


def test_a_job_is_named_from_results_behind_a_link_of_a_folder(tmp_path):
    (tmp_path / "disk/out").mkdir(parents=True)
    (tmp_path / "out").symlink_to(tmp_path / "disk/out")
    job = tmp_path / "job.toml"
    job.write_text("here")
    named = job_from(job, tmp_path / "out")
    assert named == "../../job.toml"
    assert (tmp_path / "out" / named).read_text() == "here"
