"""The loop: look, update, say so, wait."""

import json
import logging
import math
import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import pandas as pd

from jaxmargin.errors import InvalidInputError, require
from jaxmargin.io import make_folder, remove_partial, require_folder, write_json
from jaxmargin.jobs._paths import job_place
from jaxmargin.jobs.run._lock import locked
from jaxmargin.jobs.run._log import log_event
from jaxmargin.jobs.run._metrics import require_metrics
from jaxmargin.jobs.watch._calls import open_calls
from jaxmargin.jobs.watch._clock import Clock, SystemClock
from jaxmargin.jobs.watch._folder import last_number, update_folder
from jaxmargin.jobs.watch._metrics import write_watch_metrics
from jaxmargin.jobs.watch._standing import Standing, WatchSettings, status_of
from jaxmargin.jobs.watch._step import first_update, step

__all__ = ["WatchResult", "run_watch"]

_FACTS = ("as_of", "margins_as_of", "mode", "changed", "charged", "priced")


@dataclass(frozen=True)
class WatchResult:
    """Where a loop ended.

    Attributes:
        updates: that it wrote.
        status: as written last.
        calls: of the last good update.
    """

    updates: int
    status: dict[str, Any]
    calls: pd.DataFrame


def run_watch(
    path: Path,
    out: Path,
    *,
    every: float = 60.0,
    call_at: float = 1.1,
    updates: int | None = None,
    keep: int | None = None,
    most_age: float | None = None,
    uplift: float = 0.0,
    clock: Clock | None = None,
    report: Callable[[dict[str, Any], pd.DataFrame], None] | None = None,
    metrics: Path | None = None,
) -> WatchResult:
    """Margin a job again whenever its inputs change, and say who must post more collateral.

    At every look input files are compared with those of the last good update, by size and time
    first, then by SHA-256. Nothing changed: only `status.json` is refreshed. Positions or combos
    changed: accounts whose positions differ are margined, see `update_run`; every rulebook that a
    job can have allows it, and safeguards are applied to all accounts. Collateral alone changed: no
    account is. Anything else changed: all is read and margined.

    Each update is a folder `out/updates/<number>` with the tables of `run_margin`, equal to the
    last bit, and `calls.parquet`, see `call_table`; `out/current` points to the last one.
    Inputs that cannot be used change nothing of that: the last good update stays, and
    `status.json` says that it is stale, since when and why. What else is new is still margined
    where it can be, with the last good market or collateral in place of the bad one, and no
    account's margin falls by it; see `stale_results`. Such inputs end the loop only where the
    folder has no update yet. A loop that is started again goes on from the folder's last update.

    Args:
        path: job file, with a table `collateral` in [book].
        out: folder of this job's updates.
        every: seconds between two looks; an update that takes longer delays the next one.
        call_at: requirement per collateral above which a call is opened; 1.1 for 110 %.
        updates: end after so many updates; never if None.
        keep: latest updates that stay in the folder; all if None.
        most_age: minutes that the oldest mark of a market may have; any if None.
        uplift: share by which margins are raised while they are stale; 0.1 for 10 %.
        clock: the machine's unless given; ends the loop, after the update in hand.
        report: called after each look with the status and the calls.
        metrics: file for Prometheus, written anew after each look; none if None.

    Raises:
        InvalidInputError: with every problem of the inputs of a first update, or of settings; the
            folder is another job's.
        FolderInUseError: another loop, or a run, is at work in the folder.
        OSError: the first update cannot be written.
        MemoryError: memory ran out in it.
    """
    clock = SystemClock() if clock is None else clock
    with ExitStack() as held:
        own = held.enter_context(tempfile.TemporaryDirectory(prefix="jaxmargin-"))
        snapshots = Path(own) / "inputs"  # it comes and goes, in a folder that is ours alone
        settings = WatchSettings(path, out, every, call_at, keep, most_age, uplift, snapshots)
        _check(settings, updates)
        if metrics is not None:
            require_metrics()
        standing, first = Standing(), None
        if out.is_dir():
            held.enter_context(locked(out, alone=True))
            standing = _left_by_the_last_loop(settings)
        now = clock.now()
        if standing.number == 0:
            first = first_update(settings, now)
            if not out.is_dir():
                make_folder(out)
                held.enter_context(locked(out, alone=True))
        remove_partial(out)
        log_event("watching", every_seconds=every, update=standing.number)
        while True:
            standing, first = step(standing, settings, now, first=first), None
            status = _say(standing, settings, now, "running", metrics)
            if report is not None:
                report(status, standing.calls)
            spent = max((clock.now() - now).total_seconds(), 0.0)
            done = updates is not None and standing.written >= updates
            if done or clock.wait(max(every - spent, 0.0)):
                break
            now = clock.now()
        status = _say(standing, settings, clock.now(), "ended", metrics)
        log_event("ended", updates=standing.written)
    return WatchResult(standing.written, status, standing.calls)


