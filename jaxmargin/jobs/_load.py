"""From a job file to checked tables, and from those to arrays."""

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from jaxmargin.errors import require
from jaxmargin.io import (
    BookTables,
    History,
    MarketTables,
    Problems,
    StressScenario,
    build_market,
    build_stress,
    estimate_betas,
    factor_names,
    nearest,
    read_book,
    read_correlations,
    read_history,
    read_market,
    read_scenarios,
    read_stress,
    stress_library,
    with_accounts_of,
)
from jaxmargin.jobs._held_collateral import read_held_collateral
from jaxmargin.jobs._input_files import InputFile, require_unchanged, see_files
from jaxmargin.jobs._safeguard_settings import JobSafeguards, read_job_safeguards
from jaxmargin.jobs._scenario_checks import check_scenarios
from jaxmargin.jobs._scenario_keys import HISTORY_KINDS
from jaxmargin.jobs._settings import OF_THE_RULEBOOK, Job, read_job

if TYPE_CHECKING:
    from jaxmargin.market import Market

__all__ = ["Inputs", "load_inputs", "market_of", "only_accounts"]


@dataclass(frozen=True)
class Inputs:
    """Everything a job reads, checked.

    Attributes:
        job: the job file.
        market: market tables.
        book: instruments and positions.
        history: daily closes and other states if the scenarios need them, else None.
        correlations: given pairs of risk factors, or None.
        stresses: stress scenarios as read; empty for other kinds.
        stress_moves: their arrays, named as the fields of `Shocks`, and the move of each asset
            with the rule behind it; None for other kinds.
        given: arrays and labels of a table of scenarios; None for other kinds.
        ignored: columns that were in a table but are not used, by file name.
        balances: what accounts have beside their positions, or None.
        haircuts: of balances in equity, or None.
        safeguards: which safeguards margins have, or None.
        windows: the history of each tool against procyclicality that needs another window of it.
        files: those of `job.inputs()`, in their order, as they were read.
    """

    job: Job
    market: MarketTables
    book: BookTables
    history: History | None
    correlations: pd.DataFrame | None
    stresses: list[StressScenario]
    stress_moves: tuple[dict[str, np.ndarray], pd.DataFrame] | None
    given: tuple[dict[str, np.ndarray], list[str]] | None
    ignored: dict[str, list[str]]
    balances: pd.DataFrame | None = None
    haircuts: pd.DataFrame | None = None
    safeguards: JobSafeguards | None = None
    windows: dict[str, History] = field(default_factory=dict)
    files: tuple[InputFile, ...] = ()


def load_inputs(
    path: Path,
    *,
    safeguards: bool = False,
    snapshots: Path | None = None,
    balances: pd.DataFrame | None = None,
    haircuts: pd.DataFrame | None = None,
) -> Inputs:
    """Read and check every input of the job at `path`; nothing is computed.

    Args:
        path: job file.
        safeguards: whether what is asked for applies safeguards, or has no margins; else a job
            that has them is refused, as its margins would be too low.
        snapshots: folder for tables of databases; see `read_job`.
        balances: collateral to take in place of what the job's table has.
        haircuts: the same of its haircuts.

    Raises:
        InvalidInputError: with every problem of every input.
        UnavailableInputError: with every input that was written meanwhile.
    """
    problems, files = Problems(), see_files([path])
    job = read_job(path, problems, snapshots=snapshots)
    problems.raise_if_any()
    assert job is not None  # a job that cannot be used has problems
    require(
        safeguards or job.safeguards is None,
        f"{path.name}, [safeguards]: this command does not apply them; margin, run and watch do. "
        "Give a copy of the job without the section for margins as they are before.",
    )
    files += see_files(job.inputs()[1:])
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
    if market is not None and book is not None:
        balances, haircuts = read_held_collateral(
            job, market, problems, balances=balances, haircuts=haircuts
        )
        book = book if balances is None else with_accounts_of(book, balances)
    history = correlations = stress_moves = given = None
    stresses: list[StressScenario] = []
    settings = job.scenarios
    if market is not None and settings["kind"] != OF_THE_RULEBOOK:
        _check_constant(job, market, problems)
        if settings["kind"] in HISTORY_KINDS:
            history = _read_history(job, market, problems)
        if history is not None and settings.get("correlations"):
            names = factor_names(history)
            correlations = read_correlations(settings["correlations"], names, problems)
        check_scenarios(job, market, history, problems)
        if settings["kind"] == "stress":
            stresses = _read_stresses(job, problems)
            stress_moves = _stress_moves(job, market, stresses, problems)
        if settings["kind"] == "file":
            constant = [*settings["constant"], job.settings["numeraire"]]
            given = read_scenarios(settings["file"], market, constant=constant, problems=problems)
    chosen = None if book is None else read_job_safeguards(job, book.accounts, problems)
    windows = {}
    if chosen is not None and market is not None and history is not None:
        windows = _read_windows(chosen, market, problems)
    problems.raise_if_any()
    require_unchanged(files)
    assert market is not None and book is not None
    tables = {
        job.market["assets"].name: market.assets,
        job.market["forwards"].name: market.forwards,
        job.market["volatilities"].name: market.volatilities,
        job.book["instruments"].name: book.instruments,
        job.book["positions"].name: book.positions,
    }
    for name, table in (("collateral", balances), ("haircuts", haircuts)):
        if table is not None:
            tables[job.book[name].name] = table
    ignored = {
        name: list(table.attrs["ignored_columns"])
        for name, table in tables.items()
        if table.attrs.get("ignored_columns")
    }
    if history is not None and history.ignored:
        ignored[settings["history"].name] = list(history.ignored)
    return Inputs(
        job, market, book, history, correlations, stresses, stress_moves, given, ignored, balances,
        haircuts, chosen, windows, files,
    )  # fmt: skip


