"""Says once that a run failed, wherever that was: in its log, its status and its metrics."""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from jaxmargin.jobs.run._lock import FolderInUseError
from jaxmargin.jobs.run._log import log_event
from jaxmargin.jobs.run._metrics import write_failure
from jaxmargin.jobs.run._progress import RunProgress

__all__ = ["failure_told"]


@contextmanager
def failure_told(metrics: Path | None) -> Iterator[Callable[[RunProgress], None]]:
    """Say that the body failed; why is for the caller alone to print.

    A folder that another run holds has the status and metrics of that one, which stay.

    Args:
        metrics: file for Prometheus.

    Yields:
        What to call once it is known how far the run is: its status and metrics then say so too.
    """
    known: list[RunProgress] = []
    try:
        yield known.append
    except BaseException as error:
        log_event("run failed", level=logging.ERROR, error=type(error).__name__)
        with suppress(OSError):  # as on a full disk: the status must not hide why
            if known:
                known[-1].write("failed", now=True)
            elif metrics is not None and not isinstance(error, FolderInUseError):
                write_failure(metrics)
        raise
