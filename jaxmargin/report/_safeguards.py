"""The lines a margin run prints on safeguards."""

import pandas as pd

__all__ = ["safeguard_lines"]

_NAMED = 5
_REASONS = {
    "step": "change beyond the limit, to be approved",
    "bad-data": "no usable margin",
}


def safeguard_lines(rows: pd.DataFrame) -> list[str]:
    """What set the margins, which accounts are held, and what tools defer."""
    counts = rows["binding"].value_counts()
    set_by = ", ".join(f"{count:,} {str(name).replace('_', ' ')}" for name, count in counts.items())
    lines = [f"Safeguards: margins set by {set_by or 'nothing'}."]
    for reason, words in _REASONS.items():
        held = list(rows.loc[rows["hold"] == reason, "account"])
        if held:
            more = ", ..." if len(held) > _NAMED else ""
            lines.append(f"Held, {words}: {len(held):,} ({', '.join(held[:_NAMED])}{more}).")
    deferred = rows.loc[rows["deferred"] > 0.0, "deferred"]
    if len(deferred):
        lines.append(f"Deferred by tools: {deferred.sum():,.2f} of {len(deferred):,} accounts.")
    return lines
