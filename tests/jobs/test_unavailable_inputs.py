"""Inputs that another try may find sound end a job with another exit code than bad ones."""

import pickle
import re
import socket
from pathlib import Path

import pytest
from job_files import edit_text, make_job

from jaxmargin.errors import InvalidInputError, UnavailableInputError
from jaxmargin.io import Problems
from jaxmargin.jobs.run._inputs import load_run_inputs, makes_of, open_run_job

ROOT = Path(__file__).parents[2]


@pytest.fixture
def job(tmp_path):
    """One whose positions are on a server that is not there."""
    pytest.importorskip("psycopg")
    pytest.importorskip("sqlalchemy")
    path = make_job(tmp_path)
    with socket.socket() as taken:  # a port where nobody listens
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
    url = f"postgresql+psycopg://risk@127.0.0.1:{port}/book::positions"
    edit_text(path, '"positions.parquet"', f'"{url}"')
    return path


@pytest.mark.parametrize("command", ["run", "margin"])
def test_a_server_that_is_down_is_not_bad_input(job, run_command, command):
    code, _, errors = run_command(command, job, "--out", job.parent / "out")
    assert code == 1
    lines = errors.strip().splitlines()
    assert len(lines) == 1 and lines[0].startswith("error: ") and "cannot be read (" in lines[0]


def test_bad_input_beside_a_server_that_is_down_is_bad_input(job, run_command):
    edit_text(job, "level = 0.975", "level = 2.0")
    code, _, errors = run_command("run", job, "--out", job.parent / "out")
    assert code == 2
    assert "level" in errors


def test_an_input_that_changes_while_it_is_read_is_not_bad_input(tmp_path):
    job, out = make_job(tmp_path), tmp_path / "out"
    makes = makes_of(open_run_job(job, out), 10)
    file = tmp_path / "positions.parquet"
    makes["inputs"] = [
        entry | {"sha256": "0" * 64} if entry["file"] == file.name else entry
        for entry in makes["inputs"]
    ]
    with pytest.raises(UnavailableInputError, match="changed while it was read") as caught:
        load_run_inputs(job, out, makes)
    assert caught.value.exit_code == 1


def test_problems_that_may_pass_are_told_apart_only_if_there_are_no_others():
    problems = Problems()
    problems.add("a", "busy", "Wait.", passing=True)
    with pytest.raises(UnavailableInputError):
        problems.raise_if_any()
    problems.add("b", "wrong", "Mend it.")
    with pytest.raises(InvalidInputError) as caught:
        problems.raise_if_any()
    assert not isinstance(caught.value, UnavailableInputError)
    assert caught.value.problems == ("a: busy. Wait.", "b: wrong. Mend it.")


def test_an_error_of_a_worker_stays_what_it_is():
    found = pickle.loads(pickle.dumps(UnavailableInputError(["a", "b"])))
    assert type(found) is UnavailableInputError and found.problems == ("a", "b")


def test_the_job_of_kubernetes_gives_up_on_bad_input_alone():
    text = (ROOT / "examples/batch/kubernetes_job.yaml").read_text()
    assert re.findall(r"action: (\w+)", text) == ["FailJob"]
    assert re.findall(r"values: \[(.*)\]", text) == ["2"]
