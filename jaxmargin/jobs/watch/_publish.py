"""An update in its folder: tables, calls, and a manifest that says what they are of."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from jaxmargin.jobs._input_files import InputFile, file_facts
from jaxmargin.jobs._margin_results import margin_manifest, write_results
from jaxmargin.jobs._safeguard_state import STATE_FILE
from jaxmargin.jobs._settings import Job
from jaxmargin.jobs._table_files import write_tables
from jaxmargin.jobs.run._log import log_event
from jaxmargin.jobs.watch._calls import call_table
from jaxmargin.jobs.watch._folder import publish, update_folder
from jaxmargin.jobs.watch._look import Look, changed
from jaxmargin.jobs.watch._stale import stale_results
from jaxmargin.jobs.watch._standing import Standing, WatchSettings
from jaxmargin.jobs.watch._updates import Update

__all__ = ["previous_files", "write_update"]


def write_update(
    standing: Standing,
    settings: WatchSettings,
    update: Update,
    seen: Look,
    now: datetime,
    problems: Sequence[str] = (),
) -> Standing:
    """Write an update to its folder; what is known then.

    Args:
        standing: what was known before.
        settings: of the loop.
        update: to write.
        seen: the inputs that it is of.
        now: the time of the look.
        problems: why newer inputs are not in it; with some, its margins are raised, see
            `stale_results`.

    Raises:
        OSError: it cannot be written.
    """
    number, out, results, held = standing.number + 1, settings.out, update.results, 0
    if problems:
        assert standing.fresh is not None  # or there is nothing to fall back to
        results, held = stale_results(update, standing.fresh, settings.uplift)
    differ = changed(standing.good, seen) if standing.good else []
    time = now.isoformat(timespec="seconds")
    facts = {
        "as_of": time,
        "margins_as_of": standing.facts.get("margins_as_of", time) if problems else time,
        "mode": update.mode,
        "changed": [file.name for file in differ],
        "charged": update.charged,
        "priced": update.priced,
        "held": held,
        "uplift": settings.uplift if problems else 0.0,
    }
    states = results.states
    assert states is not None  # a job without collateral is refused
    calls = call_table(states, standing.calls, call_at=settings.call_at, number=number)
    stamps = [(file, seen.get(file)) for file in update.inputs.job.inputs()]
    manifest = margin_manifest(
        update.inputs, update.calculation, results, update_folder(out, number),
        read=update.read, seconds=update.seconds,
        files=file_facts(
            InputFile(file, stamp.bytes, stamp.sha256)
            for file, stamp in stamps
            if stamp is not None
        ),
    )  # fmt: skip
    manifest["update"] = {"number": number, **facts, "call_at": settings.call_at}
    manifest["update"] |= {"stale": bool(problems), "problems": list(problems)}

    def write(folder: Path) -> None:
        tables = {"tables": write_tables({"calls": calls}, folder)}
        write_results(results, manifest | tables, folder)

    publish(out, number, write)
    log_event(
        "update written", update=number, mode=update.mode, accounts=update.charged,
        contracts=update.priced, read_seconds=round(update.read, 3),
        seconds=round(update.seconds.cold, 3), calls=int((calls["status"] != "closed").sum()),
    )  # fmt: skip
    job = update.inputs.job
    mine = [
        settings.path,
        *job.inputs(),
        *previous_files(job),
    ]  # those of an earlier job do not count
    return replace(
        standing, number=number, written=standing.written + 1, update=update,
        good={file: seen.get(file) for file in mine}, calls=calls, facts=facts,
        fresh=standing.fresh if problems else results, raised=bool(problems),
    )  # fmt: skip


def previous_files(job: Job) -> list[Path]:
    """Files of the run that safeguards go on from."""
    folder = (job.safeguards or {}).get("previous")
    return [] if folder is None else [folder / STATE_FILE, folder / "manifest.json"]
