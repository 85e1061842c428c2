"""How many cores there are to compute on."""

import os

__all__ = ["devices_are_set", "usable_cores"]


def usable_cores() -> int:
    """Cores that this process may use, which may be fewer than the machine has."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def devices_are_set() -> bool:
    """Whether the environment says how many devices JAX makes of the CPU."""
    flags = os.environ.get("XLA_FLAGS", "")
    return "--xla_force_host_platform_device_count" in flags or "JAX_NUM_CPU_DEVICES" in os.environ
