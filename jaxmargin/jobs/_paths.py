"""Which files a job file may name: below its own folder, or one that the user allows."""

import os
from pathlib import Path

__all__ = ["ROOT_VARIABLE", "job_from", "job_place", "outside"]

ROOT_VARIABLE = "JAXMARGIN_DATA_ROOT"


def job_place(path: Path) -> Path:
    """A job file as its tables are counted from: its folder resolved, but not a link that it is.

    So that a link to a job file elsewhere, as Kubernetes makes for those of a ConfigMap and
    points to another file whenever they change, stays the same job with the same tables.
    """
    return path.parent.resolve() / path.name


def job_from(path: Path, out: Path) -> str:
    """A job file as it is written into results in the folder `out`: counted from there."""
    return Path(os.path.relpath(job_place(path), out.resolve())).as_posix()


def outside(folder: Path, path: Path) -> str | None:
    """Why `path` may not be read by a job file in `folder`, to follow the path; None if it may.

    It must lie below the folder, or below that of the environment variable JAXMARGIN_DATA_ROOT,
    symbolic links and `..` followed: so that a job file of someone else cannot read elsewhere.

    Args:
        folder: where the job file is.
        path: counted from `folder`, or absolute.
    """
    root = os.environ.get(ROOT_VARIABLE, "")
    try:
        place = (folder / path).resolve()
        allowed = [folder.resolve(), *([Path(root).resolve()] if root else [])]
    except (OSError, ValueError, RuntimeError):  # a link to itself, or a byte of zero
        return "is no path"
    if any(place.is_relative_to(each) for each in allowed):
        return None
    also = f" and outside {ROOT_VARIABLE}, {allowed[-1]}" if root else ""
    return f"leads to {place}, outside the folder of the job file{also}"
