"""The time of day, and waiting that can be ended early."""

import os
import select
import weakref
from datetime import UTC, datetime
from typing import Protocol, runtime_checkable

__all__ = ["Clock", "SystemClock"]

_LONGEST_WAIT = 86_400.0  # seconds in one go, for what the system can count; then it is a look


@runtime_checkable
class Clock(Protocol):
    """What tells a loop the time and lets it wait; tests have one that does not wait."""

    def now(self) -> datetime:
        """The time, in UTC."""
        ...

    def wait(self, seconds: float) -> bool:
        """Wait, at most so long; whether the loop is to end."""
        ...


class SystemClock:
    """The machine's clock; `stop` ends a wait at once, and the loop after the work in hand.

    A byte in a pipe ends the wait: a `threading.Event` has a lock, which a signal handler that
    runs while the same thread holds it would wait for forever.
    """

    def __init__(self) -> None:
        self._ended = False
        self._read, self._write = os.pipe()
        os.set_blocking(self._write, False)
        weakref.finalize(self, _close, self._read, self._write)

    def now(self) -> datetime:
        """See `Clock.now`."""
        return datetime.now(UTC)

    def wait(self, seconds: float) -> bool:
        """See `Clock.wait`."""
        woken = select.poll()
        woken.register(self._read, select.POLLIN)
        woken.poll(1000.0 * min(seconds, _LONGEST_WAIT))
        return self._ended

    def stop(self) -> None:
        """Have the loop end; safe to call from a signal handler or another thread."""
        if not self._ended:
            self._ended = True
            os.write(self._write, b"x")


def _close(*numbers: int) -> None:
    for number in numbers:
        os.close(number)
