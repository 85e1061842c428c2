"""The clock of a watched job, which signals stop."""

import sys
import threading
import time

from jaxmargin.jobs import SystemClock

_PATIENCE = 10.0  # seconds for what takes none


def _wait(line):
    """How many steps a short wait has that is stopped at that one, and whether it ended.

    As a signal handler does, `stop` runs in the thread that waits, between two of its lines.
    """
    clock, steps, ended = SystemClock(), [], []

    def trace(frame, event, argument):
        if frame.f_code is SystemClock.stop.__code__:
            return None
        steps.append(event)
        if len(steps) == line:
            clock.stop()
        return trace

    def wait():
        sys.settrace(trace)
        clock.wait(0.01)
        sys.settrace(None)
        ended.append(clock.wait(0.01))

    thread = threading.Thread(target=wait, daemon=True)
    thread.start()
    thread.join(_PATIENCE)
    return len(steps), ended


def test_a_signal_at_any_line_of_a_wait_ends_it_and_the_next():
    steps, ended = _wait(0)
    assert ended == [False] and steps >= 4
    for line in range(1, steps + 1):
        assert _wait(line)[1] == [True], line


def test_a_stop_before_or_in_a_wait_ends_it_and_those_after_it_at_once():
    clock, begin = SystemClock(), time.monotonic()
    assert not clock.wait(0.0)
    threading.Timer(0.01, clock.stop).start()
    assert clock.wait(_PATIENCE) and clock.wait(_PATIENCE)
    clock.stop()
    assert clock.wait(_PATIENCE) and time.monotonic() - begin < _PATIENCE
