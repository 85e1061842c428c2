"""Drives a run in its folder: verify what is there, compute what is missing, and finish.

Nothing here knows what a shard holds, so that tests can kill it at every write.
"""

import errno
import logging
import shutil
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from jaxmargin.io import remove_partial, sha256, write_table
from jaxmargin.jobs.run._lock import locked_shard
from jaxmargin.jobs.run._log import log_event
from jaxmargin.jobs.run._plan import RunPlan
from jaxmargin.jobs.run._progress import RunProgress
from jaxmargin.jobs.run._sealed import read_sealed, write_sealed
from jaxmargin.jobs.run._shard_files import problem_of, read_record, require_only_own
from jaxmargin.jobs.run.executors import AbstractPool, ShardOutcome, computed_shards

__all__ = ["MANIFEST_FILE", "Work", "clear_partial", "drive", "finished"]

MANIFEST_FILE = "manifest.json"


@dataclass(frozen=True)
class Work:
    """How the shards of a run are computed, and what is known of it as a whole.

    Attributes:
        pool: opens what computes shards; it is not called where nothing is missing.
        manifest: facts of the manifest, from the records of all shards.
        tables: tables of the run as a whole, by name.
        retries: times that a shard is given to another worker because its worker ended.
    """

    pool: Callable[[], AbstractContextManager[AbstractPool]]
    manifest: Callable[[Sequence[Mapping[str, Any]]], dict[str, Any]]
    tables: Callable[[], Mapping[str, pd.DataFrame]]
    retries: int = 2


def clear_partial(out: Path, plan: RunPlan) -> None:
    """Take away what killed processes left half written; the folder must be held alone."""
    folders = [out, out / "shards", *(out / f"{name}.parquet" for name in plan.tables)]
    left = sum(remove_partial(folder) for folder in folders if folder.is_dir())
    for folder in out.glob(".*.taking"):  # tables of databases that were being read
        shutil.rmtree(folder, ignore_errors=True)
        left += 1
    if left:
        log_event("partial files removed", files=left)


def drive(
    out: Path, work: Work, progress: RunProgress, *, share: tuple[int, int] | None = None
) -> dict[str, Any] | None:
    """Compute what is missing of a run, and write its manifest once all shards are there.

    Args:
        out: folder with the plan, held by this process.
        work: what is computed.
        progress: of the plan; changed.
        share: (i, n) for only the shards k with k % n == i, where other processes of n do the
            others at the same time; None for all.

    Returns:
        The manifest; None while shards of other processes are missing.
    """
    plan = progress.plan
    require_only_own(out, plan)
    own = [k for k in range(plan.shards) if share is None or k % share[1] == share[0]]
    missing = _verify(out, progress, own)
    progress.begin()
    mine = [shard for shard in own if shard in missing]
    log_event("run started", identity=plan.identity[:12], shards=plan.shards,
              missing=len(missing), mine=len(mine), accounts=plan.accounts)  # fmt: skip
    if mine:
        with work.pool() as pool:
            if share is None:
                _compute(pool, mine, work, progress)
            else:
                for shard in mine:
                    with locked_shard(out, shard) as free:
                        if free and problem_of(out, plan, shard) is not None:
                            _compute(pool, [shard], work, progress)
    if share is not None:  # others may have written theirs
        progress.look()
    if len(progress.done) < plan.shards:
        return None
    return _finish(out, plan, work)


def _verify(out: Path, progress: RunProgress, own: Sequence[int]) -> list[int]:
    """Shards that are not there as they should be; the others are done.

    What files hold is looked at in one's `own` shards alone: other processes look at theirs.
    """
    missing, mine = [], set(own)
    for shard in range(progress.plan.shards):
        problem = problem_of(out, progress.plan, shard, content=shard in mine)
        if problem is None:
            progress.done.add(shard)
            continue
        missing.append(shard)
        if problem:
            progress.damaged.add(shard)
            log_event("shard damaged", level=logging.WARNING, shard=shard, problem=problem)
    return missing


def _compute(pool: AbstractPool, shards: Sequence[int], work: Work, progress: RunProgress) -> None:
    def retried(shard: int) -> None:
        progress.retries += 1
        log_event("worker ended", level=logging.WARNING, shard=shard)

    for outcome in computed_shards(pool, shards, retries=work.retries, on_retry=retried):
        _take(outcome, progress)


def _take(outcome: ShardOutcome, progress: RunProgress) -> None:
    if outcome.error is not None:
        raise outcome.error
    first, last = progress.plan.rows(outcome.shard)
    progress.add(outcome.shard)
    log_event("shard done", shard=outcome.shard, accounts=last - first,
              seconds=round(outcome.seconds, 3), done=len(progress.done),
              total=progress.plan.shards)  # fmt: skip


def finished(out: Path, plan: RunPlan) -> dict[str, Any] | None:
    """The manifest of a run, if it is there and is of the shards that are there; else None."""
    manifest = read_sealed(out / MANIFEST_FILE)
    if manifest is None or manifest["identity"] != plan.identity:
        return None
    records = [read_record(out, plan, shard) for shard in range(plan.shards)]
    files = [entry for record in records if record is not None for entry in record["files"]]
    if None in records or files != manifest["files"]:
        return None
    for entry in manifest["whole"]:
        path = out / entry["file"]
        if not path.is_file() or sha256(path) != entry["sha256"]:
            return None
    return manifest


def _finish(out: Path, plan: RunPlan, work: Work) -> dict[str, Any]:
    """Write the tables of the whole run, and the manifest last, unless they are there."""
    there = finished(out, plan)
    if there is not None:
        return there
    records = [read_record(out, plan, shard) for shard in range(plan.shards)]
    sound = [record for record in records if record is not None]
    if len(sound) < plan.shards:
        raise OSError(
            errno.ESTALE, "a worker wrote files that are not there: all must share it", str(out)
        )
    whole = []
    for name, table in work.tables().items():
        path = out / f"{name}.parquet"
        write_table(table, path)
        whole.append({"file": path.name, "rows": len(table), "sha256": sha256(path)})
    manifest = {
        **work.manifest(sound),
        "identity": plan.identity,
        "files": [entry for record in sound for entry in record["files"]],
        "whole": whole,
    }
    write_sealed(manifest, out / MANIFEST_FILE)
    log_event("manifest written", identity=plan.identity[:12], shards=plan.shards)
    return manifest
