"""Cold and warm seconds of a run, and programs compiled, told by JAX's own monitoring."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import jax.monitoring

__all__ = ["Seconds", "measured"]

_COMPILED = "/jax/core/compile/backend_compile_duration"  # also where the cache had the program
_COMPILE_EVENTS = (
    "/jax/core/compile/jaxpr_trace_duration",
    "/jax/core/compile/jaxpr_to_mlir_module_duration",
    _COMPILED,
)
_FROM_CACHE = "/jax/compilation_cache/cache_hits"


@dataclass
class Seconds:
    """Wall-clock seconds, and the programs made in them.

    Attributes:
        cold: of the run as it was, compiling included.
        compile: spent tracing, lowering and compiling, as JAX reports it.
        programs: programs that this process did not have yet.
        cached: those of them that were read from the cache of compiled programs.
    """

    cold: float = 0.0
    compile: float = 0.0
    programs: int = 0
    cached: int = 0

    @property
    def warm(self) -> float:
        """What the same run takes when nothing has to be compiled."""
        return max(self.cold - self.compile, 0.0)

    @property
    def compiled(self) -> int:
        """Programs that had to be compiled."""
        return self.programs - self.cached


@contextmanager
def measured() -> Iterator[Seconds]:
    """Measure the body; the result is complete after it."""
    seconds = Seconds()

    def listen(event: str, duration_secs: float, **_: str | int) -> None:
        if event in _COMPILE_EVENTS:
            seconds.compile += duration_secs
            seconds.programs += event == _COMPILED

    def count(event: str, **_: str | int) -> None:
        seconds.cached += event == _FROM_CACHE

    jax.monitoring.register_event_duration_secs_listener(listen)
    jax.monitoring.register_event_listener(count)
    start = time.perf_counter()
    try:
        yield seconds
    finally:
        seconds.cold = time.perf_counter() - start
        jax.monitoring.unregister_event_duration_listener(listen)
        jax.monitoring.unregister_event_listener(count)
