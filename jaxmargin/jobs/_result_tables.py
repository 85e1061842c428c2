"""Reads the tables of results that the JSON file beside them names, and no others."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from jaxmargin.io import Problems, most_table_bytes, read_raw, sha256
from jaxmargin.jobs._result_kinds import ResultKind, column_problems

__all__ = ["AGAIN", "read_days", "read_result_table", "written_tables"]

AGAIN = "Run the command that wrote it again."
_FILE = re.compile(r"(\w+)\.parquet(/part-\d+\.parquet)?")
_EVERY = ("fund", "liquidation")  # tables that have more columns by job
_LISTS = ("coverage",)  # tables with columns of lists


def written_tables(facts: Mapping[str, Any]) -> dict[str, dict[str, str]]:
    """By table, the files that a JSON file of results names, and the SHA-256 of each.

    A run in shards has `files` of parts, and `whole` ones; all else has `tables`.
    """
    tables: dict[str, dict[str, str]] = {}
    for key in ("tables", "files", "whole"):
        for entry in facts.get(key) or ():
            found = _FILE.fullmatch(entry["file"])
            if found:
                tables.setdefault(found[1], {})[entry["file"]] = entry["sha256"]
    return tables


def read_result_table(
    name: str,
    columns: dict[str, str],
    place: Path,
    files: Mapping[str, str],
    kind: ResultKind,
    problems: Problems,
) -> pd.DataFrame:
    """The needed columns of a table; without rows, with problems noted, if it cannot be read.

    Every file must have the SHA-256 that is stated; page checksums and limits are those of
    `read_raw`.

    Args:
        name: of the table.
        columns: that are needed, see `column_problems`.
        place: folder of the results.
        files: see `written_tables`.
        kind: of the results.
        problems: where problems go.
    """
    before, parts = len(problems.found), []
    if not files:
        what = f"not among the tables that {kind.facts} names"
        problems.add(str(place / f"{name}.parquet"), what, AGAIN)
    for file, stated in files.items():
        path = place / file
        if is_as_stated(path, stated, kind, problems):
            own = Problems()
            part = (_with_lists if name in _LISTS else read_raw)(path, own)
            problems.found += [f"{path.parent}/{each}" for each in own.found]
            parts += [] if part is None else [part]
    if len(problems.found) > before:
        return pd.DataFrame({column: [] for column in columns})
    full = [part for part in parts if len(part)] or parts[:1]
    table = pd.concat(full, ignore_index=True) if len(full) > 1 else full[0]
    lacking = [column for column in columns if column not in table.columns]
    if lacking:
        problems.add(str(place / f"{name}.parquet"), f"no column {', '.join(lacking)}", AGAIN)
        return pd.DataFrame({column: [] for column in columns})
    column_problems(table, columns, str(place / f"{name}.parquet"), AGAIN, problems)
    return table if name in _EVERY else table[list(columns)]


def read_days(
    path: Path, accounts: list[str], stated: str, kind: ResultKind, problems: Problems
) -> pd.DataFrame:
    """Days of some accounts in `backtest.parquet`; those of all may be millions."""
    columns = ["account", "time", "margin", "realized"]
    if is_as_stated(path, stated, kind, problems):
        try:
            return pq.read_table(
                path, columns=columns, filters=[("account", "in", accounts)],
                page_checksum_verification=True,
            ).to_pandas(ignore_metadata=True)  # fmt: skip
        except (OSError, ValueError, KeyError, pa.ArrowException) as error:
            problems.add(str(path), f"cannot be read ({_reason(error)})", AGAIN)
    return pd.DataFrame({name: [] for name in columns})


def is_as_stated(path: Path, stated: str, kind: ResultKind, problems: Problems) -> bool:
    """Whether a file is there with its SHA-256; a problem is noted if not."""
    try:
        found = sha256(path)
    except OSError as error:
        problems.add(str(path), f"cannot be read ({_reason(error)})", AGAIN)
        return False
    if found != stated:
        what = f"not the SHA-256 that {kind.facts} states: it is damaged, or of another run"
        problems.add(str(path), what, AGAIN)
    return found == stated


def _with_lists(path: Path, problems: Problems) -> pd.DataFrame | None:
    """A table of our own that has columns of lists, which `read_raw` refuses."""
    try:
        with pq.ParquetFile(path, page_checksum_verification=True) as file:
            groups = range(file.metadata.num_row_groups)
            size = sum(file.metadata.row_group(number).total_byte_size for number in groups)
            if size <= most_table_bytes():
                return file.read().to_pandas(ignore_metadata=True)
        problems.add(path.name, f"too large: {size:,} bytes", AGAIN)
    except (OSError, ValueError, pa.ArrowException) as error:
        problems.add(path.name, f"cannot be read ({_reason(error)})", AGAIN)
    return None


def _reason(error: Exception) -> str:
    words = str(getattr(error, "strerror", None) or error).strip()
    return words.splitlines()[0][:200] if words else type(error).__name__
