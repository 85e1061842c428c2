"""Tables of results: one file of `jaxmargin margin`, or a folder of parts of `jaxmargin run`."""

import hashlib
from collections.abc import Iterable
from pathlib import Path

from jaxmargin.io import sha256

__all__ = ["parts_sha256", "table_sha256"]


def table_sha256(path: Path) -> str:
    """Hexadecimal SHA-256 of a table: of its one file, or of the names and hashes of its parts."""
    if not path.is_dir():
        return sha256(path)
    return parts_sha256((part.name, sha256(part)) for part in path.glob("*.parquet"))


def parts_sha256(parts: Iterable[tuple[str, str]]) -> str:
    """That of a table with parts of these names and hashes, in any order."""
    lines = "".join(f"{found}  {name}\n" for name, found in sorted(parts))
    return hashlib.sha256(lines.encode()).hexdigest()
