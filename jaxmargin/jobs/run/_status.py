"""Where a run stands, told from its folder alone."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jaxmargin.errors import InvalidInputError, require
from jaxmargin.jobs.run._drive import finished
from jaxmargin.jobs.run._lock import is_locked
from jaxmargin.jobs.run._plan import PLAN_FILE, read_plan
from jaxmargin.jobs.run._progress import STATUS_FILE
from jaxmargin.jobs.run._shard_files import problem_of, read_record

__all__ = ["RunStatus", "run_status"]


@dataclass(frozen=True)
class RunStatus:
    """Where a run stands.

    Attributes:
        shards: of the plan.
        done: shards with a record; those found damaged are not among them.
        accounts: of the book.
        accounts_done: of those shards.
        is_running: whether a process holds the folder; None if that cannot be told.
        is_whole: whether all shards and the manifest of them are there.
        damaged: what is wrong with shards, by number; looked for only if asked to.
        told: what the last process wrote to `status.json`; empty if that cannot be read.
    """

    shards: int
    done: int
    accounts: int
    accounts_done: int
    is_running: bool | None
    is_whole: bool
    damaged: dict[int, str]
    told: dict[str, Any]


def run_status(out: Path, *, verify: bool = False) -> RunStatus:
    """The state of the run in a folder; nothing is changed.

    Args:
        out: the folder.
        verify: whether to check every file by SHA-256 and page checksums.

    Raises:
        InvalidInputError: there is no run in the folder, or its plan is damaged.
    """
    require(
        out.is_dir() or not out.exists(),
        f"{out}: not a folder. Give the --out folder of jaxmargin run.",
    )
    plan = read_plan(out)
    if plan is None:
        what = "damaged" if (out / PLAN_FILE).exists() else "not there"
        raise InvalidInputError(
            f"{out / PLAN_FILE}: {what}. Give the --out folder of jaxmargin run; run it again to "
            "mend a damaged plan."
        )
    records = {shard: read_record(out, plan, shard) for shard in range(plan.shards)}
    done = {shard for shard, record in records.items() if record is not None}
    damaged = {}
    if verify:
        found = {shard: problem_of(out, plan, shard) for shard in range(plan.shards)}
        damaged = {shard: problem for shard, problem in found.items() if problem}
    done -= set(damaged)
    rows = [plan.rows(shard) for shard in done]
    return RunStatus(
        shards=plan.shards,
        done=len(done),
        accounts=plan.accounts,
        accounts_done=sum(last - first for first, last in rows),
        is_running=is_locked(out),
        is_whole=not damaged and finished(out, plan) is not None,
        damaged=damaged,
        told=_told(out),
    )


def _told(out: Path) -> dict[str, Any]:
    try:
        found = json.loads((out / STATUS_FILE).read_bytes())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
