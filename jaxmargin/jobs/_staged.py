"""Results that replace those of an earlier run all together, or not at all."""

import os
import secrets
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from jaxmargin.errors import require
from jaxmargin.io import make_folder, sync_folder
from jaxmargin.jobs.run._lock import locked

__all__ = ["held", "require_margin_folder", "staged"]

_MANIFEST = "manifest.json"
_STAGE = ".results."  # hidden, so that readers of a folder pass over it


def require_margin_folder(out: Path) -> None:
    """Raise `InvalidInputError` if `out` is the folder of another command that goes on in it."""
    for name, command in {"plan.json": "run", "updates": "watch"}.items():
        require(
            not (out / name).exists(),
            f"{out}: the folder of a run of jaxmargin {command}. Give another --out; what is "
            "there stays as it is.",
        )


@contextmanager
def held(out: Path) -> Iterator[Callable[[], None]]:
    """Hold the folder of results: at once if it is there, else when what is yielded is called.

    That makes the folder, so that nothing is there before there is something to write.

    Raises:
        FolderInUseError: another process holds it.
        OSError: it cannot be made or held.
    """
    with ExitStack() as stack:

        def hold() -> None:
            make_folder(out)
            stack.enter_context(locked(out, alone=True))

        if not out.exists():
            yield hold
            return
        hold()
        yield lambda: None


@contextmanager
def staged(out: Path) -> Iterator[Path]:
    """A folder to write results and `manifest.json` to, which replace those of `out` at the end.

    All are on the disk before the first of them gets its name. The old manifest is taken away
    before that and the new one comes last: a process that is killed in between leaves a folder
    without a manifest, which readers refuse, never tables of two runs with one. `out` is held by
    this process alone; what a killed one left half written is taken away.

    Raises:
        OSError: they cannot be written; what was there stays, unless the message says otherwise.
    """
    make_folder(out)
    for left in out.glob(f"{_STAGE}*"):
        shutil.rmtree(left)
    stage = out / f"{_STAGE}{secrets.token_hex(4)}"
    stage.mkdir()
    try:
        yield stage
        _replace_all(stage, out)
    except OSError as error:
        if error.filename is None or Path(str(error.filename)).parent != stage:
            raise
        path = out / Path(str(error.filename)).name
        raise OSError(error.errno, error.strerror, str(path)) from error
    finally:
        shutil.rmtree(stage, ignore_errors=True)


def _replace_all(stage: Path, out: Path) -> None:
    names = sorted(path.name for path in stage.iterdir() if path.name != _MANIFEST)
    path = out / _MANIFEST
    try:
        path.unlink(missing_ok=True)
        sync_folder(out)
        for name in names:
            path = out / name
            os.replace(stage / name, path)
        sync_folder(out)
        path = out / _MANIFEST
        os.replace(stage / _MANIFEST, path)
        sync_folder(out)
    except OSError as error:
        reason = error.strerror or str(error)
        told = f"cannot be replaced ({reason}). The folder may have tables of two runs; run again"
        raise OSError(error.errno, told, str(path)) from error
