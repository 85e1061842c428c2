"""Who may write to the folder of a run: one process, or several that share its shards out."""

import fcntl
import json
import os
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from jaxmargin.errors import JobError

__all__ = ["FolderInUseError", "is_locked", "locked", "locked_shard"]

_LOCK = "lock"
_SHARD_LOCKS = "locks"
_PATIENCE, _PAUSE = 1.0, 0.05  # seconds: `is_locked` holds the lock for a moment


class FolderInUseError(JobError):
    """Another process writes to the folder of a run."""

    exit_code = 5


@contextmanager
def locked(out: Path, *, alone: bool) -> Iterator[Callable[[], bool]]:
    """Hold the folder of a run; it is free again when the process ends, however that happens.

    Args:
        out: the folder, which is there.
        alone: whether no other process may hold it at once.

    Yields:
        What a process that has shared it calls at its end: whether it now holds it alone. If not,
        it holds it no more.

    Raises:
        FolderInUseError: another process holds it.
        OSError: the file system has no locks, or no room for a word in the file.
    """
    path = out / _LOCK
    with _named(path):
        number = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        with _named(path):
            free = _taken(number, fcntl.LOCK_EX if alone else fcntl.LOCK_SH, _PATIENCE)
        if not free:
            raise FolderInUseError(
                f"{out}: another run is at work in this folder{_holder(path)}. Wait until it ends, "
                "or give another --out."
            )
        with _named(path):
            _sign(number)
        yield lambda: _taken(number, fcntl.LOCK_EX, 0.0)
    finally:
        os.close(number)


@contextmanager
def locked_shard(out: Path, shard: int) -> Iterator[bool]:
    """Hold one shard of a folder that processes share; whether no other process holds it.

    Raises:
        OSError: see `locked`.
    """
    path = out / _SHARD_LOCKS / f"{shard:05d}"
    with _named(path):
        path.parent.mkdir(exist_ok=True)
        number = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        with _named(path):
            free = _taken(number, fcntl.LOCK_EX, 0.0)
        yield free
    finally:
        os.close(number)


def is_locked(out: Path) -> bool | None:
    """Whether a process holds the folder now; None if that cannot be told.

    NFS gives no lock to who only reads, local disks do.
    """
    for way in (os.O_RDWR, os.O_RDONLY):
        try:
            number = os.open(out / _LOCK, way)
        except FileNotFoundError:
            return False
        except OSError:
            continue
        try:
            return not _taken(number, fcntl.LOCK_EX, 0.0)
        except OSError:
            return None
        finally:
            os.close(number)
    return None


@contextmanager
def _named(path: Path) -> Iterator[None]:
    """Say of an error of the system which file it is about, and what to do."""
    try:
        yield
    except OSError as error:
        reason = error.strerror or type(error).__name__
        cure = "What is there is as it was. Make room, or give an --out on a disk that has locks"
        raise OSError(error.errno, f"cannot be held ({reason}). {cure}", str(path)) from error


def _taken(number: int, kind: int, patience: float) -> bool:
    """Whether the lock could be taken within so many seconds."""
    until = time.monotonic() + patience
    while True:
        try:
            fcntl.flock(number, kind | fcntl.LOCK_NB)
            return True
        except BlockingIOError:
            if time.monotonic() >= until:
                return False
            time.sleep(_PAUSE)


def _sign(number: int) -> None:
    """Write who holds the lock, for those that find it taken."""
    since = datetime.now(UTC).isoformat(timespec="seconds")
    holder = {"pid": os.getpid(), "host": socket.gethostname(), "since": since}
    os.ftruncate(number, 0)
    os.pwrite(number, (json.dumps(holder) + "\n").encode(), 0)


def _holder(path: Path) -> str:
    """Who holds the lock, in words; nothing if that cannot be read."""
    try:
        holder = json.loads(path.read_text())
        return f" (process {holder['pid']} on {holder['host']} since {holder['since']})"
    except (OSError, ValueError, KeyError, TypeError):
        return ""
