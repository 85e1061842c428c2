"""A person sets a breaker, and the record of it."""

from dataclasses import dataclass
from datetime import datetime

import equinox as eqx
import numpy as np

from jaxmargin.errors import require
from jaxmargin.margin.safeguards._breaker import BreakerState
from jaxmargin.margin.safeguards._breaker_settings import BreakerLevel

__all__ = ["BreakerOverride", "override_breaker"]


@dataclass(frozen=True)
class BreakerOverride:
    """What was done by hand, for the log.

    Attributes:
        asset: row of the asset, or venue.
        before: its level before.
        level: its level now, below which it does not fall until the next override.
        reason: why.
        author: who.
        time: when, with its zone.
    """

    asset: int
    before: BreakerLevel
    level: BreakerLevel
    reason: str
    author: str
    time: datetime


def override_breaker(
    state: BreakerState,
    asset: int,
    level: BreakerLevel,
    *,
    reason: str,
    author: str,
    time: datetime,
) -> tuple[BreakerState, BreakerOverride]:
    """Set the level of one breaker and hold it there, and the record to keep.

    Triggers may raise it further, and it does not fall below `level` until the next override;
    `NORMAL` ends the hold. A person may lower a level by two at once; if the cause persists, the
    next observation raises it again.

    Raises:
        InvalidInputError: there is no such asset, reason or author, or the time has no zone.
    """
    count = state.level.shape[-1]
    require(
        0 <= asset < count,
        f"override_breaker: asset must be a row of the {count} of the state; got {asset!r}.",
    )
    for name, text in (("reason", reason), ("author", author)):
        require(bool(text.strip()), f"override_breaker: {name} is empty. Say it; it is recorded.")
    require(
        time.tzinfo is not None,
        f"override_breaker: time must have a zone; got {time.isoformat()}. Give it in UTC.",
    )
    before = BreakerLevel(int(np.asarray(state.level)[asset]))
    new = eqx.tree_at(
        lambda s: (s.level, s.least, s.calm),
        state,
        (
            state.level.at[asset].set(int(level)),
            state.least.at[asset].set(int(level)),
            state.calm.at[asset].set(0),
        ),
    )
    return new, BreakerOverride(asset, before, BreakerLevel(level), reason, author, time)
