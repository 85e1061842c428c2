"""The time of day, and waiting that can be ended early."""

import threading
from datetime import UTC, datetime
from typing import Protocol, runtime_checkable

__all__ = ["Clock", "SystemClock"]


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
    """The machine's clock; `stop` ends a wait at once, and the loop after the work in hand."""

    def __init__(self) -> None:
        self._ended = threading.Event()

    def now(self) -> datetime:
        """See `Clock.now`."""
        return datetime.now(UTC)

    def wait(self, seconds: float) -> bool:
        """See `Clock.wait`."""
        return self._ended.wait(seconds)

    def stop(self) -> None:
        """Have the loop end; safe to call from a signal handler or another thread."""
        self._ended.set()
