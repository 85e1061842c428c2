"""Writes results: each file whole or not at all."""

import hashlib
import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from jaxmargin.errors import require

__all__ = ["require_folder", "round_down", "round_up", "sha256", "write_json", "write_table"]


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


def write_table(table: pd.DataFrame, path: Path) -> None:
    """Write Parquet with page checksums, under a temporary name first."""
    partial = path.with_name(path.name + ".partial")
    pq.write_table(
        pa.Table.from_pandas(table, preserve_index=False), partial, write_page_checksum=True
    )
    os.replace(partial, path)


def write_json(content: dict[str, Any], path: Path) -> None:
    """Write readable JSON, under a temporary name first; not-a-number is an error."""
    partial = path.with_name(path.name + ".partial")
    partial.write_text(json.dumps(content, indent=2, allow_nan=False) + "\n", encoding="utf-8")
    os.replace(partial, path)