def only_accounts(inputs: Inputs, accounts: pd.Index) -> Inputs:
    """The job with these accounts alone, known to it or new: margins do not depend on others."""
    positions = inputs.book.positions
    mine = positions[positions["account"].isin(accounts)].reset_index(drop=True)
    return replace(inputs, book=replace(inputs.book, positions=mine, accounts=accounts))


def market_of(inputs: Inputs) -> "Market":
    """The market of a job, in the job's precision, which is set for the whole process."""
    import jax

    if inputs.job.settings["precision"] == "f64":
        jax.config.update("jax_enable_x64", True)
    conventions = {key: inputs.job.market[key] for key in ("surface", "dynamics")}
    return build_market(inputs.market, **conventions)


def _check_constant(job: Job, market: MarketTables, problems: Problems) -> None:
    assets = list(market.assets["asset"])
    for name in job.scenarios.get("constant", ()):
        if name not in assets:
            problems.add(
                f"{job.path.name}, [scenarios] constant",
                f"unknown asset {name!r}{nearest(name, assets)}",
                f"Name assets of {market.files['assets']}.",
            )


def _read_history(job: Job, market: MarketTables, problems: Problems) -> History | None:
    settings, assets = job.scenarios, list(market.assets["asset"])
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
    if history is not None and len(history.closes) <= horizon:
        problems.add(
            f"{settings['history'].name}, column time",
            f"{len(history.closes)} days for a horizon of {horizon} days",
            "Give a longer history, or a shorter horizon_days in [rulebook].",
        )
    return history


def _read_windows(
    safeguards: JobSafeguards, market: MarketTables, problems: Problems
) -> dict[str, History]:
    """The history of each tool's window, all of which it must have."""
    found = {}
    for tool, job in safeguards.windows.items():
        history = _read_history(job, market, problems)
        if history is None:
            continue
        days, day = history.closes.index, pd.Timedelta(days=1)
        start, end = job.scenarios["start"], job.scenarios["end"]
        if days[0] - start >= day or (end is not None and end - days[-1] >= day):
            problems.add(
                f"{job.path.name}, [safeguards]",
                f"the window of {tool} is not all in {job.scenarios['history'].name}, which there "
                f"has {days[0].date()} to {days[-1].date()}",
                "Give a longer history, or a window within it.",
            )
        found[tool] = history
    return found


def _read_stresses(job: Job, problems: Problems) -> list[StressScenario]:
    """Those named or given as files; all of the library if neither."""
    library, settings = stress_library(), job.scenarios
    for name in settings["names"]:
        if name not in library:
            problems.add(
                f"{job.path.name}, [scenarios] names",
                f"unknown stress {name!r}{nearest(name, library)}",
                f"The library has {', '.join(sorted(library))}.",
            )
    paths = [library[name] for name in settings["names"] if name in library]
    paths += settings["files"]
    if not settings["names"] and not settings["files"]:
        paths = [library[name] for name in sorted(library)]
    read = [read_stress(path, problems) for path in paths]
    return [scenario for scenario in read if scenario is not None]


def _stress_moves(
    job: Job, market: MarketTables, stresses: list[StressScenario], problems: Problems
) -> tuple[dict[str, np.ndarray], pd.DataFrame]:
    betas: dict[str, float] = {}
    if job.scenarios["history"] is not None:
        history = _read_history(job, market, problems)
        if history is not None:
            betas = estimate_betas(history.closes, list(market.assets["asset"]))
    return build_stress(stresses, market, betas, problems, numeraire=job.settings["numeraire"])
