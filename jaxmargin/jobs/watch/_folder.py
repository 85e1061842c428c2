"""The folder of a watched job: one numbered folder for each update, and a link to the latest."""

import logging
import os
import secrets
import shutil
from collections.abc import Callable
from pathlib import Path

from jaxmargin.io import make_folder, sync_folder
from jaxmargin.jobs.run._log import log_event

__all__ = ["last_number", "publish", "settle_folder", "update_folder"]

_UPDATES, _CURRENT, _PARTIAL = "updates", "current", ".partial"


def update_folder(out: Path, number: int) -> Path:
    """The folder of the update of this number."""
    return out / _UPDATES / f"{number:06d}"


def last_number(out: Path) -> int:
    """Number of the latest update that is whole; 0 if there is none."""
    return max(_numbers(out), default=0)


def publish(out: Path, number: int, write: Callable[[Path], None]) -> None:
    """Have `write` fill a folder, and give it its number once it is whole: then it counts.

    Raises:
        OSError: it cannot be written, and there is no update of that number.
    """
    folder = update_folder(out, number)
    make_folder(folder.parent)
    for left in folder.parent.glob(f".*{_PARTIAL}"):  # of a process that was killed
        shutil.rmtree(left, ignore_errors=True)
    partial = _hidden(folder)
    partial.mkdir()
    try:
        write(partial)
        os.rename(partial, folder)
    except BaseException:
        shutil.rmtree(partial, ignore_errors=True)
        raise


def settle_folder(out: Path, number: int, keep: int | None) -> list[str]:
    """Have an update on the disk, `current` point to it, and only the latest `keep` stay.

    It is there already, so nothing of this may fail it: what cannot be done is logged, and done
    when asked again.

    Returns:
        A problem if `current` points elsewhere, as who reads it then reads an earlier update.
    """
    _tried("updates cannot be brought to the disk", lambda: sync_folder(out / _UPDATES))
    reason = None
    if not _is_current(out, number):
        reason = _tried("current cannot be written", lambda: _point_current(out, number))
    if reason is None:
        _tried("old updates cannot be taken away", lambda: _take_away_old(out, keep))
        return []
    return [
        f"{out / _CURRENT}: cannot be written ({reason}), so that it may point to an update before "
        f"{number}. Read {update_folder(out, number)}; it is tried again at the next look."
    ]


def _is_current(out: Path, number: int) -> bool:
    try:
        return Path(os.readlink(out / _CURRENT)) == update_folder(Path(), number)
    except OSError:
        return False


def _point_current(out: Path, number: int) -> None:
    """Let `current` be the update of this number, at one stroke."""
    partial = out / f".{_CURRENT}{_PARTIAL}"
    partial.unlink(missing_ok=True)
    partial.symlink_to(update_folder(Path(), number), target_is_directory=True)
    os.replace(partial, out / _CURRENT)
    _tried("current cannot be brought to the disk", lambda: sync_folder(out))


def _take_away_old(out: Path, keep: int | None) -> None:
    """Take away all updates but the latest `keep`; none where it is None.

    Each loses its number first: if that is as far as it gets, the next update takes the rest away.
    """
    if keep is None:
        return
    kept = sorted(_numbers(out))[-keep:]
    for folder in (out / _UPDATES).glob("[0-9]*"):
        if folder.name.isdigit() and int(folder.name) < min(kept, default=0):
            hidden = _hidden(folder)
            os.rename(folder, hidden)
            shutil.rmtree(hidden)


def _tried(event: str, action: Callable[[], None]) -> str | None:
    """Why an action could not be done, which is logged; None if it was."""
    try:
        action()
    except OSError as error:
        reason = error.strerror or type(error).__name__
        log_event(event, level=logging.WARNING, reason=reason)
        return reason
    return None


def _hidden(folder: Path) -> Path:
    """Another name that no process uses, and that no reader takes for an update."""
    return folder.with_name(f".{folder.name}.{secrets.token_hex(4)}{_PARTIAL}")


def _numbers(out: Path) -> list[int]:
    """Of the updates that are there; the manifest of each is written last."""
    found = (out / _UPDATES).glob("[0-9]*/manifest.json")
    return [int(file.parent.name) for file in found if file.parent.name.isdigit()]
