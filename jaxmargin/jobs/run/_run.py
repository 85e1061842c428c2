"""Runs a job in shards that are there whole or not at all, and goes on where it stopped."""

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from jaxmargin.errors import require
from jaxmargin.io import require_folder
from jaxmargin.jobs._cores import usable_cores
from jaxmargin.jobs.run._drive import Work
from jaxmargin.jobs.run._failure import failure_told
from jaxmargin.jobs.run._folder import RunResult, run_in_folder
from jaxmargin.jobs.run._inputs import load_run_inputs, makes_of, open_run_job, snapshots_of
from jaxmargin.jobs.run._log import log_event
from jaxmargin.jobs.run._metrics import require_metrics
from jaxmargin.jobs.run._plan import RunPlan
from jaxmargin.jobs.run._shard_files import write_shard
from jaxmargin.jobs.run.executors import (
    AbstractPool,
    LocalPool,
    ShardTask,
    dask_pool,
    jax_settings,
    ray_pool,
)

if TYPE_CHECKING:
    from jaxmargin.jobs.run._prepared import PreparedRun

__all__ = ["ACCOUNTS_PER_SHARD", "Executor", "run_job"]

ACCOUNTS_PER_SHARD = 10_000
Executor = Literal["local", "ray", "dask"]


def run_job(
    path: Path,
    out: Path,
    *,
    accounts_per_shard: int = ACCOUNTS_PER_SHARD,
    shard: tuple[int, int] | None = None,
    executor: Executor = "local",
    workers: int | None = None,
    retries: int = 2,
    metrics: Path | None = None,
    progress: Callable[[int, int], None] | None = None,
    after_manifest: Callable[[Path, dict[str, Any]], None] | None = None,
) -> RunResult:
    """Margin every account of the job at `path`, in shards, into the folder `out`.

    The tables are those of `run_margin` as folders of parts: `requirements.parquet/part-...`.
    A folder holds one run, which its `plan.json` says: its inputs, settings, shards, versions and
    platform. The same run in the same folder again verifies what is there by SHA-256 and page
    checksums and computes only what is missing or damaged, so that a run may be stopped at any
    moment; all files but `status.json`, `lock` and those of `locks` are the same to the last byte
    however often. A process that shares a run out reads the files of its own shards alone.
    `manifest.json` is written once all shards are there. Tables of databases are read when the run
    begins, into the folder `inputs`, and from there whenever it goes on.

    Args:
        path: job file.
        out: folder of the run.
        accounts_per_shard: accounts that are computed and written together.
        shard: (i, n) to compute only the shards k with k % n == i, while other processes do the
            others; whoever finds all of them there writes the manifest.
        executor: what computes shards: this process, or workers of Ray or Dask on this machine.
        workers: of Ray or Dask; one for each core unless given.
        retries: times that a shard is given to another worker because its worker ended.
        metrics: file for Prometheus, kept up to date.
        progress: called with accounts done and accounts in all.
        after_manifest: called with the folder and the manifest once the run is whole, also where
            it was before.

    Raises:
        InvalidInputError: with every problem of the inputs, or if the folder has another run.
        FolderInUseError: another process runs in the folder.
        WorkerFailedError: workers ended more often than `retries` allows.
        OSError: results cannot be written; those that were there stay.
        MemoryError: memory ran out.
    """
    start = time.perf_counter()
    _check(out, accounts_per_shard, shard, executor, workers, retries)
    if metrics is not None:
        require_metrics()
    with failure_told(metrics) as began, snapshots_of(out):
        job = open_run_job(path, out)
        makes = makes_of(job, accounts_per_shard)
        prepared = cache(lambda: _prepared(path, out, makes))
        return run_in_folder(
            out,
            makes,
            lambda: _new_plan(makes, prepared()),
            lambda plan: Work(
                pool=_pool(executor, path, out, plan, prepared, workers),
                manifest=lambda records: _manifest(prepared(), plan, records, out),
                tables=lambda: _whole_tables(prepared()),
                retries=retries,
            ),
            began=began,
            share=shard,
            metrics=metrics,
            progress=progress,
            after_manifest=after_manifest,
            start=start,
        )


def _check(
    out: Path,
    accounts_per_shard: int,
    shard: tuple[int, int] | None,
    executor: str,
    workers: int | None,
    retries: int,
) -> None:
    require_folder(out)
    require(
        accounts_per_shard >= 1,
        f"accounts_per_shard (--accounts-per-shard) must be positive; got {accounts_per_shard}.",
    )
    require(retries >= 0, f"retries (--retries) must not be negative; got {retries}.")
    given = "" if shard is None else f"{shard[0]}/{shard[1]}"
    require(
        shard is None or 0 <= shard[0] < shard[1],
        f"shard (--shard) must be i/n with i from 0 to n - 1; got {given}. Write 0/3, 1/3 and 2/3 "
        "for three processes.",
    )
    require(
        shard is None or executor == "local",
        f"shard (--shard) is for processes that share a run out; executor {executor} shares it "
        "out by itself. Give one of the two.",
    )
    require(
        workers is None or (executor != "local" and workers >= 1),
        f"workers (--workers) must be positive, for executors ray and dask; got {workers} for "
        f"{executor}.",
    )


def _new_plan(makes: dict[str, Any], prepared: "PreparedRun") -> RunPlan:
    from jaxmargin.jobs.run._prepared import shard_tables_of

    inputs = prepared.inputs
    return RunPlan(makes, len(inputs.book.accounts), shard_tables_of(inputs))


def _prepared(path: Path, out: Path, makes: dict[str, Any]) -> "PreparedRun":
    from jaxmargin.jobs.run._prepared import prepare_run

    start = time.perf_counter()
    inputs = load_run_inputs(path, out, makes)
    read = time.perf_counter() - start
    found = prepare_run(inputs)
    log_event("prepared", accounts=len(inputs.book.accounts),
              contracts=len(inputs.book.instruments), read_seconds=round(read, 3),
              seconds=round(time.perf_counter() - start, 3))  # fmt: skip
    return found


def _manifest(prepared: "PreparedRun", plan: RunPlan, records: Any, out: Path) -> dict[str, Any]:
    from jaxmargin.jobs.run._manifest import run_manifest

    return run_manifest(prepared.inputs, prepared.priced.calculation.scenarios, plan, records, out)


def _whole_tables(prepared: "PreparedRun") -> dict[str, Any]:
    """Tables that are of no account."""
    moves = prepared.priced.calculation.scenarios.moves
    return {} if moves is None else {"stress_moves": moves}


def _pool(
    executor: Executor,
    path: Path,
    out: Path,
    plan: RunPlan,
    prepared: Callable[[], "PreparedRun"],
    workers: int | None,
) -> Callable[[], AbstractContextManager[AbstractPool]]:
    """What opens the workers."""
    from jaxmargin.jobs.run._prepared import compute_shard

    def work(number: int) -> None:
        write_shard(out, plan, number, compute_shard(prepared(), plan, number))

    @contextmanager
    def local() -> Iterator[AbstractPool]:
        yield LocalPool(work)

    if executor == "local":
        return local
    task = ShardTask(path.absolute(), out.resolve(), plan.identity, jax_settings())
    opened = ray_pool if executor == "ray" else dask_pool
    return lambda: opened(task, workers or usable_cores())
