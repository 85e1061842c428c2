"""What a piece of code compiles."""

from contextlib import contextmanager

import jax


@contextmanager
def compiled():
    """Names of the programs that the body compiles."""
    names, running = [], True

    def listen(event, duration_secs, **facts):
        if running and event == "/jax/core/compile/backend_compile_duration":
            names.append(facts.get("fun_name", "?"))

    jax.monitoring.register_event_duration_secs_listener(listen)
    yield names
    running = False
