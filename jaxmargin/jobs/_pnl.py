"""The P&L of every account in every scenario as a file, written in pieces."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from jaxmargin.io import sha256, written_whole

if TYPE_CHECKING:
    from jaxmargin.jobs._calculation import Calculation

__all__ = ["pnl_file"]

_GROUP_ROWS = 1 << 21  # of one row group, about; each holds whole accounts
_DICTIONARY_BYTES = 1 << 28  # labels of a row group are kept as numbers up to this size


@contextmanager
def pnl_file(
    calculation: "Calculation",
    accounts: pd.Index,
    path: Path,
    *,
    progress: Callable[[int, int], None] | None = None,
) -> Iterator[dict[str, Any]]:
    """Write `path` under a temporary name, and rename it if the body succeeds.

    One row per account and scenario: account, scenario (labels as in `worst_scenario`), weight
    (relative, of the scenario) and pnl (in the numeraire, gain positive). Long rather than one
    column per scenario: files with tens of thousands of columns are slow everywhere, and account,
    scenario and weight take next to no space, as numbers of a dictionary. The rows of an account
    follow each other in the order of the scenarios, so that `pnl` is a matrix by one `reshape`;
    accounts of similar size come together, not in the order of the other results.

    Only one piece of at most 4,096 accounts is in memory at a time. Contract P&L is computed
    anew, by programs that the margin has compiled.

    Yields:
        The file's name, rows, bytes and SHA-256, for the manifest.

    Raises:
        MemoryError: memory ran out, and did so with ever smaller chunks too.
    """
    with written_whole(path) as file:
        rows = _write(calculation, accounts, file, progress)
        file.flush()
        partial = Path(file.name)
        yield {
            "file": path.name,
            "rows": rows,
            "bytes": partial.stat().st_size,
            "sha256": sha256(partial),
        }


def _write(
    calculation: "Calculation",
    accounts: pd.Index,
    file: IO[bytes],
    progress: Callable[[int, int], None] | None,
) -> int:
    """Write all rows; their number."""
    from jaxmargin.valuation import contract_pnl, stream_pnl

    labels = pa.array(calculation.scenarios.labels, pa.string())
    names = accounts.to_numpy(object)
    shocks = calculation.rulebook.shocks(calculation.market)
    weight = np.asarray(shocks.weight)[: len(labels)]  # what is beyond is padding
    pnl = contract_pnl(calculation.book, calculation.market, shocks)
    number = pa.from_numpy_dtype(np.dtype(pnl.dtype))
    text = pa.dictionary(pa.int32(), pa.string())
    schema = pa.schema([("account", text), ("scenario", text), ("weight", number), ("pnl", number)])
    few: Any = schema.names[:-1]  # columns with few values; the stubs know only True and False
    at_once, done = max(1, _GROUP_ROWS // len(labels)), 0
    with pq.ParquetWriter(
        file,
        schema,
        use_dictionary=few,
        dictionary_pagesize_limit=_DICTIONARY_BYTES,
        write_page_checksum=True,
    ) as writer:
        for own, values in stream_pnl(pnl, calculation.book.positions):
            for first in range(0, own.size, at_once):
                part = names[own[first : first + at_once]]
                columns = [
                    _labelled(np.repeat(np.arange(part.size), len(labels)), part),
                    _labelled(np.tile(np.arange(len(labels)), part.size), labels),
                    np.tile(weight.astype(values.dtype), part.size),
                    values[first : first + at_once, : len(labels)].reshape(-1),
                ]
                table = pa.table(columns, schema=schema)
                writer.write_table(table, row_group_size=table.num_rows)
            done += own.size
            if progress is not None:
                progress(done, len(names))
    return done * len(labels)


def _labelled(number: np.ndarray, label: Any) -> pa.DictionaryArray:
    """Labels as numbers of a dictionary, which each row group has for itself."""
    return pa.DictionaryArray.from_arrays(
        pa.array(number.astype(np.int32)), pa.array(label, pa.string())
    )
