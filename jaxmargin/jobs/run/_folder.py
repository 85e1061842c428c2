"""One run in its folder: held, told apart from others, driven to its end, and said."""

import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jaxmargin.errors import require
from jaxmargin.io import make_folder
from jaxmargin.jobs.run._drive import MANIFEST_FILE, Work, clear_partial, drive
from jaxmargin.jobs.run._lock import locked
from jaxmargin.jobs.run._log import log_event
from jaxmargin.jobs.run._plan import PLAN_FILE, RunPlan, read_plan, require_same, write_plan
from jaxmargin.jobs.run._progress import RunProgress
from jaxmargin.jobs.run._shard_files import require_only_own

__all__ = ["RunResult", "run_in_folder"]


@dataclass(frozen=True)
class RunResult:
    """What a run did.

    Attributes:
        plan: what was run.
        done: shards whose results are there.
        found: those of them that were there before.
        computed: those of them that this process computed; others did the rest.
        damaged: shards whose files were damaged or missing, and were computed again.
        retries: shards given to another worker because theirs ended.
        manifest: as written; None while shards that other processes compute are missing.
        seconds: wall-clock seconds.
    """

    plan: RunPlan
    done: int
    found: int
    computed: int
    damaged: int
    retries: int
    manifest: dict[str, Any] | None
    seconds: float


def run_in_folder(
    out: Path,
    makes: Mapping[str, Any],
    new_plan: Callable[[], RunPlan],
    work: Callable[[RunPlan], Work],
    *,
    began: Callable[[RunProgress], None],
    share: tuple[int, int] | None = None,
    metrics: Path | None = None,
    progress: Callable[[int, int], None] | None = None,
    after_manifest: Callable[[Path, dict[str, Any]], None] | None = None,
    start: float | None = None,
) -> RunResult:
    """Begin or go on with a run; see `run_job`, whose errors and other arguments it shares.

    Args:
        out: folder of the run.
        makes: what makes it; see `RunPlan`.
        new_plan: its plan, for a folder that has none: nothing is written if that fails.
        work: how its shards are computed.
        began: called once it is known how far it is; see `failure_told`.
        share: see `drive`.
        metrics: file for Prometheus.
        progress: called with accounts done and in all.
        after_manifest: called with the folder and the manifest once the run is whole.
        start: when it began, by `time.perf_counter`.
    """
    start = time.perf_counter() if start is None else start
    require(
        not (out / "updates").exists(),
        f"{out}: the folder of a job that jaxmargin watch watches. Give another --out; what is "
        "there stays as it is.",
    )
    with ExitStack() as stack:
        alone = None
        if (out / PLAN_FILE).exists():  # else only once the inputs are known to be sound
            alone = stack.enter_context(locked(out, alone=share is None))
        plan = _same_plan(out, makes)
        if plan is None:
            plan = new_plan()
            _require_free(out, plan)
            make_folder(out)
            if alone is None:
                alone = stack.enter_context(locked(out, alone=share is None))
            if _same_plan(out, makes) is None:  # nobody began meanwhile
                write_plan(plan, out)
        if share is None:
            clear_partial(out, plan)
        state = RunProgress(out, plan, metrics, progress, start, shared=share is not None)
        began(state)
        manifest = drive(out, work(plan), state, share=share)
        if manifest is not None and after_manifest is not None:
            after_manifest(out, manifest)
        state.write("share done" if manifest is None else "done", now=True)
        seconds = round(state.seconds, 3)
        log_event("run ended", done=len(state.done), total=plan.shards,
                  whole=manifest is not None, seconds=seconds)  # fmt: skip
        if share is not None and alone is not None and alone():
            clear_partial(out, plan)
    return RunResult(
        plan=plan,
        done=len(state.done),
        found=len(state.found),
        computed=len(state.computed),
        damaged=len(state.damaged),
        retries=state.retries,
        manifest=manifest,
        seconds=state.seconds,
    )


def _same_plan(out: Path, makes: Mapping[str, Any]) -> RunPlan | None:
    """The plan of a folder, which must be of the run; None without one, or a damaged one."""
    plan = read_plan(out)
    if plan is not None:
        require_same(plan, makes, out)
    return plan


def _require_free(out: Path, plan: RunPlan) -> None:
    """Raise `InvalidInputError` if a folder without a plan has results of something else."""
    require_only_own(out, plan)
    require(
        not (out / MANIFEST_FILE).exists() or (out / PLAN_FILE).exists(),
        f"{out}: results of something else than jaxmargin run. Give another --out; what is there "
        "stays as it is.",
    )
