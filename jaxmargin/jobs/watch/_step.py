"""One look of the loop: what changed, what follows, and what is written."""

import logging
import traceback
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from jaxmargin.errors import InvalidInputError
from jaxmargin.io import Problems, remove_snapshots
from jaxmargin.jobs._load import Inputs
from jaxmargin.jobs._margin_results import margin_manifest, write_results
from jaxmargin.jobs._safeguard_state import STATE_FILE
from jaxmargin.jobs._settings import Job, read_job
from jaxmargin.jobs._table_files import write_tables
from jaxmargin.jobs.run._log import log_event
from jaxmargin.jobs.watch._calls import call_table
from jaxmargin.jobs.watch._folder import publish, settle_folder, update_folder
from jaxmargin.jobs.watch._look import Look, changed, look
from jaxmargin.jobs.watch._quality import check_age, check_crossed, check_order
from jaxmargin.jobs.watch._standing import Standing, WatchSettings
from jaxmargin.jobs.watch._updates import (
    Update,
    collateral_update,
    full_update,
    positions_update,
)

__all__ = ["first_update", "step"]


def first_update(settings: WatchSettings, now: datetime) -> tuple[Update, Look]:
    """The first update of a new folder, not written yet, and the inputs that it is of.

    Raises:
        InvalidInputError, MemoryError: see `full_update`; a wrong input ends the loop here.
    """
    files, unread = _files(settings, None)
    unread.raise_if_any()
    seen = look(files, {})
    return _computed(Standing(), settings, seen, now), seen


def step(
    standing: Standing,
    settings: WatchSettings,
    now: datetime,
    *,
    first: tuple[Update, Look] | None = None,
) -> Standing:
    """What is known after one more look; a new update is in its folder by then.

    Whatever goes wrong, the last good update stays as it is, and the result says what it was.

    Args:
        standing: what was known before.
        settings: of the loop.
        now: the time of the look.
        first: see `first_update`; only to write it.
    """
    if first is not None:
        done, problems, again = _published(standing, settings, *first, now, ()), (), False
    else:
        done, problems, again = _looked(standing, settings, now)
    pointed = settle_folder(settings.out, done.number, settings.keep) if done.number else []
    done = replace(done, again=again or bool(pointed))
    return _settled(done, [*problems, *pointed], now)


def _looked(
    standing: Standing, settings: WatchSettings, now: datetime
) -> tuple[Standing, Sequence[str], bool]:
    """What is known, what is wrong with the inputs, and whether they may do at another look."""
    seen = standing.tried
    try:
        files, unread = _files(settings, standing.update)
        seen = look(files, standing.tried)
        if standing.update is not None and not changed(standing.good, seen):
            problems = Problems()
            check_age(standing.update.inputs, now, settings.most_age, problems)
            return replace(standing, tried=seen), problems.found, False
        if standing.problems and not standing.again and not changed(standing.tried, seen):
            return replace(standing, tried=seen), standing.problems, False
        unread.raise_if_any()
        update = _computed(standing, settings, seen, now)
        return _published(standing, settings, update, seen, now, ()), (), False
    except InvalidInputError as error:
        problems, again = error.problems, isinstance(error, _PassingError)
    except (OSError, MemoryError) as error:
        problems, again = (_of_the_machine(error, settings.out),), True
    except (
        Exception
    ) as error:  # a fault of ours must not end the loop: margins would not be watched
        where = traceback.extract_tb(error.__traceback__)[-1]
        log_event(
            "update failed", level=logging.ERROR, error=type(error).__name__,
            file=Path(where.filename).name, line=where.lineno,
        )  # fmt: skip
        problems = (f"Unexpected {type(error).__name__}; the log says where. Report it.",)
        again = True
    failed = _with_collateral(replace(standing, tried=seen), settings, seen, now, problems)
    return failed, problems, again


class _PassingError(InvalidInputError):
    """Inputs that may do at a later look although no file changes until then."""


def _files(settings: WatchSettings, update: Update | None) -> tuple[list[Path], Problems]:
    """All that a margin depends on: by the job file as it is now, and as it last was good.

    Tables of databases are read anew, to the same files, once a look: what is wrong with them, or
    with the job file, is said and not tried again.
    """
    remove_snapshots(settings.snapshots)
    problems = Problems()
    job = read_job(settings.path, problems, snapshots=settings.snapshots)
    jobs = [job, None if update is None else update.inputs.job]
    found = [settings.path]
    for job in jobs:
        if job is not None:
            found += [*job.inputs(), *_previous(job)]
    return list(dict.fromkeys(found)), problems


def _previous(job: Job) -> list[Path]:
    """Files of the run that safeguards go on from."""
    folder = (job.safeguards or {}).get("previous")
    return [] if folder is None else [folder / STATE_FILE, folder / "manifest.json"]


