"""What a loop knows between two looks, and how it says so in status.json."""

from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import pandas as pd

from jaxmargin.jobs._margin_results import MarginResults
from jaxmargin.jobs.watch._calls import no_calls
from jaxmargin.jobs.watch._look import Look
from jaxmargin.jobs.watch._quality import age_minutes
from jaxmargin.jobs.watch._updates import Update

__all__ = ["Standing", "WatchSettings", "status_of"]

# Commission Delegated Regulation (EU) 153/2013, article 26: exposures and margins "at least every
# hour", a condition for a liquidation period of one day.
_OFTEN_MINUTES = 60.0


@dataclass(frozen=True)
class WatchSettings:
    """What a loop is asked for.

    Attributes:
        path: job file.
        out: folder of its updates.
        every: seconds between two looks.
        call_at: requirement per collateral above which a call is opened.
        keep: latest updates that stay; all if None.
        most_age: minutes that the oldest mark of a market may have; any if None.
        uplift: share by which stale margins are raised.
        snapshots: folder for tables of databases as they were at the last look.
    """

    path: Path
    out: Path
    every: float
    call_at: float
    keep: int | None
    most_age: float | None
    uplift: float
    snapshots: Path


@dataclass(frozen=True)
class Standing:
    """The last good update, and what has been wrong since.

    Attributes:
        number: of the last update written; 0 if there is none.
        written: updates that this process wrote.
        update: the last one, with margins as they are before `stale_results`; None until this
            process has one.
        good: inputs that it is of.
        fresh: results of the last update of which all inputs were good.
        raised: whether the last update has stale margins.
        tried: inputs that were last looked at.
        calls: of it.
        facts: of it, for the status: as_of, mode, changed, charged, priced, held, uplift.
        problems: why newer inputs are not used; empty if they are.
        again: whether the same inputs may do better at another try.
        since: when results became stale.
        failures: looks in a row that found problems.
    """

    number: int = 0
    written: int = 0
    update: Update | None = None
    good: Look = field(default_factory=dict)
    fresh: MarginResults | None = None
    raised: bool = False
    tried: Look = field(default_factory=dict)
    calls: pd.DataFrame = field(default_factory=no_calls)
    facts: dict[str, Any] = field(default_factory=dict)
    problems: tuple[str, ...] = ()
    again: bool = False
    since: str | None = None
    failures: int = 0


def status_of(
    standing: Standing, settings: WatchSettings, now: datetime, state: str
) -> dict[str, Any]:
    """The content of status.json: what is current, whether it is stale, and why."""
    update, calls = standing.update, standing.calls
    age = None if update is None else round(age_minutes(update.inputs, now), 1)
    counts = {
        word: int((calls["status"] == word).sum()) for word in ("opened", "continued", "closed")
    }
    return {
        "state": state,
        "checked": now.isoformat(timespec="seconds"),
        "stale": bool(standing.problems),
        "since": standing.since,
        "problems": list(standing.problems),
        "failures": standing.failures,
        "update": standing.number,
        **standing.facts,
        "valuation_time": None if update is None else update.inputs.market.time.isoformat(),
        "market_age_minutes": age,
        "warnings": _warnings(settings, age),
        "calls": {**counts, "amount": round(float(calls["call"].sum()), 6)},
        "settings": {
            "every_seconds": settings.every,
            "call_at": settings.call_at,
            "keep": settings.keep,
            "most_age_minutes": settings.most_age,
            "uplift": settings.uplift,
        },
    }


def _warnings(settings: WatchSettings, age: float | None) -> list[str]:
    """What the settings leave unseen; the same words as long as it lasts."""
    found = []
    if settings.most_age is None and age is not None and age > _OFTEN_MINUTES:
        found.append(
            f"The market's oldest mark is more than {_OFTEN_MINUTES:g} minutes old, and no age "
            f"makes margins stale. Give --most-age, such as {_OFTEN_MINUTES:g}m."
        )
    if settings.every > 60.0 * _OFTEN_MINUTES:
        found.append(
            f"Inputs are looked at less often than every {_OFTEN_MINUTES:g} minutes, as often as "
            "article 26 of Regulation (EU) 153/2013 asks for at least where it lets a horizon be 1 "
            "day. Give --every 1h or less."
        )
    return found
