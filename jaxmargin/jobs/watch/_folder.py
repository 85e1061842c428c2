"""The folder of a watched job: one numbered folder for each update, and a link to the latest."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

from jaxmargin.io import make_folder

__all__ = ["last_number", "point_current", "publish", "take_away_old", "update_folder"]

_UPDATES, _CURRENT, _PARTIAL = "updates", "current", ".partial"


def update_folder(out: Path, number: int) -> Path:
    """The folder of the update of this number."""
    return out / _UPDATES / f"{number:06d}"


def last_number(out: Path) -> int:
    """Number of the latest update that is whole; 0 if there is none."""
    return max(_numbers(out), default=0)


def publish(out: Path, number: int, write: Callable[[Path], None]) -> Path:
    """Have `write` fill a folder, give it its number once it is whole, and point to it.

    Raises:
        OSError: it cannot be written; the update before is still the current one.
    """
    folder = update_folder(out, number)
    partial = folder.with_name(f".{folder.name}{_PARTIAL}")
    make_folder(folder.parent)
    for left in folder.parent.glob(f".*{_PARTIAL}"):  # of a process that was killed
        shutil.rmtree(left)
    partial.mkdir()
    try:
        write(partial)
        os.rename(partial, folder)
    except BaseException:
        shutil.rmtree(partial, ignore_errors=True)
        raise
    _sync(folder.parent)
    point_current(out, number)
    return folder


def point_current(out: Path, number: int) -> None:
    """Let `current` be the update of this number, at one stroke."""
    partial = out / f".{_CURRENT}{_PARTIAL}"
    partial.unlink(missing_ok=True)
    partial.symlink_to(update_folder(Path(), number), target_is_directory=True)
    os.replace(partial, out / _CURRENT)
    _sync(out)


def take_away_old(out: Path, keep: int | None) -> None:
    """Take away all updates but the latest `keep`; none where it is None."""
    if keep is not None:
        for number in sorted(_numbers(out))[:-keep]:
            shutil.rmtree(update_folder(out, number))


def _numbers(out: Path) -> list[int]:
    """Of the updates that are there; the manifest of each is written last."""
    found = (out / _UPDATES).glob("[0-9]*/manifest.json")
    return [int(file.parent.name) for file in found if file.parent.name.isdigit()]


def _sync(folder: Path) -> None:
    """Have the names in a folder on the disk."""
    number = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)
