"""What of newer inputs can be used while others cannot."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from functools import partial
from pathlib import Path

from jaxmargin.errors import InvalidInputError
from jaxmargin.jobs._load import Inputs
from jaxmargin.jobs.watch._faults import log_fault
from jaxmargin.jobs.watch._look import Look, Stamp, changed, look
from jaxmargin.jobs.watch._publish import write_update
from jaxmargin.jobs.watch._standing import Standing, WatchSettings
from jaxmargin.jobs.watch._updates import Update, collateral_update, full_update, positions_update

__all__ = ["fall_back"]


def fall_back(
    standing: Standing,
    settings: WatchSettings,
    seen: Look,
    now: datetime,
    problems: Sequence[str],
    check: Callable[[Inputs], None],
) -> Standing:
    """A stale update of the newest inputs that can be used, if some can; else nothing new.

    The first that can be had of: all with the last good collateral and haircuts; positions,
    collateral and haircuts at the last good market; positions there with the last good collateral
    and haircuts; collateral alone; where stale margins have an uplift, nothing new with it. See
    `stale_results` for its margins.

    Args:
        standing: what was known before.
        settings: of the loop.
        seen: inputs at this look.
        now: the time of the look.
        problems: why not all of them can be used.
        check: see `full_update`.
    """
    for make, used in _choices(standing, settings, seen, check):
        try:
            update = make()
            now_there = look(used, seen)
            if changed({file: seen.get(file) for file in used}, now_there):
                continue  # written while it was read
            return write_update(
                standing, settings, update, {**standing.good, **used}, now, problems
            )
        except InvalidInputError:
            continue  # why is said already
        except Exception as error:  # nor may a fault of ours end the loop here
            log_fault("fallback not used", error)
    return standing


def _choices(
    standing: Standing, settings: WatchSettings, seen: Look, check: Callable[[Inputs], None]
) -> list[tuple[Callable[[], Update], dict[Path, Stamp | None]]]:
    """Updates to try, and the newer inputs that each would be of."""
    before = standing.update
    if before is None or standing.fresh is None:
        return []
    book, newer = before.inputs.job.book, {*changed(standing.good, seen)}
    collateral, pair = book["collateral"], {book["collateral"], book["haircuts"]}
    last = {"balances": before.inputs.balances, "haircuts": before.inputs.haircuts}
    held = [file for file in book.values() if file]
    rest = [file for file in held if file not in pair]

    def of(files: Sequence[Path]) -> dict[Path, Stamp | None]:
        return {file: seen.get(file) for file in files}

    found = []
    if newer & pair and newer - {*held}:
        everything = partial(
            full_update, settings.path, before, snapshots=settings.snapshots, check=check, **last
        )
        found.append((everything, of([file for file in seen if file not in pair])))
    if newer & {*held} - {collateral}:
        found.append((partial(positions_update, before), of(held)))
    if newer & pair and newer & {*rest}:
        found.append((partial(positions_update, before, **last), of(rest)))
    if collateral in newer:
        found.append((partial(collateral_update, before), of([collateral])))
    if settings.uplift > 0.0 and not standing.raised:
        found.append((lambda: replace(before, mode="uplift", charged=0, priced=0), {}))
    return found
