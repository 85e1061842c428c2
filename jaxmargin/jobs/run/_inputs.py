"""What a run reads: the one place where its inputs are found and hashed."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from jaxmargin.errors import UnavailableInputError
from jaxmargin.io import Problems, remove_snapshots, sha256
from jaxmargin.jobs._input_files import file_facts, see_files
from jaxmargin.jobs._load import Inputs, load_inputs
from jaxmargin.jobs._settings import Job, read_job
from jaxmargin.jobs.run._beginning import begun_together
from jaxmargin.jobs.run._plan import PLAN_FILE, platform_facts

__all__ = ["load_run_inputs", "makes_of", "open_run_job", "snapshots_of"]

_SNAPSHOTS = "inputs"  # folder of tables of databases, as they were when the run began


def open_run_job(path: Path, out: Path) -> Job:
    """The job file of a run in the folder `out`.

    Raises:
        InvalidInputError: with every problem of the job file, or an input that is not there.
    """
    problems = Problems()
    job = read_job(path, problems, snapshots=out / _SNAPSHOTS)
    problems.raise_if_any()
    assert job is not None  # a job that cannot be used has problems
    return job


def load_run_inputs(path: Path, out: Path, makes: dict[str, Any] | None) -> Inputs:
    """Read and check all inputs of a run.

    Args:
        path: the job file.
        out: folder of the run.
        makes: what the inputs must still be, see `makes_of`; None if they are not hashed yet.

    Raises:
        InvalidInputError: with every problem of the inputs.
        UnavailableInputError: one changed meanwhile.
    """
    inputs = load_inputs(path, safeguards=True, snapshots=out / _SNAPSHOTS)
    if makes is not None and file_facts(inputs.files) != makes["inputs"]:
        raise UnavailableInputError(
            f"{path}: an input changed while it was read. Run again once nobody writes to them."
        )
    return inputs


@contextmanager
def snapshots_of(out: Path) -> Iterator[None]:
    """Keep the snapshots of tables of databases that the body takes, unless it begins no run.

    So that the next try reads the databases anew, however this one ends: what a killed process left
    is taken away when the next begins. Those of a run that is there stay, and so do those of other
    processes that are about to begin it, as shares of one run are: all go on with what the first
    of them read.
    """
    if (out / PLAN_FILE).exists():
        yield
        return

    def forget() -> None:
        if not (out / PLAN_FILE).exists():  # nobody began meanwhile
            remove_snapshots(out / _SNAPSHOTS)

    with begun_together(out, forget):
        yield


def makes_of(job: Job, accounts_per_shard: int) -> dict[str, Any]:
    """Everything that the results of a run depend on; see `RunPlan.makes`.

    Raises:
        InvalidInputError: a file is not there.
    """
    versions, device = platform_facts(job.settings["precision"])
    makes = {
        "inputs": _hashes(job),
        "settings": job.resolved(),
        "accounts_per_shard": accounts_per_shard,
        "versions": versions,
        "platform": device,
    }
    previous = (job.safeguards or {}).get("previous")
    if previous is not None and (previous / "manifest.json").is_file():
        makes["previous_manifest_sha256"] = sha256(previous / "manifest.json")
    return makes


def _hashes(job: Job) -> list[dict[str, Any]]:
    problems, files = Problems(), job.inputs()
    for file in files:
        if not file.is_file():
            cure = "Check the path; in a job file, paths count from its folder."
            problems.add(str(file), "no such file", cure)
    problems.raise_if_any()
    return file_facts(see_files(files))
