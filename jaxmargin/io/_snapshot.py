"""Tables of databases as they were at one moment: one Parquet file each."""

import secrets
import shutil
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from jaxmargin.errors import InvalidInputError
from jaxmargin.io._database import AbstractDatabase, open_database
from jaxmargin.io._database_url import DatabaseUrl, TableSource, open_url
from jaxmargin.io._digest import DIGEST_KEY, content_digest
from jaxmargin.io._problems import Problems, nearest
from jaxmargin.io._write import make_folder, sync_folder, written_whole

__all__ = ["remove_snapshots", "take_snapshots"]

_SOURCE = b"jaxmargin.source"
_TAKING = ".taking"  # ends the name of a folder that is not whole yet


def take_snapshots(
    sources: Mapping[TableSource, Sequence[str]], folder: Path, problems: Problems
) -> dict[TableSource, Path]:
    """Write each table to a Parquet file in `folder`, or find all of them there as they were.

    All tables of one database are read in one transaction. The folder is there whole or not at
    all: of processes that begin at once, all go on with what one of them read. Rows are sorted by
    the key columns given, then by all others, and count from 1 in that order. So a file has the
    same bytes however the database keeps its rows. Numbers, times and text keep their values; NULL
    becomes a blank cell.

    Args:
        sources: tables, each with its key columns.
        folder: where the files go; it is made unless it is there.
        problems: where problems go; with any, nothing is written, and the result is empty.
    """
    before, taken = len(problems.found), {source.file_name: source for source in sources}
    for source in sources:
        if taken[source.file_name] != source:
            problems.add(
                source.label,
                "two addresses that look the same without what is after their question marks",
                "Name both tables by one address.",
            )
    if not _has_files(folder):
        tables = {} if len(problems.found) > before else _read_all(sources, problems)
        if len(problems.found) == before:
            _write(tables, sources, folder)
    found = {source: folder / source.file_name for source in sources}
    for source, path in found.items():
        if len(problems.found) == before and _source_of(path) != source.label:
            what = f"no table that stands for {source.label}, as it was when others were read"
            problems.add(str(folder), what, "Give another folder, or take this one away.")
    return found if len(problems.found) == before else {}


def remove_snapshots(folder: Path) -> None:
    """Take away tables that `take_snapshots` left in a folder, whole or half, and nothing else."""
    for left in folder.parent.glob(f".{folder.name}.*{_TAKING}"):
        shutil.rmtree(left, ignore_errors=True)
    for path in folder.glob("*.parquet"):
        if _source_of(path) is not None:
            path.unlink(missing_ok=True)
    with suppress(OSError):  # it holds something else, or is not there
        folder.rmdir()


def _read_all(
    sources: Mapping[TableSource, Sequence[str]], problems: Problems
) -> dict[TableSource, pa.Table]:
    wanted: dict[tuple[str, Path], list[TableSource]] = {}
    for source in sources:
        wanted.setdefault((source.url, source.folder), []).append(source)
    tables: dict[TableSource, pa.Table] = {}
    for (address, base), own in wanted.items():
        url = open_url(address, base, own[0].label, problems)
        tables |= {} if url is None else _read(url, own, problems)
    return tables


def _write(
    tables: Mapping[TableSource, pa.Table],
    keys: Mapping[TableSource, Sequence[str]],
    folder: Path,
) -> None:
    """Write the folder, which has another name until all of it is there; a faster one stays."""
    make_folder(folder.parent)
    taking = folder.with_name(f".{folder.name}.{secrets.token_hex(4)}{_TAKING}")
    try:
        taking.mkdir()
        for source, table in tables.items():
            stated = {_SOURCE: source.label.encode()}
            ordered = _sorted(table, keys[source]).replace_schema_metadata(stated)
            stated[DIGEST_KEY] = content_digest(ordered)
            with written_whole(taking / source.file_name) as file:
                pq.write_table(
                    ordered.replace_schema_metadata(stated), file, write_page_checksum=True
                )
        try:
            taking.rename(folder)
        except OSError:
            if not _has_files(folder):
                raise
        sync_folder(folder.parent)
    finally:
        shutil.rmtree(taking, ignore_errors=True)


def _has_files(folder: Path) -> bool:
    return folder.is_dir() and any(folder.iterdir())


def _read(
    url: DatabaseUrl, sources: Sequence[TableSource], problems: Problems
) -> dict[TableSource, pa.Table]:
    """Tables of one database, as of one moment."""
    found, reading = {}, sources[0]
    try:
        if url.path is not None and not url.path.is_file():
            what = f"there is no file {url.path}"
            problems.add(reading.label, what, "Correct the path; it counts from the job's folder.")
            return {}
        with open_database(url) as database:
            for reading in sources:
                place = _find(database, reading, problems)
                if place is not None:
                    found[reading] = database.read(*place)
    except InvalidInputError as error:
        problems.found += error.problems
    except Exception as error:  # drivers have no common base class
        cure = "Check the address, the server and what its user may read."
        said = url.explain(error)
        busy = url.path is None or "lock" in said.lower()  # a server, or a file that is written to
        problems.add(reading.label, f"cannot be read ({said})", cure, passing=busy)
    return found


def _find(
    database: AbstractDatabase, source: TableSource, problems: Problems
) -> tuple[str | None, str] | None:
    """Schema and name of a table, which must be exactly one that the database lists."""
    known = database.names(None)
    if source.table in known:
        return None, source.table
    schema, dot, name = source.table.partition(".")
    if dot:
        own = database.names(schema)
        if name in own:
            return schema, name
        known = [*known, *(f"{schema}.{other}" for other in own)]
    hint = nearest(source.table, known)
    problems.add(
        source.label,
        f"no table or view {source.table!r} that its user sees{hint}",
        "Name one of the database, with its schema and a dot before it if it is not the default.",
    )
    return None


def _sorted(table: pa.Table, key: Sequence[str]) -> pa.Table:
    """By the key, then by all other columns: rows that the key does not tell apart too."""
    once = [name for name in table.column_names if table.column_names.count(name) == 1]
    order = [name for name in key if name in once]
    order += [name for name in once if name not in order]
    ordered = table.sort_by([(name, "ascending") for name in order]) if order else table
    return ordered.combine_chunks()  # so that pages do not follow pieces


def _source_of(path: Path) -> str | None:
    try:
        metadata = pq.read_schema(path).metadata or {}
    except (OSError, ValueError, pa.ArrowException):
        return None
    said = metadata.get(_SOURCE)
    return None if said is None else said.decode()
