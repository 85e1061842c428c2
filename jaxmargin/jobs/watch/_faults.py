"""What went wrong at a look: in the log without what the book holds, or as a problem."""

import logging
import traceback
from pathlib import Path

from jaxmargin.jobs.run._log import log_event

__all__ = ["log_fault", "of_the_machine"]


def log_fault(event: str, error: Exception) -> None:
    """Log the type of an error and where it was raised; its message may name what a book holds."""
    where = traceback.extract_tb(error.__traceback__)[-1]
    log_event(
        event, level=logging.ERROR, error=type(error).__name__, file=Path(where.filename).name,
        line=where.lineno,
    )  # fmt: skip


def of_the_machine(error: OSError | MemoryError, out: Path) -> str:
    """A problem that inputs are not to blame for, with the file, or else the folder `out`."""
    if isinstance(error, OSError):
        where, reason = error.filename or out, error.strerror or str(error) or type(error).__name__
        cure = "It is tried again at the next look; make room, or allow what is refused"
        return f"{where}: {reason.rstrip('.')}. {cure}."
    return str(error) or "Memory ran out. Give fewer scenarios or accounts."