def _computed(standing: Standing, settings: WatchSettings, seen: Look, now: datetime) -> Update:
    """The update that changed inputs ask for, as little of it as is enough.

    Raises:
        InvalidInputError, MemoryError: see `full_update`; or the inputs changed meanwhile.
    """
    before, problems = standing.update, Problems()
    differ = changed(standing.good, seen)

    def check(inputs: Inputs) -> None:
        check_order(inputs, None if before is None else before.inputs, problems)
        check_crossed(inputs, problems)
        ahead = check_age(inputs, now, settings.most_age, problems)
        if problems.found:
            raise (_PassingError if ahead else InvalidInputError)(problems.found)

    if before is None or any(seen.get(file) is None for file in differ):
        update = full_update(settings.path, before, snapshots=settings.snapshots, check=check)
    else:
        update = _least(before, settings, differ, check)
    for file in changed(seen, look(seen, seen)):
        problems.add(file.name, "written while it was read", "It is read again at the next look.")
    if problems.found:
        raise _PassingError(problems.found)
    return update


def _least(
    before: Update,
    settings: WatchSettings,
    differ: Sequence[Path],
    check: Callable[[Inputs], None],
) -> Update:
    book, rows = before.inputs.job.book, len(before.inputs.book.accounts)
    if {*differ} == {book["collateral"]}:
        check(before.inputs)
        return collateral_update(before)
    crowded = len(before.order) > 2 * rows  # most accounts of the run are gone: begin anew
    if not crowded and {*differ} <= {book[name] for name in ("positions", "combos", "collateral")}:
        check(before.inputs)
        return positions_update(before)
    return full_update(settings.path, before, snapshots=settings.snapshots, check=check)


def _published(
    standing: Standing,
    settings: WatchSettings,
    update: Update,
    seen: Look,
    now: datetime,
    problems: Sequence[str],
) -> Standing:
    """Write an update to its folder and make it the current one.

    Raises:
        OSError: it cannot be written.
    """
    number, out = standing.number + 1, settings.out
    differ = changed(standing.good, seen) if standing.good else []
    time = now.isoformat(timespec="seconds")
    facts = {
        "as_of": time,
        "margins_as_of": standing.facts.get("margins_as_of", time) if problems else time,
        "mode": update.mode,
        "changed": [file.name for file in differ],
        "charged": update.charged,
        "priced": update.priced,
    }
    states = update.results.states
    assert states is not None  # a job without collateral is refused
    calls = call_table(states, standing.calls, call_at=settings.call_at, number=number)
    stamps = [(file, seen.get(file)) for file in update.inputs.job.inputs()]
    manifest = margin_manifest(
        update.inputs, update.calculation, update.results, update_folder(out, number),
        read=update.read, seconds=update.seconds,
        files=[
            {"file": file.name, "bytes": stamp.bytes, "sha256": stamp.sha256}
            for file, stamp in stamps
            if stamp is not None
        ],
    )  # fmt: skip
    manifest["update"] = {"number": number, **facts, "call_at": settings.call_at}
    manifest["update"] |= {"stale": bool(problems), "problems": list(problems)}

    def write(folder: Path) -> None:
        tables = {"tables": write_tables({"calls": calls}, folder)}
        write_results(update.results, manifest | tables, folder)

    publish(out, number, write)
    log_event(
        "update written", update=number, mode=update.mode, accounts=update.charged,
        contracts=update.priced, read_seconds=round(update.read, 3),
        seconds=round(update.seconds.cold, 3), calls=int((calls["status"] != "closed").sum()),
    )  # fmt: skip
    job = update.inputs.job
    mine = [settings.path, *job.inputs(), *_previous(job)]  # those of an earlier job do not count
    return replace(
        standing, number=number, written=standing.written + 1, update=update,
        good={file: seen.get(file) for file in mine}, tried=seen, calls=calls, facts=facts,
    )  # fmt: skip


def _with_collateral(
    failed: Standing,
    settings: WatchSettings,
    seen: Look,
    now: datetime,
    problems: Sequence[str],
) -> Standing:
    """Calls from the last good requirement and newer collateral, where that alone can be used."""
    if failed.update is None:
        return failed
    file = failed.update.inputs.job.book["collateral"]
    if file not in changed(failed.good, seen):
        return failed
    good = {**failed.good, file: seen.get(file)}
    try:
        update = collateral_update(failed.update)
        if changed(seen, look([*seen], seen)):
            return failed
        done = _published(failed, settings, update, good, now, problems)
    except Exception as error:  # the last good update stays, and why is said already
        log_event("collateral alone is not used either", error=type(error).__name__)
        return failed
    return replace(done, tried=failed.tried)


def _settled(standing: Standing, problems: Sequence[str], now: datetime) -> Standing:
    """With the problems of this look, counted; none makes results fresh again."""
    if not problems:
        if standing.problems:
            log_event("inputs are good again", looks=standing.failures)
        return replace(standing, problems=(), since=None, failures=0)
    if not standing.problems:
        log_event(
            "update is stale", level=logging.WARNING, update=standing.number,
            problems=len(problems),
        )  # fmt: skip
    since = standing.since or now.isoformat(timespec="seconds")
    failures = standing.failures + 1
    return replace(standing, problems=tuple(problems), since=since, failures=failures)


def _of_the_machine(error: OSError | MemoryError, out: Path) -> str:
    if isinstance(error, OSError):
        where, reason = error.filename or out, error.strerror or str(error) or type(error).__name__
        cure = "It is tried again at the next look; make room, or allow what is refused"
        return f"{where}: {reason.rstrip('.')}. {cure}."
    return str(error) or "Memory ran out. Give fewer scenarios or accounts."
