"""A margin run to look back at: a job file, or the folder that holds the results of one."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from jaxmargin.errors import InvalidInputError, UnavailableInputError
from jaxmargin.io import Column, Problems, Table, read_json, read_table, sha256
from jaxmargin.jobs._load import Inputs, load_inputs
from jaxmargin.jobs._settings import read_job

__all__ = ["PastRun", "read_run"]

_REQUIREMENTS = Table(
    "requirements", (Column("account", "text"), Column("initial", "number")), key=("account",)
)


@dataclass(frozen=True)
class PastRun:
    """One of the runs to compare.

    Attributes:
        path: the job file or the folder, as given.
        inputs: what the job reads, checked.
        published: initial margin by account as the folder has it; None for a job file.
        manifest: of the folder; empty for a job file.
    """

    path: Path
    inputs: Inputs
    published: pd.Series | None
    manifest: dict[str, Any]


def read_run(path: Path, *, safeguards: bool = False) -> PastRun:
    """Read a run; the inputs of a folder's must be those that its manifest states.

    Args:
        path: a job file, or a folder that `run_margin` wrote.
        safeguards: see `load_inputs`.

    Raises:
        InvalidInputError: with every problem of the inputs, every input that has changed since
            the run, or no such file or no usable manifest.
    """
    if not path.is_dir():
        return PastRun(path, load_inputs(path, safeguards=safeguards), None, {})
    manifest = _read_manifest(path)
    job = path / manifest["job"]
    snapshots = path / "inputs" if (path / "inputs").is_dir() else None
    _require_unchanged(path, job, manifest["inputs"], snapshots)
    inputs = load_inputs(job, safeguards=safeguards, snapshots=snapshots)
    stated = [entry["sha256"] for entry in manifest["inputs"]]
    if [file.sha256 for file in inputs.files] != stated:
        raise UnavailableInputError(
            f"{path}: an input was written meanwhile. Try again once nobody writes to them."
        )
    return PastRun(path, inputs, _read_published(path), manifest)


def _read_manifest(folder: Path) -> dict[str, Any]:
    file = folder / "manifest.json"
    cure = "Give a job file, or the --out folder of jaxmargin margin."
    if not file.is_file():
        raise InvalidInputError(f"{folder}: no manifest.json in this folder. {cure}")
    manifest = read_json(file, "manifest", Problems()) or {}
    try:
        entries = [(entry["file"], entry["sha256"]) for entry in manifest["inputs"]]
    except (KeyError, TypeError):
        raise InvalidInputError(f"{file}: not a manifest of jaxmargin margin. {cure}") from None
    if not isinstance(manifest.get("job"), str) or not entries:
        raise InvalidInputError(
            f"{file}: it does not name its job file, as earlier versions did not. Run the job "
            "again, or give the job file instead."
        )
    return manifest


def _require_unchanged(
    folder: Path, job: Path, recorded: list[dict[str, Any]], snapshots: Path | None
) -> None:
    """Raise unless every input has the SHA-256 of the manifest; the job file is the first."""
    cure = f"Inputs changed since the run in {folder}; run it again."
    if not job.is_file():
        raise InvalidInputError(
            f"{job}: the job file of the run in {folder} is not there. Put it back beside its "
            "inputs, or give another run."
        )
    if sha256(job) != recorded[0]["sha256"]:
        raise InvalidInputError(f"{job}: not the SHA-256 that manifest.json states. {cure}")
    problems = Problems()
    read = read_job(job, problems, snapshots=snapshots)
    problems.raise_if_any()
    assert read is not None  # a job that cannot be used has problems
    files = read.inputs()
    if len(files) != len(recorded):
        raise InvalidInputError(
            f"{folder}/manifest.json: it has {len(recorded)} of the {len(files)} files that "
            f"{job.name} reads, as earlier versions left out that of [rulebook]. Run the job again."
        )
    for file, entry in zip(files, recorded, strict=True):
        named = read.snapshots.labels.get(file, str(file))
        if not file.is_file():
            problems.add(named, "not there any more", cure)
        elif sha256(file) != entry["sha256"]:
            problems.add(named, "not the SHA-256 that manifest.json states", cure)
    problems.raise_if_any()


def _read_published(folder: Path) -> pd.Series:
    file, problems = folder / "requirements.parquet", Problems()
    files = sorted(file.glob("*.parquet")) if file.is_dir() else [file]
    tables = [read_table(part, _REQUIREMENTS, problems) for part in files]
    if problems.found or not tables:
        why = problems.found or [f"{file}: no table in this folder."]
        raise InvalidInputError([f"{one} Run the job again, or give the job file." for one in why])
    whole = pd.concat([table for table in tables if table is not None], ignore_index=True)
    return whole.set_index("account")["initial"]