def _check(settings: WatchSettings, updates: int | None) -> None:
    """Raise `InvalidInputError` for settings out of their range, and a folder that is no loop's."""
    require_folder(settings.out)
    require(
        math.isfinite(settings.every) and settings.every > 0.0,
        f"every (--every) must be above 0 seconds; got {settings.every!r}. Write 60s or 5m.",
    )
    require(
        math.isfinite(settings.call_at) and settings.call_at >= 1.0,
        f"call_at (--call-at) must be 1 or more; got {settings.call_at!r}. Write 110 % as 1.1.",
    )
    for name, count in (("updates", updates), ("keep", settings.keep)):
        require(count is None or count >= 1, f"{name} (--{name}) must be 1 or more; got {count!r}.")
    require(
        settings.most_age is None or settings.most_age > 0.0,
        f"most_age (--most-age) must be above 0 minutes; got {settings.most_age!r}.",
    )
    require(
        math.isfinite(settings.uplift) and settings.uplift >= 0.0,
        f"uplift (--uplift) must be 0 or more; got {settings.uplift!r}. Write 10 % as 0.1.",
    )
    other = [name for name in ("plan.json", "manifest.json") if (settings.out / name).exists()]
    require(
        not other,
        f"{settings.out}: it has results of another command ({', '.join(other)}). Give another "
        "--out.",
    )


def _left_by_the_last_loop(settings: WatchSettings) -> Standing:
    """The last update of a folder, to go on from.

    Raises:
        InvalidInputError: it cannot be read, or is of another job.
    """
    number = last_number(settings.out)
    if number == 0:
        return Standing()
    folder = update_folder(settings.out, number)
    try:
        manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
        calls = pd.read_parquet(folder / "calls.parquet")
        facts = {name: manifest["update"][name] for name in _FACTS}
        facts |= {name: manifest["update"].get(name, 0.0) for name in ("held", "uplift")}
        job = job_place(folder / manifest["job"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InvalidInputError(
            f"{folder}: cannot be read ({type(error).__name__}). Move the folder away, so that the "
            "one before counts, or give another --out."
        ) from error
    require(
        job == job_place(settings.path),
        f"{settings.out}: it has updates of the job {job}. Give another --out.",
    )
    return replace(Standing(), number=number, calls=open_calls(calls), facts=facts)


def _say(
    standing: Standing,
    settings: WatchSettings,
    now: datetime,
    state: str,
    metrics: Path | None,
) -> dict[str, Any]:
    """Write status.json and the metrics; a disk that is full does not end the loop."""
    status = status_of(standing, settings, now, state)
    try:
        write_json(status, settings.out / "status.json")
        if metrics is not None:
            write_watch_metrics(metrics, standing, status)
    except OSError as error:
        reason = error.strerror or type(error).__name__
        log_event("status cannot be written", level=logging.ERROR, reason=reason)
    return status
