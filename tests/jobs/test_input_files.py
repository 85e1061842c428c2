"""The SHA-256 of an input in results is that of the file that was read."""

import hashlib
import shutil

import pytest
from job_files import edit_text, make_job

import jaxmargin.jobs._allocation_inputs as allocation_inputs
import jaxmargin.jobs._load as load
from jaxmargin.errors import UnavailableInputError
from jaxmargin.jobs import load_inputs
from jaxmargin.jobs._allocation_inputs import load_allocation
from jaxmargin.jobs._facts import input_files, job_facts
from jaxmargin.jobs._venue_rulebooks import rulebook_library


@pytest.fixture(scope="module")
def job(tmp_path_factory):
    return make_job(tmp_path_factory.mktemp("inputs") / "job", accounts=3)


def writes(monkeypatch, module, name, file, content):
    """Have a reader of the module write to a file once it is done, as another program may."""
    reader = getattr(module, name)

    def read(*given, **named):
        found = reader(*given, **named)
        file.write_bytes(content)
        return found

    monkeypatch.setattr(module, name, read)


@pytest.mark.parametrize("name", ["job.toml", "positions.parquet"])
def test_a_file_that_is_replaced_while_inputs_are_read_is_told(job, monkeypatch, name):
    file = job.parent / name
    content = file.read_bytes()
    writes(monkeypatch, load, "read_book", file, content + b"\n")
    with pytest.raises(UnavailableInputError, match=f"{name}: written while it was read"):
        load_inputs(job)
    file.write_bytes(content)


def test_a_file_that_is_replaced_later_has_the_hash_of_what_was_read(job):
    inputs, file = load_inputs(job), job.parent / "positions.parquet"
    content = file.read_bytes()
    file.write_bytes(b"another")
    entries = {entry["file"]: entry["sha256"] for entry in job_facts(inputs)["inputs"]}
    assert entries[file.name] == hashlib.sha256(content).hexdigest()
    file.write_bytes(content)
    assert [each.path for each in inputs.files] == inputs.job.inputs()


def test_tables_of_collateral_are_looked_at_again_as_well(job, monkeypatch):
    inputs = load_inputs(job)
    file = inputs.job.allocation["schedule"]
    content = file.read_bytes()
    writes(monkeypatch, allocation_inputs, "read_inventory", file, b"another")
    with pytest.raises(UnavailableInputError, match=f"{file.name}: written while it was read"):
        load_allocation(inputs)
    file.write_bytes(content)


def test_settings_of_a_rulebook_which_are_read_last_must_still_be_those(job, tmp_path):
    shutil.copytree(job.parent, tmp_path / "job")
    venue, file = tmp_path / "job" / "job.toml", tmp_path / "job" / "rules.toml"
    shutil.copy(rulebook_library()["scan-grid"], file)
    parts = venue.read_text().split("\n[")
    kept = [part for part in parts if not part.startswith(("scenarios", "rulebook"))]
    section = 'rulebook]\nkind = "scan-grid"\nfile = "rules.toml"\n'
    venue.write_text("\n[".join([*kept, section]))
    inputs = load_inputs(venue)
    assert input_files(inputs) == inputs.files
    edit_text(file, "a", "b")
    with pytest.raises(UnavailableInputError, match=r"rules\.toml: written while it was read"):
        input_files(inputs)
