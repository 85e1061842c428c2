"""Results beyond the folder of a run: a DuckDB file, and tables of a database."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from jaxmargin.io import DatabaseUrl, append_sql, load_package, open_sql_target, write_duckdb

__all__ = ["DUCKDB_FILE", "Export", "export_results", "export_run", "open_export"]

DUCKDB_FILE = "results.duckdb"
_SAME = ("inputs", "settings", "versions", "safeguards")  # of a manifest: what makes its results


@dataclass(frozen=True)
class Export:
    """Where results go beside their folder.

    Attributes:
        duckdb: whether they are also written to `results.duckdb` there.
        sql: the database that they are appended to, or None.
    """

    duckdb: bool
    sql: DatabaseUrl | None


def open_export(*, duckdb: bool = False, sql: str | None = None) -> Export:
    """What is asked for, once it is known to be possible, before anything is computed.

    Args:
        duckdb: whether to write `results.duckdb`.
        sql: URL of a database, with `${JAXMARGIN_NAME}` for environment variables; paths of
            database files count from the present folder.

    Raises:
        InvalidInputError: a package is not installed, or the database does not answer.
    """
    if duckdb:
        load_package("duckdb")
    return Export(duckdb, open_sql_target(sql, Path()) if sql else None)


def export_results(
    export: Export,
    out: Path,
    names: Iterable[str],
    manifest: Mapping[str, Any],
    *,
    options: Mapping[str, Any] | None = None,
) -> list[str]:
    """Write or append the results in the folder `out`; a sentence about each.

    Args:
        export: see `open_export`.
        out: the folder, with a Parquet file or a folder of parts for each of `names`.
        names: of the tables of this run.
        manifest: of this run.
        options: what was asked for beside the job file.

    Raises:
        OSError: they cannot be written; the results in the folder stay.
    """
    tables = {name: out / f"{name}.parquet" for name in names}
    run, said = _run_row(manifest, options or {}), []
    if export.duckdb:
        views = write_duckdb(tables, out / DUCKDB_FILE, run=run)
        said.append(f"{out / DUCKDB_FILE} has views {', '.join(views)}.")
    if export.sql is not None:
        rows = append_sql(export.sql, run, tables)
        short = run["run"][:12]
        what = f"run {short} was there already" if rows is None else f"{rows:,} rows of run {short}"
        said.append(f"{export.sql.label}: {what}.")
    return said


def export_run(export: Export, out: Path, manifest: Mapping[str, Any]) -> list[str]:
    """Write or append the results of `run_job` in the folder `out`; see `export_results`."""
    entries = [*manifest["files"], *manifest["whole"]]
    names = dict.fromkeys(Path(entry["file"]).parts[0] for entry in entries)
    return export_results(export, out, [name.removesuffix(".parquet") for name in names], manifest)


def _identity(manifest: Mapping[str, Any], options: Mapping[str, Any]) -> str:
    """SHA-256 of what makes the results: the manifest's own identity if it has one.

    Else of inputs, settings, versions, platform, safeguards and options, so that the same job on
    the same inputs has the same identity whenever it runs.
    """
    if "identity" in manifest:
        return str(manifest["identity"])
    content = {name: manifest[name] for name in _SAME if name in manifest}
    content |= {"platform": manifest["device"]["platform"], "options": dict(options)}
    text = json.dumps(content, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def _run_row(manifest: Mapping[str, Any], options: Mapping[str, Any]) -> dict[str, Any]:
    settings = manifest["settings"]
    return {
        "run": _identity(manifest, options),
        "title": manifest["title"],
        "valuation_time": pd.Timestamp(settings["valuation_time"]).to_pydatetime(),
        "numeraire": settings["numeraire"],
        "rulebook": settings["rulebook"]["kind"],
        "accounts": int(manifest["counts"]["accounts"]),
        "scenarios": int(manifest["counts"]["scenarios"]),
        "manifest": json.dumps(dict(manifest), sort_keys=True),
    }
