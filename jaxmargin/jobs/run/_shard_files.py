"""The files of one shard: a part of each table, and a record of them that is written last."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from jaxmargin.errors import InvalidInputError
from jaxmargin.io import make_folder, remove_partial, sha256, write_table
from jaxmargin.jobs.run._plan import RunPlan
from jaxmargin.jobs.run._sealed import read_sealed, write_sealed

__all__ = ["ShardTables", "problem_of", "read_record", "require_only_own", "write_shard"]

_RECORDS = "shards"


@dataclass(frozen=True)
class ShardTables:
    """What one shard is.

    Attributes:
        tables: by name, one each of the plan's; rows in the order of the accounts.
        facts: in plain types, for the manifest.
    """

    tables: Mapping[str, pd.DataFrame]
    facts: Mapping[str, Any]


def write_shard(out: Path, plan: RunPlan, shard: int, content: ShardTables) -> dict[str, Any]:
    """Write the tables of a shard and then its record, which is returned.

    Whoever writes a shard is alone at it, and takes away what an earlier one left half written.
    """
    assert tuple(content.tables) == plan.tables
    files = []
    for name, table in content.tables.items():
        path = out / _part(name, shard)
        make_folder(path.parent)
        remove_partial(path.parent, path.name)
        write_table(table, path)
        files.append(
            {
                "file": _part(name, shard),
                "rows": len(table),
                "bytes": path.stat().st_size,
                "sha256": sha256(path),
            }
        )
    first, last = plan.rows(shard)
    record = {
        "identity": plan.identity,
        "shard": shard,
        "accounts": last - first,
        "files": files,
        "facts": dict(content.facts),
    }
    path = _record(out, shard)
    make_folder(path.parent)
    remove_partial(path.parent, path.name)
    write_sealed(record, path)
    return record


def read_record(out: Path, plan: RunPlan, shard: int) -> dict[str, Any] | None:
    """The record of a shard; None if it has not been written, or is damaged or of another run."""
    record = read_sealed(_record(out, shard))
    if record is None or (record["identity"], record["shard"]) != (plan.identity, shard):
        return None
    return record


def problem_of(out: Path, plan: RunPlan, shard: int, *, content: bool = True) -> str | None:
    """What is wrong with the files of a shard; empty if it has none yet, None if nothing is.

    Args:
        out: folder of the run.
        plan: of the run.
        shard: its number.
        content: whether every file must have its SHA-256, and every page of it its checksum; else
            only its size is looked at.
    """
    record = read_record(out, plan, shard)
    if record is None:
        return f"{_record(out, shard).name} is damaged" if _record(out, shard).exists() else ""
    for entry in record["files"]:
        path = out / entry["file"]
        if not path.is_file():
            return f"{entry['file']} is missing"
        if path.stat().st_size != entry["bytes"]:
            return f"{entry['file']} is damaged"
        if not content:
            continue
        if sha256(path) != entry["sha256"]:
            return f"{entry['file']} is damaged"
        try:
            pq.read_table(path, page_checksum_verification=True)
        except (OSError, ValueError, pa.ArrowException):
            return f"{entry['file']} is damaged"
    return None


def require_only_own(out: Path, plan: RunPlan) -> None:
    """Raise `InvalidInputError` if the folder has shards of another run, or files among the parts.

    Readers take all files of a table but those that start with a dot.
    """
    found = []
    for path in sorted((out / _RECORDS).glob("*.json")):
        record = read_sealed(path)
        if record is not None and record["identity"] != plan.identity:
            found.append(f"{path}: a shard of another run. Give another --out.")
    for name in plan.tables:
        folder = out / f"{name}.parquet"
        if folder.exists() and not folder.is_dir():
            found.append(
                f"{folder}: the results of jaxmargin margin. Give another --out; what is there "
                "stays as it is."
            )
            continue
        parts = {Path(_part(name, shard)).name for shard in range(plan.shards)}
        there = [] if not folder.exists() else sorted(folder.iterdir())
        found += [
            f"{path}: no file of this run. Move it away, or readers of the table take it for one."
            for path in there
            if path.name not in parts and not path.name.startswith(".")
        ]
    if found:
        raise InvalidInputError(found)


def _part(name: str, shard: int) -> str:
    return f"{name}.parquet/part-{shard:05d}.parquet"


def _record(out: Path, shard: int) -> Path:
    return out / _RECORDS / f"{shard:05d}.json"
