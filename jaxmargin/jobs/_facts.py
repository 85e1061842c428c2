"""What every job says of itself beside its tables."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from jaxmargin.io import sha256
from jaxmargin.jobs._load import Inputs

if TYPE_CHECKING:
    from jaxmargin.jobs._clock import Seconds

__all__ = ["job_facts", "job_seconds"]


def job_facts(inputs: Inputs, *more: Path) -> dict[str, Any]:
    """Title, time, currency, hashes of all inputs, and settings of a job, in plain types.

    Args:
        inputs: the checked inputs.
        more: files that were read beside the job's own.
    """
    files = [*inputs.job.inputs(), *more]
    return {
        "title": inputs.job.settings["title"],
        "created": pd.Timestamp.now("UTC").isoformat(timespec="seconds"),
        "currency": inputs.job.settings["numeraire"],
        "inputs": [{"file": file.name, "sha256": sha256(file)} for file in files],
        "settings": inputs.job.resolved(),
    }


def job_seconds(read: float, computed: "Seconds") -> dict[str, float]:
    """Seconds to read the inputs, and to compute with and without compiling."""
    return {
        "read": round(read, 3),
        "cold": round(computed.cold, 3),
        "warm": round(computed.warm, 3),
    }
