"""A job file reads below its own folder, or below one that the user allows, and nowhere else."""

import pytest
from job_files import edit_text, make_job

from jaxmargin.errors import InvalidInputError
from jaxmargin.io import Problems
from jaxmargin.jobs import load_inputs, read_job

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


def test_every_path_of_a_job_file_is_held_to_it(job):
    edit_text(job, 'history = "history.parquet"', 'history = "/h.parquet"')
    job.write_text(job.read_text() + '[safeguards]\nset = "emir"\nprevious = "../day1/out"\n')
    found = problems_of(job)
    assert [problem.split(":")[0] for problem in found] == [
        f"{job.name}, [scenarios] history", f"{job.name}, [safeguards] previous",
    ]  # fmt: skip


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
