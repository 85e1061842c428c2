"""Tables of databases as they were at one moment: one Parquet file each."""

import os
import secrets
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
from jaxmargin.io._write import make_folder, written_whole

__all__ = ["take_snapshots"]

_SOURCE = b"jaxmargin.source"


def take_snapshots(
    sources: Mapping[TableSource, Sequence[str]], folder: Path, problems: Problems
) -> dict[TableSource, Path]:
    """Write each table to a Parquet file in `folder`; a file that is there already stays.

    Tables of one database are read in one transaction. Rows are sorted by the key columns given,
    and in the order of the database where there are none; they count from 1 in that order. So
    the file has the same bytes however the database keeps its rows. Numbers, times and text keep
    their values; NULL becomes a blank cell.

    Args:
        sources: tables, each with its key columns.
        folder: where the files go; made if absent.
        problems: where problems go; a source with one is not in the result.
    """
    found: dict[TableSource, Path] = {}
    wanted: dict[tuple[str, Path], list[TableSource]] = {}
    taken: dict[str, TableSource] = {}
    for source in sources:
        path, cure = folder / source.file_name, "Take the file away, or give another folder."
        if taken.setdefault(path.name, source) != source:
            problems.add(
                source.label,
                "two addresses that look the same without what is after their question marks",
                "Name both tables by one address.",
            )
        elif not path.is_file():
            wanted.setdefault((source.url, source.folder), []).append(source)
        elif _source_of(path) == source.label:
            found[source] = path
        else:
            problems.add(str(path), f"not a snapshot of {source.label}", cure)
    for (address, base), own in wanted.items():
        url = open_url(address, base, own[0].label, problems)
        tables = {} if url is None else _read(url, own, problems)
        for source, table in tables.items():
            found[source] = folder / source.file_name
            _keep(_sorted(table, sources[source]), source, found[source])
    return found


def _read(
    url: DatabaseUrl, sources: Sequence[TableSource], problems: Problems
) -> dict[TableSource, pa.Table]:
    """Tables of one database, as of one moment."""
    if url.path is not None and not url.path.is_file():
        what = f"there is no file {url.path}"
        problems.add(sources[0].label, what, "Correct the path; it counts from the job's folder.")
        return {}
    found, reading = {}, sources[0]
    try:
        with open_database(url) as database:
            for reading in sources:
                place = _find(database, reading, problems)
                if place is not None:
                    found[reading] = database.read(*place)
    except InvalidInputError as error:
        problems.found += error.problems
    except Exception as error:  # drivers have no common base class
        cure = "Check the address, the server and what its user may read."
        problems.add(reading.label, f"cannot be read ({url.explain(error)})", cure)
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
    order = [name for name in key if table.column_names.count(name) == 1]
    return table.sort_by([(name, "ascending") for name in order]) if order else table


def _keep(table: pa.Table, source: TableSource, path: Path) -> None:
    """Write a snapshot, whole or not at all; one that another process wrote meanwhile stays."""
    make_folder(path.parent)
    stated = {_SOURCE: source.label.encode(), DIGEST_KEY: content_digest(table)}
    marked = table.replace_schema_metadata(stated)
    own = path.with_name(f".{secrets.token_hex(4)}.partial")
    try:
        with written_whole(own) as file:
            pq.write_table(marked, file, write_page_checksum=True)
        with suppress(FileExistsError):
            os.link(own, path)
    finally:
        own.unlink(missing_ok=True)


def _source_of(path: Path) -> str | None:
    try:
        metadata = pq.read_schema(path).metadata or {}
    except (OSError, ValueError, pa.ArrowException):
        return None
    return metadata.get(_SOURCE, b"").decode()
