"""What every job says of itself beside its tables."""

from typing import TYPE_CHECKING, Any

import pandas as pd

from jaxmargin.jobs._input_files import InputFile, require_unchanged
from jaxmargin.jobs._load import Inputs

if TYPE_CHECKING:
    from jaxmargin.jobs._clock import Seconds

__all__ = ["input_files", "job_facts", "job_seconds"]


def input_files(inputs: Inputs) -> tuple[InputFile, ...]:
    """The files of a job as they were read.

    Raises:
        UnavailableInputError: the file of [rulebook], which is read last, is another one by now.
    """
    late = inputs.job.rulebook.get("file")
    require_unchanged(file for file in inputs.files if file.path == late)
    return inputs.files


def job_facts(inputs: Inputs, *more: InputFile) -> dict[str, Any]:
    """Title, time, currency, hashes of all inputs, and settings of a job, in plain types.

    Args:
        inputs: the checked inputs.
        more: files that were read beside the job's own.

    Raises:
        UnavailableInputError: see `input_files`.
    """
    files = [*input_files(inputs), *more]
    return {
        "title": inputs.job.settings["title"],
        "created": pd.Timestamp.now("UTC").isoformat(timespec="seconds"),
        "currency": inputs.job.settings["numeraire"],
        "inputs": [{"file": file.path.name, "sha256": file.sha256} for file in files],
        "settings": inputs.job.resolved(),
    }


def job_seconds(read: float, computed: "Seconds") -> dict[str, float]:
    """Seconds to read the inputs, and to compute with and without compiling."""
    return {
        "read": round(read, 3),
        "cold": round(computed.cold, 3),
        "warm": round(computed.warm, 3),
    }
