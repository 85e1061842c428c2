"""Cold and warm seconds of a run, told apart by JAX's own compile timers."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import jax.monitoring

__all__ = ["Seconds", "measured"]

_COMPILE_EVENTS = (
    "/jax/core/compile/jaxpr_trace_duration",
    "/jax/core/compile/jaxpr_to_mlir_module_duration",
    "/jax/core/compile/backend_compile_duration",
)


@dataclass
class Seconds:
    """Wall-clock seconds.

    Attributes:
        cold: of the run as it was, compiling included.
        compile: spent tracing, lowering and compiling, as JAX reports it.
    """

    cold: float = 0.0
    compile: float = 0.0

    @property
    def warm(self) -> float:
        """What the same run takes when nothing has to be compiled."""
        return max(self.cold - self.compile, 0.0)


@contextmanager
def measured() -> Iterator[Seconds]:
    """Measure the body; the result is complete after it."""
    seconds, running = Seconds(), True

    def listen(event: str, duration_secs: float, **_: str | int) -> None:
        if running and event in _COMPILE_EVENTS:
            seconds.compile += duration_secs

    jax.monitoring.register_event_duration_secs_listener(listen)
    start = time.perf_counter()
    try:
        yield seconds
    finally:
        seconds.cold = time.perf_counter() - start
        running = False
