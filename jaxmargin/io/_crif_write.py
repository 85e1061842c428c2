"""Writes CRIF files."""

from pathlib import Path

import pandas as pd

from jaxmargin.errors import require
from jaxmargin.io._crif_schema import COLUMNS
from jaxmargin.io._formulas import escape_formulas
from jaxmargin.io._write import written_whole

__all__ = ["write_crif"]


def write_crif(rows: pd.DataFrame, path: Path) -> None:
    """Write rows of CRIF under its headers, whole or not at all; numbers keep every digit.

    Text that a spreadsheet would take for a formula gets an apostrophe before it, which
    `read_crif` takes away again.

    Commercial use of ISDA SIMM needs a licence from ISDA.

    Args:
        rows: columns as CRIF calls them, in any order; those that are missing are left out.
        path: separated by commas if it ends in .csv, else by tabs.

    Raises:
        InvalidInputError: if a column is not one of CRIF.
    """
    known = [name for name in COLUMNS.values() if name != "IMModel"]
    unknown = [str(name) for name in rows.columns if name not in known]
    listed = ", ".join(unknown)
    require(not unknown, f"write_crif: unknown columns {listed}. CRIF has {', '.join(known)}.")
    separator = "," if path.suffix == ".csv" else "\t"
    chosen = [name for name in known if name in rows.columns]
    with written_whole(path) as file:
        escape_formulas(rows[chosen]).to_csv(file, sep=separator, index=False, lineterminator="\n")
