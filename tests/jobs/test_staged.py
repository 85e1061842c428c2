"""Results replace those of an earlier run together: whatever step fails, no folder is mixed."""

import errno
import json
import os
from pathlib import Path

import pandas as pd
import pytest
from job_files import edit_text, make_job
from write_steps import stop_at

from jaxmargin.errors import InvalidInputError
from jaxmargin.io import write_json, write_table
from jaxmargin.jobs import run_margin
from jaxmargin.jobs._past_run import read_run
from jaxmargin.jobs._staged import held, require_margin_folder, staged
from jaxmargin.jobs.run import FolderInUseError
from jaxmargin.jobs.run._lock import is_locked, locked

TABLES = ("requirements", "components")


def write(out, number):
    """Results of the run of a number: the number in both tables and in the manifest."""
    with staged(out) as folder:
        for name in TABLES:
            write_table(pd.DataFrame({"run": [number]}), folder / f"{name}.parquet")
        write_json({"run": number}, folder / "manifest.json")


def told(out):
    """Numbers of the runs that tables are of, and that of the manifest; None without one."""
    path = out / "manifest.json"
    tables = {int(pd.read_parquet(out / f"{name}.parquet")["run"][0]) for name in TABLES}
    return tables, json.loads(path.read_text())["run"] if path.exists() else None


class KilledError(BaseException):
    """Ends the process at a step, as far as files can tell."""


def killed():
    raise KilledError


def full():
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@pytest.mark.parametrize(("stop", "error"), [(killed, KilledError), (full, OSError)])
def test_a_run_that_ends_at_any_step_leaves_old_or_new_results_or_no_manifest(
    tmp_path, monkeypatch, stop, error
):
    out, step, found = tmp_path / "out", 0, []
    while True:
        step += 1
        write(out, 1)
        with monkeypatch.context() as patch:
            stop_at(step, stop, patch.setattr)
            try:
                write(out, 2)
            except error:
                tables, manifest = told(out)
                found.append(manifest)
                assert manifest is None or tables == {manifest}
            else:
                break
    assert found.count(1) > 15  # opens, writes and syncs of three files
    assert 0 < found.count(None) <= 6  # renames of two tables and what lies between
    assert told(out) == ({2}, 2)


def test_a_full_disk_is_told_with_the_name_that_the_file_was_to_have(tmp_path, monkeypatch):
    out = tmp_path / "out"
    write(out, 1)
    with monkeypatch.context() as patch:
        stop_at(3, full, patch.setattr)  # the folder, an open, half a write
        with pytest.raises(OSError, match="Make room") as caught:
            write(out, 2)
    assert caught.value.filename == str(out / "requirements.parquet")
    assert sorted(os.listdir(out)) == [
        "components.parquet",
        "manifest.json",
        "requirements.parquet",
    ]


def test_what_a_killed_process_left_is_taken_away(tmp_path):
    left = tmp_path / "out/.results.0a1b2c3d"
    left.mkdir(parents=True)
    (left / ".requirements.parquet.0a1b2c3d.partial").write_bytes(b"half")
    write(tmp_path / "out", 1)
    assert not left.exists()


@pytest.mark.parametrize(("name", "command"), [("plan.json", "run"), ("updates", "watch")])
def test_margin_refuses_the_folder_of_a_command_that_goes_on_in_it(tmp_path, name, command):
    (tmp_path / name).mkdir()
    with pytest.raises(InvalidInputError, match=f"a run of jaxmargin {command}"):
        require_margin_folder(tmp_path)
    require_margin_folder(tmp_path / name)


def test_one_process_at_a_time_margins_into_a_folder(tmp_path):
    job = make_job(tmp_path)
    (tmp_path / "out").mkdir()
    with locked(tmp_path / "out", alone=True), pytest.raises(FolderInUseError) as caught:
        run_margin(job, tmp_path / "out")
    assert caught.value.exit_code == 5


def test_a_folder_is_made_and_held_only_when_there_is_something_to_write(tmp_path):
    out = tmp_path / "new/out"
    with held(out) as hold:
        assert not out.exists()
        hold()
        assert is_locked(out)
    with held(out):
        assert is_locked(out)
    assert not is_locked(out)


@pytest.fixture(scope="module")
def linked(tmp_path_factory):
    """A job file that is a link to one in another folder, as of a ConfigMap, and its results."""
    job = make_job(tmp_path_factory.mktemp("job"))
    folder = job.parent / "..data"
    folder.mkdir()
    job.rename(folder / job.name)
    job.symlink_to(folder / job.name)
    run_margin(job, job.parent / "out")
    return job, job.parent / "out"


def test_results_name_a_job_file_that_is_a_link_by_where_its_tables_are_counted_from(linked):
    job, out = linked
    named = out / json.loads((out / "manifest.json").read_text())["job"]
    assert Path(os.path.normpath(named)) == job.parent.resolve() / job.name
    assert len(read_run(out).published) == 12


def test_a_full_disk_while_margin_writes_leaves_the_results_of_the_last_run(linked, monkeypatch):
    job, out = linked
    before = {p.name: p.read_bytes() for p in out.iterdir() if p.name != "lock"}
    edit_text(job, "round_to = 0.01", "round_to = 1.0")
    opened, seen = Path.open, []

    def open_few(path, mode="r", **settings):
        if path.suffix == ".partial":
            seen.append(path)
            if len(seen) == 2:
                full()
        return opened(path, mode, **settings)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "open", open_few)
        with pytest.raises(OSError, match="Make room"):
            run_margin(job, out)
    assert {p.name: p.read_bytes() for p in out.iterdir() if p.name != "lock"} == before
    run_margin(job, out)
    assert (out / "requirements.parquet").read_bytes() != before["requirements.parquet"]
