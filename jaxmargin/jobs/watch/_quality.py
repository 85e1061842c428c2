"""Whether a market may take the place of the one before: not crossed, not old, not older."""

from datetime import datetime

import pandas as pd

from jaxmargin.errors import InvalidInputError, UnavailableInputError
from jaxmargin.io import Problems, read_raw
from jaxmargin.jobs._load import Inputs

__all__ = [
    "age_minutes",
    "check_age",
    "check_crossed",
    "check_order",
    "require_sound",
]

_MARKET = ("assets", "forwards", "volatilities")


def require_sound(
    inputs: Inputs, before: Inputs | None, now: datetime, most_age: float | None
) -> None:
    """Raise `InvalidInputError` with all that keeps a market from the place of the one before.

    Args:
        inputs: that may be margined.
        before: those of the last good update, if there is one.
        now: the time of the look.
        most_age: minutes that the oldest mark may have; any if None.

    Raises:
        UnavailableInputError: the market is of a time to come.
    """
    problems = Problems()
    if inputs is not before:  # else they were sound already
        check_order(inputs, before, problems)
        check_crossed(inputs, problems)
    ahead = check_age(inputs, now, most_age, problems)
    if problems.found:
        raise (UnavailableInputError if ahead else InvalidInputError)(problems.found)


def age_minutes(inputs: Inputs, now: datetime) -> float:
    """Minutes since the oldest of a market's marks: `as_of` of a forward, or valuation_time."""
    time = inputs.market.time
    marked = inputs.market.forwards["as_of"].dropna().min()
    oldest = time if pd.isna(marked) else min(time, marked)
    return (pd.Timestamp(now) - oldest).total_seconds() / 60.0


def check_age(inputs: Inputs, now: datetime, most: float | None, problems: Problems) -> bool:
    """Note a market of which a mark is older than `most` minutes, or that is of a later time.

    Returns:
        Whether it is of a later time, which passes although no file changes.
    """
    if most is None:
        return False
    age, job = age_minutes(inputs, now), inputs.job
    where = f"{job.path.name}, valuation_time, and {job.market['forwards'].name}, column as_of"
    if age > most:
        problems.add(
            where,
            f"the market's oldest mark is {age:,.0f} minutes old, above {most:g} (--most-age)",
            "Give a newer market.",
        )
    elif age < -most:
        problems.add(
            where,
            f"the market is of a time {-age:,.0f} minutes ahead of this machine's clock",
            "Correct valuation_time, or the clock.",
        )
    return age < -most


def check_order(inputs: Inputs, before: Inputs | None, problems: Problems) -> None:
    """Note a market of an earlier time than the one before."""
    if before is not None and inputs.market.time < before.market.time:
        problems.add(
            f"{inputs.job.path.name}, valuation_time",
            f"{inputs.market.time.isoformat()} is before {before.market.time.isoformat()}, that of "
            "the last good update",
            "Give the newer market; to go back to an older one, start the loop anew.",
        )


def check_crossed(inputs: Inputs, problems: Problems) -> None:
    """Note bids above asks where a market table has both beside what margins use.

    Columns are bid and ask, or bid_ and ask_ with the same ending.
    """
    for name in _MARKET:
        file = inputs.job.market[name]
        unused = inputs.ignored.get(file.name, ())
        pairs = {
            bid: "ask" + bid.removeprefix("bid")
            for bid in unused
            if (bid == "bid" or bid.startswith("bid_"))
            and "ask" + bid.removeprefix("bid") in unused
        }
        raw = read_raw(file, problems) if pairs else None
        if raw is None:
            continue
        for bid, ask in pairs.items():
            low, high = (pd.to_numeric(raw[column], errors="coerce") for column in (bid, ask))
            problems.add_rows(
                file.name, bid, low > high, f"above {ask}: the quotes are crossed",
                "Take them from one moment of one source.", values=low,
            )  # fmt: skip
