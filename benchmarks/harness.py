"""Times candidates in turn, so that a noisy machine treats them alike; writes JSON.

A benchmark's `rows(content)` says its figures in words, under the key "readme"; `table.py` makes
the README's table of them.
"""

import json
import math
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


def others_seconds() -> float:
    """Core-seconds that others and the host have taken since boot; Linux only, else 0.

    Others are all processes but this one and those of its own that have ended.
    """
    if not os.path.exists("/proc/stat"):
        return 0.0
    line = Path("/proc/stat").read_text().splitlines()[0]
    user, nice, system, _idle, _wait, *rest = map(int, line.split()[1:9])
    own = sum(os.times()[:4])
    return (user + nice + system + sum(rest)) / os.sysconf("SC_CLK_TCK") - own


def shown(value: float) -> str:
    """A positive number with two significant digits, without an exponent."""
    value = float(f"{value:.1e}")
    return f"{value:,.{max(1 - math.floor(math.log10(value)), 0)}f}"


def ratios(times: Mapping[str, float], labels: Mapping[str, str]) -> tuple[str, str]:
    """Labels of the candidates that ran and their ratios, as two lists in the same order."""
    ran = {name: label for name, label in labels.items() if name in times}
    return ", ".join(ran.values()), ", ".join(f"{shown(times[name])}x" for name in ran)


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


def device_megabytes() -> float | None:
    """Most memory of the first device that was in use so far; None where it is the host's."""
    statistics = jax.devices()[0].memory_stats()
    return statistics["peak_bytes_in_use"] / 1e6 if statistics else None


def write_result(name: str, content: Mapping[str, Any]) -> None:
    """Write `results/NAME.json` with the machine beside the figures, and print it.

    Of another device than the CPU in a folder of its platform, such as `results/gpu`.
    """
    platform_ = jax.default_backend()
    folder = RESULTS if platform_ == "cpu" else RESULTS / platform_
    folder.mkdir(parents=True, exist_ok=True)
    text = json.dumps({"machine": machine(), **content}, indent=2) + "\n"
    (folder / f"{name}.json").write_text(text)
    print(text)
