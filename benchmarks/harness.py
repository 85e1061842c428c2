"""Times candidates in turn, so that a noisy machine treats them alike; writes JSON."""

import json
import os
import platform
import statistics
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import jax

RESULTS = Path(__file__).parent / "results"


def time_in_turn(
    candidates: Mapping[str, Callable[[], object]], *, rounds: int = 9
) -> dict[str, dict[str, float]]:
    """Seconds of the first call, and the median and best of `rounds` calls.

    Each candidate is called once in a round; every round starts with the next one.
    """

    def once(call: Callable[[], object]) -> float:
        start = time.perf_counter()
        jax.block_until_ready(call())
        return time.perf_counter() - start

    first = {name: once(call) for name, call in candidates.items()}
    seconds: dict[str, list[float]] = {name: [] for name in candidates}
    names = list(candidates)
    for turn in range(rounds):
        first_in_turn = turn % len(names)  # who follows whom matters to caches and the allocator
        for name in names[first_in_turn:] + names[:first_in_turn]:
            seconds[name].append(once(candidates[name]))
    return {
        name: {"first": first[name], "median": statistics.median(s), "best": min(s)}
        for name, s in seconds.items()
    }


def machine() -> dict[str, Any]:
    """What a figure was measured on."""
    return {
        "device": jax.devices()[0].device_kind,
        "platform": jax.default_backend(),
        "processor": _processor(),
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "jax": jax.__version__,
    }


def _processor() -> str:
    lines = (
        Path("/proc/cpuinfo").read_text().splitlines() if os.path.exists("/proc/cpuinfo") else []
    )
    names = [line.split(":")[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor()


def write_result(name: str, content: Mapping[str, Any]) -> None:
    """Write `results/NAME.json` with the machine beside the figures, and print it."""
    RESULTS.mkdir(exist_ok=True)
    text = json.dumps({"machine": machine(), **content}, indent=2) + "\n"
    (RESULTS / f"{name}.json").write_text(text)
    print(text)
