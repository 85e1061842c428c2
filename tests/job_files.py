"""Job folders for tests: the synthetic demo, small, and ways to spoil it."""

from collections.abc import Callable
from pathlib import Path

import pandas as pd

from jaxmargin.jobs import write_demo

TABLES = {
    "assets": "market/assets.parquet",
    "forwards": "market/forwards.parquet",
    "volatilities": "market/volatilities.parquet",
    "history": "history.parquet",
    "instruments": "instruments.parquet",
    "positions": "positions.parquet",
}


def make_job(folder: Path, *, accounts: int = 12) -> Path:
    """Write a small synthetic job in double precision; its job file."""
    job = write_demo(folder, accounts=accounts)
    edit_text(job, 'precision = "f32"', 'precision = "f64"')
    return job


def edit_text(job: Path, old: str, new: str) -> None:
    """Replace `old`, which must be there, in a job file."""
    text = job.read_text()
    assert old in text
    job.write_text(text.replace(old, new))


def edit_table(job: Path, name: str, change: Callable[[pd.DataFrame], pd.DataFrame]) -> None:
    """Rewrite a Parquet table of a job as `change` returns it."""
    path = job.parent / TABLES[name]
    change(pd.read_parquet(path)).to_parquet(path, index=False)


def set_cell(job: Path, name: str, column: str, row: int, value: object) -> None:
    """Write one cell; `row` counts from 1 as messages do."""

    def change(table: pd.DataFrame) -> pd.DataFrame:
        table.loc[row - 1, column] = value
        return table

    edit_table(job, name, change)


def with_scenarios(job, kind, keys):
    """The same job with another section [scenarios]; its job file."""
    text = job.read_text()
    start, end = text.index("[scenarios]"), text.index("[rulebook]")
    job.write_text(text[:start] + f'[scenarios]\nkind = "{kind}"\n{keys}\n' + text[end:])
    return job
