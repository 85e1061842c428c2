"""Tables of results: one file of `jaxmargin margin`, or a folder of parts of `jaxmargin run`."""

import hashlib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from jaxmargin.io import sha256, write_table

__all__ = ["parts_sha256", "table_sha256", "write_tables"]


def write_tables(tables: Mapping[str, pd.DataFrame | None], out: Path) -> list[dict[str, Any]]:
    """Write tables to `NAME.parquet` in the folder `out`; file, rows and SHA-256 of each.

    The JSON file beside them names them by this, so that a table of an earlier run, or a damaged
    one, is not taken for one of this run.

    Args:
        tables: by name; None where there is none.
        out: the folder.
    """
    entries = []
    for name, table in tables.items():
        if table is not None:
            path = out / f"{name}.parquet"
            write_table(table, path)
            entries.append({"file": path.name, "rows": len(table), "sha256": sha256(path)})
    return entries


def table_sha256(path: Path) -> str:
    """Hexadecimal SHA-256 of a table: of its one file, or of the names and hashes of its parts."""
    if not path.is_dir():
        return sha256(path)
    return parts_sha256((part.name, sha256(part)) for part in path.glob("*.parquet"))


def parts_sha256(parts: Iterable[tuple[str, str]]) -> str:
    """That of a table with parts of these names and hashes, in any order."""
    lines = "".join(f"{found}  {name}\n" for name, found in sorted(parts))
    return hashlib.sha256(lines.encode()).hexdigest()
