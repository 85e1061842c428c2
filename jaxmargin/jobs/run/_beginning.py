"""Processes that begin one run at once, before it has a plan."""

import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from jaxmargin.io import make_folder

__all__ = ["begun_together"]

_LOCK = Path("locks") / "inputs"  # beside those of shards


@contextmanager
def begun_together(out: Path, forget: Callable[[], None]) -> Iterator[None]:
    """Run the body beside other processes that begin in the folder `out`, which is made.

    Whoever comes while nobody else is there forgets what processes left that are no more. Whoever
    fails while nobody else is there does the same, and takes away the folders that it made.

    Args:
        out: folder of a run.
        forget: what takes away what was left; nobody else is in the body then.

    Raises:
        OSError: the folder cannot be made, or has no locks.
    """
    made = [folder for folder in (out, *out.parents) if not folder.exists()]
    number = _opened(out, forget)
    try:
        yield
    except BaseException:
        if _is_alone(number):
            forget()
            with suppress(OSError):  # it holds something, such as another run
                (out / _LOCK).unlink()
                for folder in ((out / _LOCK).parent, *made):
                    folder.rmdir()
        raise
    finally:
        os.close(number)


def _opened(out: Path, forget: Callable[[], None]) -> int:
    """The lock, shared; it was held alone to forget if nobody else had it."""
    while True:
        with suppress(FileNotFoundError):  # another process failed and takes its folder away
            make_folder((out / _LOCK).parent)
            number = os.open(out / _LOCK, os.O_RDWR | os.O_CREAT, 0o644)
            try:
                alone = _is_alone(number)  # of two that come at once one is first
                if alone and _is_there(out, number):
                    forget()
                fcntl.flock(number, fcntl.LOCK_SH)
                if _is_there(out, number):
                    return number
            except BaseException:
                os.close(number)
                raise
            os.close(number)


def _is_alone(number: int) -> bool:
    """Whether the lock could be taken alone; if not, it is not held at all any more."""
    try:
        fcntl.flock(number, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _is_there(out: Path, number: int) -> bool:
    """Whether the lock is the file that the next process would open."""
    try:
        return os.path.samestat(os.stat(out / _LOCK), os.fstat(number))
    except FileNotFoundError:
        return False
