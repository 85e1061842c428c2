"""Combos: a position in several contracts under one name."""

import pandas as pd

from jaxmargin.io._problems import Problems

__all__ = ["expand_combos"]


def expand_combos(
    positions: pd.DataFrame,
    combos: pd.DataFrame,
    known: pd.Series,
    file: str,
    problems: Problems,
) -> pd.DataFrame:
    """Positions in combos as positions in their legs, added to what is held in those anyway.

    Args:
        positions: instrument (or combo), quantity, and whose it is, such as account; or orders.
        combos: one row per leg: combo, instrument, ratio (negative is the other way).
        known: names of instruments.
        file: name of the combos file, for messages.
        problems: where problems go.
    """
    problems.add_unknown(
        file, "instrument", combos["instrument"], known, "Name legs of the instruments table."
    )
    problems.add_rows(
        file,
        "combo",
        combos["combo"].isin(known),
        "the name of an instrument",
        "Give the combo a name of its own.",
        values=combos["combo"],
    )
    legs = positions.rename(columns={"instrument": "combo"}).merge(combos, on="combo")
    legs["quantity"] *= legs["ratio"]
    others = positions[~positions["instrument"].isin(combos["combo"])]
    held = pd.concat([others, legs[list(positions.columns)]], ignore_index=True)
    key = [column for column in positions.columns if column != "quantity"]
    expanded = pd.DataFrame(held.groupby(key, sort=False)["quantity"].sum().reset_index())
    expanded.attrs = positions.attrs
    return expanded
