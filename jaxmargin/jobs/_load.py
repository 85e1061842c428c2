"""From a job file to checked tables, and from those to arrays."""

from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from jaxmargin.io import (
    BookTables,
    MarketTables,
    Problems,
    nearest,
    read_book,
    read_history,
    read_market,
)
from jaxmargin.jobs._settings import Job, read_job

__all__ = ["Inputs", "load_inputs"]


@dataclass(frozen=True)
class Inputs:
    """Everything a job reads, checked.

    Attributes:
        job: the job file.
        market: market tables.
        book: instruments and positions.
        history: daily closes by asset if the scenarios need them, else None.
        ignored: columns that were in a table but are not used, by file name.
    """

    job: Job
    market: MarketTables
    book: BookTables
    history: pd.DataFrame | None
    ignored: dict[str, list[str]]


def load_inputs(path: Path) -> Inputs:
    """Read and check every input of the job at `path`; nothing is computed.

    Raises:
        InvalidInputError: with every problem of every input.
    """
    problems = Problems()
    job = read_job(path, problems)
    problems.raise_if_any()
    assert job is not None  # a job that cannot be used has problems
    time = job.settings["valuation_time"]
    market = read_market(
        {name: job.market[name] for name in ("assets", "forwards", "volatilities")},
        time,
        numeraire=job.settings["numeraire"],
        averaging_minutes=job.market["averaging_minutes"],
        problems=problems,
    )
    book = read_book(
        {name: path for name, path in job.book.items() if path}, time, market, problems
    )
    history = None
    if market is not None and job.scenarios["kind"] == "historical":
        history = _read_history(job, market, problems)
    problems.raise_if_any()
    assert market is not None and book is not None
    tables = {
        job.market["assets"].name: market.assets,
        job.market["forwards"].name: market.forwards,
        job.market["volatilities"].name: market.volatilities,
        job.book["instruments"].name: book.instruments,
        job.book["positions"].name: book.positions,
    }
    ignored = {
        name: list(table.attrs["ignored_columns"])
        for name, table in tables.items()
        if table.attrs.get("ignored_columns")
    }
    return Inputs(job, market, book, history, ignored)


def _read_history(job: Job, market: MarketTables, problems: Problems) -> pd.DataFrame | None:
    assets = list(market.assets["asset"])
    settings = job.scenarios
    for name in settings["constant"]:
        if name not in assets:
            problems.add(
                f"{job.path.name}, [scenarios] constant",
                f"unknown asset {name!r}{nearest(name, assets)}",
                f"Name assets of {market.files['assets']}.",
            )
    constant = [a for a in assets if a in settings["constant"] or a == job.settings["numeraire"]]
    history = read_history(
        settings["history"],
        assets,
        constant=constant,
        start=settings["start"],
        end=settings["end"],
        problems=problems,
    )
    horizon = job.rulebook["horizon_days"]
    if history is not None and len(history) <= horizon:
        problems.add(
            f"{settings['history'].name}, column time",
            f"{len(history)} days for a horizon of {horizon} days",
            "Give a longer history, or a shorter horizon_days in [rulebook].",
        )
    return history
