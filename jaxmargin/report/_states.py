"""The lines a margin run prints on accounts' states."""

import numpy as np
import pandas as pd

__all__ = ["state_lines"]

_NAMED = 5
_WORDS = {
    "covered": "covered",
    "below-initial": "below initial margin",
    "below-maintenance": "below maintenance margin",
    "no-equity": "without equity",
}
_SIDES = (("below", "at a fall"), ("above", "at a rise"))


def state_lines(states: pd.DataFrame, liquidation: pd.DataFrame | None) -> list[str]:
    """How many accounts are in which state, and the nearest liquidation prices of each coin."""
    counts = [
        f"{rows:,} {words}{_names(states.loc[states['status'] == status, 'account'], status)}"
        for status, words in _WORDS.items()
        if (rows := int((states["status"] == status).sum()))
    ]
    lines = [f"States: {', '.join(counts) or 'no accounts'}."]
    if liquidation is None:
        return lines
    for coin, table in liquidation.groupby("asset", sort=False):
        now = table.loc[(table["status"] == "now") & (table["side"] == "below"), "account"]
        parts = [_side(table, side, words) for side, words in _SIDES]
        if len(now):
            parts.insert(0, f"{len(now):,} now")
        lines.append(f"Liquidation by {coin}: {'; '.join(parts)}.")
    return lines


def _side(table: pd.DataFrame, side: str, words: str) -> str:
    found = table[(table["side"] == side) & (table["status"] == "found")]
    unknown = int(((table["side"] == side) & (table["status"] == "unknown")).sum())
    more = f", {unknown:,} not known" if unknown else ""
    if found.empty:
        return f"none {words}{more}"
    nearest = found.iloc[int(np.argmin(found["move"].abs()))]
    return (
        f"{len(found):,} {words}, the nearest at {nearest['price']:,.2f} "
        f"({nearest['move']:+.2%}, {nearest['account']}){more}"
    )


def _names(accounts: pd.Series, status: str) -> str:
    """The first accounts that need attention."""
    if status in ("covered", "below-initial"):
        return ""
    more = ", ..." if len(accounts) > _NAMED else ""
    return f" ({', '.join(accounts[:_NAMED])}{more})"
