"""Amounts of CRIF rows in USD."""

import numpy as np
import pandas as pd

from jaxmargin.io._crif_checks import CrifNotes

__all__ = ["crif_amounts"]

_PURE = ("Param_ProductClassMultiplier", "Param_AddOnNotionalFactor")
_AGREE = 1e-6  # both amounts of a row in USD may be rounded


def crif_amounts(table: pd.DataFrame, notes: CrifNotes) -> pd.Series:
    """AmountUSD, or Amount where that is in USD; Amount for multipliers and factors."""
    amount, dollars = (_numbers(table[name], name, notes) for name in ("Amount", "AmountUSD"))
    pure = table["RiskType"].isin(_PURE)
    currency = table["AmountCurrency"].str.upper()
    given = table["AmountUSD"] != ""
    stated = table["Amount"] != ""
    notes.add(
        "Amount", pure & ~stated, "no value", "Give the multiplier, or the factor in percent."
    )
    lost = ~pure & ~given & ~(stated & (currency == "USD"))
    no_currency = lost & stated & (currency == "")
    notes.add(
        "AmountCurrency",
        no_currency,
        "no currency, and no AmountUSD",
        "Give AmountUSD, or write USD if Amount is in USD.",
    )
    notes.add(
        "AmountUSD",
        lost & ~no_currency,
        "no value, and Amount is not in USD",
        "Give AmountUSD; nothing is converted here.",
    )
    both = ~pure & given & stated & (currency == "USD")
    apart = (amount - dollars).abs() > _AGREE * np.maximum(1.0, dollars.abs())
    notes.add(
        "AmountUSD",
        both & apart,
        "not what Amount says in USD",
        "Correct one of the two.",
        table["AmountUSD"],
    )
    return amount.where(pure | ~given, dollars)


def _numbers(cells: pd.Series, name: str, notes: CrifNotes) -> pd.Series:
    blank = cells == ""
    numbers = pd.to_numeric(cells.where(~blank), errors="coerce").astype(np.float64)
    bad = ~blank & ~np.isfinite(numbers)
    notes.add(name, bad, "not a finite number", "Give a number.", cells)
    return numbers
