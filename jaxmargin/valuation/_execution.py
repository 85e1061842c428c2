"""How much is done at once: by cache on a CPU, by free memory everywhere."""

import math
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import jax
from jax.errors import JaxRuntimeError

__all__ = [
    "CURE",
    "Execution",
    "ample_chunk_rows",
    "chunk_rows",
    "free_bytes",
    "is_out_of_memory",
    "memory_errors",
]

# Bytes of account P&L handled at once: what stays in a CPU's cache, and what keeps a GPU busy.
_CPU_CHUNK_BYTES, _CPU_ROWS = 2_200_000, (8, 512)
_GPU_CHUNK_BYTES, _GPU_ROWS = 330_000_000, (64, 8192)
_COPIES = 8  # of a chunk that exist at once: P&L, keys, weights and what lies between
CURE = "Give fewer scenarios, precision f32, or a device with more memory."
_SHARE = 0.5  # of the free memory that chunks may take


class Execution(NamedTuple):
    """How a run over accounts was carried out.

    Attributes:
        chunk_rows: accounts handled at once on each device.
        devices: devices that shared the accounts.
        retries: times that memory ran out and chunks were halved.
    """

    chunk_rows: int
    devices: int
    retries: int


def chunk_rows(scenarios: int, itemsize: int, devices: int) -> int:
    """Accounts to handle at once, so that their P&L stays in cache and fits in free memory.

    A power of two, which divides the blocks of a book and rarely changes.
    """
    rows, free = ample_chunk_rows(scenarios, itemsize), free_bytes()
    if free is not None:
        each = free // devices if jax.default_backend() == "cpu" else free
        rows = max(1, min(rows, int(_SHARE * each) // (_COPIES * scenarios * itemsize)))
    return 2 ** int(math.log2(rows))


def ample_chunk_rows(scenarios: int, itemsize: int) -> int:
    """What `chunk_rows` is where memory is ample."""
    cpu = jax.default_backend() == "cpu"
    size, (least, most) = (_CPU_CHUNK_BYTES, _CPU_ROWS) if cpu else (_GPU_CHUNK_BYTES, _GPU_ROWS)
    return 2 ** int(math.log2(min(max(size // (scenarios * itemsize), least), most)))


def free_bytes() -> int | None:
    """Free memory of the first device, or of this machine if devices share it; None if unknown.

    A limit that a container sets counts.
    """
    device = jax.local_devices()[0]
    statistics = device.memory_stats()
    if statistics and "bytes_limit" in statistics:
        return statistics["bytes_limit"] - statistics["bytes_in_use"]
    known = [free for free in (_available(), _left_in_container()) if free is not None]
    return min(known) if known else None


def _available() -> int | None:
    """What the operating system could hand out."""
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
    except OSError:
        names = getattr(os, "sysconf_names", {})
        if "SC_AVPHYS_PAGES" not in names:
            return None
        return os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    sizes = [line.split()[1] for line in lines if line.startswith("MemAvailable:")]
    return int(sizes[0]) * 1024 if sizes else None


def _left_in_container(folder: Path = Path("/sys/fs/cgroup")) -> int | None:
    """What is left of a control group's limit, of version 2 or 1, where there is one.

    Files that the system keeps in memory and would give up do not count as used.
    """
    for limit, used, idle in (
        ("memory.max", "memory.current", "memory.stat"),
        ("memory/memory.limit_in_bytes", "memory/memory.usage_in_bytes", "memory/memory.stat"),
    ):
        try:
            texts = [(folder / name).read_text() for name in (limit, used, idle)]
        except OSError:
            continue
        if not texts[0].strip().isdigit():
            return None  # "max": no limit
        names = ("inactive_file", "total_inactive_file")
        kept = [int(line.split()[1]) for line in texts[2].splitlines() if line.startswith(names)]
        return max(0, int(texts[0]) - int(texts[1]) + max(kept, default=0))
    return None


@contextmanager
def memory_errors() -> Iterator[None]:
    """Turn JAX's error into `MemoryError` where memory runs out in what cannot be done in parts."""
    try:
        yield
    except JaxRuntimeError as error:
        if not is_out_of_memory(error):
            raise
        raise MemoryError(
            "Memory ran out. Give fewer scenarios or contracts, precision f32, or a device with "
            "more memory."
        ) from error


def is_out_of_memory(error: Exception) -> bool:
    """Whether a device or the machine could not hand out memory."""
    return "RESOURCE_EXHAUSTED" in str(error) or "Out of memory" in str(error)
