"""Which input files have changed: by size and time of writing first, then by SHA-256."""

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from jaxmargin.io import sha256

__all__ = ["Look", "Stamp", "changed", "look"]

# A file that was written so shortly before it was hashed may be written again without another
# time of writing, where clocks of file systems are coarse; it is hashed at the next look too.
_SETTLED_NANOSECONDS = 2_000_000_000


@dataclass(frozen=True)
class Stamp:
    """A file as it was seen.

    Attributes:
        bytes: size.
        written: time of the last writing, in nanoseconds.
        inode: of the file system; a file that was put in the place of another has its own.
        sha256: of its bytes.
        settled: whether the time of writing was old enough to tell a later writing by.
    """

    bytes: int
    written: int
    inode: int
    sha256: str
    settled: bool


Look = Mapping[Path, Stamp | None]
"""Files as they were seen; None for one that is not there or cannot be read."""


def look(files: Iterable[Path], before: Look) -> dict[Path, Stamp | None]:
    """Stamps of `files` now; what size and time show to be as in `before` is not read again."""
    return {file: _stamp(file, before.get(file)) for file in files}


def _stamp(file: Path, before: Stamp | None) -> Stamp | None:
    try:
        facts, now = file.stat(), time.time_ns()
        size, written, inode = facts.st_size, facts.st_mtime_ns, facts.st_ino
        if (
            before is not None
            and before.settled
            and (before.bytes, before.written, before.inode) == (size, written, inode)
        ):
            return before
        settled = written < now - _SETTLED_NANOSECONDS
        return Stamp(size, written, inode, sha256(file), settled)
    except OSError:
        return None


def changed(before: Look, now: Look) -> list[Path]:
    """Files whose bytes differ between two looks, or that only one of them has."""
    files = dict.fromkeys([*before, *now])
    return [file for file in files if _hash(before.get(file)) != _hash(now.get(file))]


def _hash(stamp: Stamp | None) -> str | None:
    return None if stamp is None else stamp.sha256
