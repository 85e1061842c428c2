"""Writes results: each file whole or not at all, and on the disk before its name is there."""

import errno
import hashlib
import json
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from jaxmargin.errors import require
from jaxmargin.io._digest import DIGEST_KEY, content_digest, is_plain

__all__ = [
    "json_text",
    "make_folder",
    "partial_name",
    "put_in_place",
    "remove_partial",
    "require_folder",
    "round_down",
    "round_up",
    "sha256",
    "sync_folder",
    "write_json",
    "write_table",
    "written_whole",
]

_PARTIAL = ".partial"
_CURE = "What was there before is as it was. Make room, or write to another folder"


def require_folder(path: Path) -> None:
    """Raise `InvalidInputError` if `path` is there but is not a folder."""
    require(
        not path.exists() or path.is_dir(),
        f"{path} is not a folder. Give another --out, or move that file away.",
    )


def round_up(amount: np.ndarray, unit: float) -> np.ndarray:
    """The smallest multiples of `unit` at or above `amount`, in double precision."""
    amount = np.asarray(amount, np.float64)
    count = np.ceil(amount / unit)
    count = np.where((count - 1.0) * unit >= amount, count - 1.0, count)  # the division rounded up
    count = np.where(count * unit < amount, count + 1.0, count)  # or down
    return count * unit


def round_down(amount: np.ndarray, unit: float) -> np.ndarray:
    """The largest multiples of `unit` at or below `amount`, in double precision."""
    return 0.0 - round_up(-np.asarray(amount, np.float64), unit)


def sha256(path: Path) -> str:
    """Hexadecimal SHA-256 of the bytes of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextmanager
def written_whole(path: Path) -> Iterator[IO[bytes]]:
    """A file to write to, which becomes `path` once all of it is on the disk.

    It has another name until then, which starts with a dot, so that readers of a folder of
    Parquet pass over it. If the body or the disk fails, it is taken away and what was at `path`
    stays as it was; only a killed process leaves it behind, see `remove_partial`.

    Raises:
        OSError: it cannot be written, or the disk is full; its `filename` is `path`.
    """
    partial = partial_name(path)
    try:
        with partial.open("xb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(partial, path)
    except BaseException as error:
        partial.unlink(missing_ok=True)
        if isinstance(error, OSError) and error.filename in (None, str(partial)):
            reason = error.strerror or str(error)
            raise OSError(
                error.errno, f"cannot be written ({reason}). {_CURE}", str(path)
            ) from error
        raise
    sync_folder(path.parent)


def partial_name(path: Path) -> Path:
    """A name for a file until all of it is there; `remove_partial` finds it."""
    return path.with_name(f".{path.name}.{secrets.token_hex(4)}{_PARTIAL}")


def put_in_place(partial: Path, path: Path) -> None:
    """Have a file that is written on the disk, and then under its name; see `written_whole`.

    Raises:
        OSError: the disk fails.
    """
    with partial.open("rb") as file:
        os.fsync(file.fileno())
    os.replace(partial, path)
    sync_folder(path.parent)


def remove_partial(folder: Path, name: str = "*") -> int:
    """Take away what killed processes left half written; how many files there were.

    Args:
        folder: where it is.
        name: of the file that they were to become; any unless given. Nobody may write it now.
    """
    left = [*folder.glob(f".{name}.*{_PARTIAL}"), *folder.glob(f".{name}.*{_PARTIAL}.*")]
    for file in left:
        file.unlink(missing_ok=True)
    return len(left)


def make_folder(path: Path) -> None:
    """Make a folder, and those above it that are not there, so that they last.

    Raises:
        OSError: it cannot be made.
    """
    if path.is_dir():
        return
    make_folder(path.parent)
    path.mkdir(exist_ok=True)
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Have the names in a folder on the disk, where its file system can.

    Raises:
        OSError: the disk fails; its `filename` is `folder`.
    """
    number = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(number)
    except OSError as error:
        if error.errno != errno.EINVAL:  # a file system without it
            raise OSError(error.errno, error.strerror, str(folder)) from error
    finally:
        os.close(number)


def write_table(table: pd.DataFrame, path: Path) -> None:
    """Write Parquet with page checksums, and one of the content; see `written_whole`."""
    content = pa.Table.from_pandas(table, preserve_index=False)
    if all(is_plain(kind) for kind in content.schema.types):
        stated = {**(content.schema.metadata or {}), DIGEST_KEY: content_digest(content)}
        content = content.replace_schema_metadata(stated)
    with written_whole(path) as file:
        pq.write_table(content, file, write_page_checksum=True)


def json_text(content: dict[str, Any]) -> bytes:
    """Readable JSON as files have it; not-a-number is an error."""
    return (json.dumps(content, indent=2, allow_nan=False) + "\n").encode()


def write_json(content: dict[str, Any], path: Path) -> None:
    """Write readable JSON; see `json_text` and `written_whole`."""
    text = json_text(content)
    with written_whole(path) as file:
        file.write(text)
