"""Text in CSV files that spreadsheets would take for formulas."""

import re
from collections.abc import Callable
from typing import Any

import pandas as pd

__all__ = ["escape_formulas", "unescape_formulas"]

# What Excel, LibreOffice and Google Sheets run or split when a cell begins with it, see OWASP ASVS
# 1.2.10 and CWE-1236; an apostrophe before it makes text of it. Those of a name itself are doubled.
_FORMULA = re.compile(r"'*[=+\-@\t\r\0]")
_ESCAPED = re.compile(r"'+[=+\-@\t\r\0]")


def escape_formulas(table: pd.DataFrame) -> pd.DataFrame:
    """The table for a CSV file: text that begins like a formula gets an apostrophe before it.

    Numbers, times and truth values stay as they are, so that -5 stays a number. Names of columns
    are text too. `unescape_formulas` gives each cell back.
    """
    return table.rename(columns=_escape).apply(_each(_escape))


def unescape_formulas(table: pd.DataFrame) -> pd.DataFrame:
    """Text as it was before `escape_formulas`."""
    return table.rename(columns=_unescape).apply(_each(_unescape))


def _each(change: Callable[[Any], Any]) -> Callable[[pd.Series], pd.Series]:
    def column(cells: pd.Series) -> pd.Series:
        text = cells.dtype == object or isinstance(
            cells.dtype, pd.StringDtype | pd.CategoricalDtype
        )
        return cells.astype(object).map(change) if text else cells

    return column


def _escape(cell: Any) -> Any:
    return f"'{cell}" if isinstance(cell, str) and _FORMULA.match(cell) else cell


def _unescape(cell: Any) -> Any:
    return cell[1:] if isinstance(cell, str) and _ESCAPED.match(cell) else cell
