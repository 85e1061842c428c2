"""One shard as a worker's task: it opens the run by itself, once a process."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from jaxmargin.errors import InvalidInputError, JobError, require
from jaxmargin.jobs._cores import devices_are_set
from jaxmargin.jobs.run.executors._pool import ShardOutcome

__all__ = ["ShardTask", "jax_settings"]

_SETTINGS = (
    "jax_enable_x64",
    "jax_default_matmul_precision",
    "jax_compilation_cache_dir",
    "jax_persistent_cache_min_compile_time_secs",
    "jax_persistent_cache_min_entry_size_bytes",
)


def jax_settings() -> tuple[tuple[str, Any], ...]:
    """Settings of JAX of this process that its workers must share.

    Of several devices on a CPU they have two each, which rounds as more do; see `platform_facts`.
    """
    import jax

    found = tuple((name, getattr(jax.config, name)) for name in _SETTINGS)
    if devices_are_set() or jax.default_backend() != "cpu":
        return found
    return (*found, ("jax_num_cpu_devices", min(jax.device_count(), 2)))


@dataclass(frozen=True)
class ShardTask:
    """What a worker needs to compute any shard of a run: it reads everything else from the disk.

    Attributes:
        path: the job file.
        out: folder of the run, with its plan.
        identity: of the run.
        settings: of JAX; see `jax_settings`.
    """

    path: Path
    out: Path
    identity: str
    settings: tuple[tuple[str, Any], ...]

    def __call__(self, shard: int) -> ShardOutcome:
        """Compute a shard and write its files; an error that a user can mend is in the outcome."""
        start = time.perf_counter()
        try:
            _opened(self)(shard)
        except (InvalidInputError, JobError, OSError, MemoryError) as error:
            return ShardOutcome(shard, time.perf_counter() - start, error)
        return ShardOutcome(shard, time.perf_counter() - start)


@lru_cache(maxsize=1)  # a worker computes many shards of one run, and must not read it for each
def _opened(task: ShardTask) -> Callable[[int], object]:
    """What computes shards of the run, once it is known to be the same here."""
    import jax

    for name, value in task.settings:
        jax.config.update(name, value)
    from jaxmargin.jobs.run._inputs import load_run_inputs, makes_of, open_run_job
    from jaxmargin.jobs.run._plan import read_plan, require_same
    from jaxmargin.jobs.run._prepared import compute_shard, prepare_run
    from jaxmargin.jobs.run._shard_files import write_shard

    plan = read_plan(task.out)
    require(
        plan is not None and plan.identity == task.identity,
        f"{task.out}: a worker does not find the plan of the run there. All must share the folder.",
    )
    assert plan is not None
    makes = makes_of(open_run_job(task.path, task.out), plan.makes["accounts_per_shard"])
    require_same(plan, makes, task.out)
    prepared = prepare_run(load_run_inputs(task.path, task.out, makes))
    return lambda shard: write_shard(task.out, plan, shard, compute_shard(prepared, plan, shard))
