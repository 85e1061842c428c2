"""One look of the loop: what changed, what follows, and what is written."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from functools import partial
from pathlib import Path

from jaxmargin.errors import InvalidInputError, UnavailableInputError
from jaxmargin.io import Problems, remove_snapshots
from jaxmargin.jobs._load import Inputs
from jaxmargin.jobs._settings import read_job
from jaxmargin.jobs.run._log import log_event
from jaxmargin.jobs.watch._fallback import fall_back
from jaxmargin.jobs.watch._faults import log_fault, of_the_machine
from jaxmargin.jobs.watch._folder import settle_folder
from jaxmargin.jobs.watch._look import Look, changed, look
from jaxmargin.jobs.watch._publish import previous_files, write_update
from jaxmargin.jobs.watch._quality import require_sound
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
    check = partial(require_sound, before=None, now=now, most_age=settings.most_age)
    return _computed(Standing(), settings, seen, check), seen


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
        done, problems, again = write_update(standing, settings, *first, now), (), False
        done = replace(done, tried=first[1])
    else:
        done, problems, again = _looked(standing, settings, now)
    pointed = settle_folder(settings.out, done.number, settings.keep) if done.number else []
    done = replace(done, again=again or bool(pointed))
    return _settled(done, [*problems, *pointed], now)


def _looked(
    standing: Standing, settings: WatchSettings, now: datetime
) -> tuple[Standing, Sequence[str], bool]:
    """What is known, what is wrong with the inputs, and whether they may do at another look."""
    before, seen, update = standing.update, standing.tried, None
    check = partial(
        require_sound, before=None if before is None else before.inputs, now=now,
        most_age=settings.most_age,
    )  # fmt: skip
    try:
        files, unread = _files(settings, before)
        seen = look(files, standing.tried)
        if before is not None and not standing.raised and not changed(standing.good, seen):
            check(before.inputs)
            return replace(standing, tried=seen), (), False
        if standing.problems and not standing.again and not changed(standing.tried, seen):
            return replace(standing, tried=seen), standing.problems, False
        unread.raise_if_any()
        update = _computed(standing, settings, seen, check)
        done = write_update(standing, settings, update, seen, now)
        return replace(done, tried=seen), (), False
    except InvalidInputError as error:
        problems, again = error.problems, isinstance(error, UnavailableInputError)
    except (OSError, MemoryError) as error:
        problems, again = (of_the_machine(error, settings.out),), True
    except Exception as error:  # a fault of ours must not end the loop: margins must go on
        log_fault("update failed", error)
        problems = (f"Unexpected {type(error).__name__}; the log says where. Report it.",)
        again = True
    if update is None:  # or it is good, and cannot be written
        standing = fall_back(standing, settings, seen, now, problems, check)
    return replace(standing, tried=seen), problems, again


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
            found += [*job.inputs(), *previous_files(job)]
    return list(dict.fromkeys(found)), problems


def _computed(
    standing: Standing, settings: WatchSettings, seen: Look, check: Callable[[Inputs], None]
) -> Update:
    """The update that changed inputs ask for, as little of it as is enough.

    Raises:
        InvalidInputError, MemoryError: see `full_update`; or the inputs changed meanwhile.
    """
    before, problems = standing.update, Problems()
    differ = changed(standing.good, seen)
    if before is None or any(seen.get(file) is None for file in differ):
        update = full_update(settings.path, before, snapshots=settings.snapshots, check=check)
    else:
        update = _least(before, settings, differ, check)
    for file in changed(seen, look(seen, seen)):
        problems.add(file.name, "written while it was read", "It is read again at the next look.")
    if problems.found:
        raise UnavailableInputError(problems.found)
    return update


def _least(
    before: Update,
    settings: WatchSettings,
    differ: Sequence[Path],
    check: Callable[[Inputs], None],
) -> Update:
    book, rows = before.inputs.job.book, len(before.inputs.book.accounts)
    if {*differ} <= {book["collateral"]}:
        check(before.inputs)
        return collateral_update(before)
    crowded = len(before.order) > 2 * rows  # most accounts of the run are gone: begin anew
    quick = {book[name] for name in ("positions", "combos", "collateral", "haircuts")}
    if not crowded and {*differ} <= quick:
        check(before.inputs)
        return positions_update(before)
    return full_update(settings.path, before, snapshots=settings.snapshots, check=check)


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
