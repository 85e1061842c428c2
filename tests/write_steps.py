"""The steps of writing files, at each of which a test may fail, full or kill what writes."""

import os
from pathlib import Path

__all__ = ["stop_at", "watch_steps"]


def watch_steps(act, patch=setattr):
    """Call `act` with the name of each step before it is done, and with what does half of it.

    A step is an open, a write or a sync of a file that is not whole yet, a rename, a folder made
    or a lock signed; only of a write is there a half.

    Args:
        act: may raise, or end the process.
        patch: sets an attribute of an object.
    """
    opened = Path.open

    class WatchedFile:
        def __init__(self, file):
            self._file = file

        def write(self, content):
            content = bytes(content)

            def half():
                self._file.write(content[: len(content) // 2])
                self._file.flush()

            act("write", half)
            return self._file.write(content)

        def __enter__(self):
            return self

        def __exit__(self, *error):
            self._file.close()

        def __getattr__(self, name):
            return getattr(self._file, name)

    def open_partial(path, mode="r", **settings):
        if path.suffix != ".partial":
            return opened(path, mode, **settings)
        act("open", lambda: None)
        return WatchedFile(opened(path, mode, **settings))

    def watched(name, real):
        return lambda *words, **named: (act(name, lambda: None), real(*words, **named))[1]

    patch(Path, "open", open_partial)
    for name in ("fsync", "replace", "mkdir", "ftruncate", "pwrite"):
        patch(os, name, watched(name, getattr(os, name)))


def stop_at(step, stop, patch=setattr):
    """Call `stop` at the step of that number, counted from 1, and at all that follow."""
    done = []

    def act(name, half):
        done.append(name)
        if len(done) >= step:
            half()
            stop()

    watch_steps(act, patch)
