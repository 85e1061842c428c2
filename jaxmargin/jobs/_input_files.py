"""Files that a job reads, as they were when it read them."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jaxmargin.io import Problems, sha256

__all__ = ["InputFile", "file_facts", "require_unchanged", "see_files"]


@dataclass(frozen=True)
class InputFile:
    """A file as it was seen.

    Attributes:
        path: of the file.
        bytes: its size.
        sha256: hexadecimal, of its bytes.
    """

    path: Path
    bytes: int
    sha256: str


def see_files(paths: Iterable[Path]) -> tuple[InputFile, ...]:
    """The files as they are now; those that are not there are left to their readers to tell."""
    return tuple(file for path in paths if (file := _see(path)) is not None)


def file_facts(files: Iterable[InputFile]) -> list[dict[str, Any]]:
    """What a manifest says of files: name, bytes and SHA-256."""
    return [{"file": f.path.name, "bytes": f.bytes, "sha256": f.sha256} for f in files]


def require_unchanged(files: Iterable[InputFile]) -> None:
    """Raise `UnavailableInputError` for every file that is no longer as it was seen.

    Seen before it is read and looked at again after, a file is known to be the one that was read,
    so that its SHA-256 stands for what was computed.
    """
    problems = Problems()
    for file in files:
        if _see(file.path) != file:
            cure = "Run again once nobody writes to it."
            problems.add(file.path.name, "written while it was read", cure, passing=True)
    problems.raise_if_any()


def _see(path: Path) -> InputFile | None:
    try:
        if not path.is_file():  # nor waits for a pipe
            return None
        return InputFile(path, path.stat().st_size, sha256(path))
    except OSError:
        return None
