"""Why the margins of two runs differ, by account and in total."""

import math
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from jaxmargin.errors import InvalidInputError, require
from jaxmargin.io import nearest, require_folder, round_up, write_json, write_table
from jaxmargin.jobs._load import only_accounts
from jaxmargin.jobs._past_run import PastRun, read_run

__all__ = ["ExplainResult", "run_explain"]

_LEFT, _NEW, _REST = "expired or delisted", "newly listed", "residual"


@dataclass(frozen=True)
class ExplainResult:
    """What changed the initial margins, in the numeraire.

    Attributes:
        margins: one row per account: account, before, after; zero where a run lacks it.
        changes: one row per account and step: account, step, amount. The last step is the
            residual; the amounts of an account add up to `after` less `before`.
        steps: of all accounts, one row per step in the order of the path: step, amount,
            first_order (see `MarginChange`, NaN for none); the residual is the last.
        facts: runs, path, currency, totals, share of the residual and hashes, in plain types.
    """

    margins: pd.DataFrame
    changes: pd.DataFrame
    steps: pd.DataFrame
    facts: dict[str, Any]


def run_explain(
    first: Path, second: Path, *, account: str | None = None, out: Path | None = None
) -> ExplainResult:
    """Split the change of the initial margins from one run to another into its causes.

    The path is that of `explain_margin` on what both days can value. Before it, positions leave
    whose contracts the second day cannot value (expired, delisted, other terms) in the first
    day's market; after it, those enter that only the second day can value, in its market. The
    residual is what the path leaves of the difference of the published margins: rounding, and any
    change of program or machine since the runs.

    With `out`, writes `explain.parquet` (the table `changes`) and `explain.json` (`facts`).

    Args:
        first: a job file, or a folder of results of `run_margin` with its inputs unchanged.
        second: the same of the other run.
        account: the only account to explain; None for all.
        out: folder for the results; None to write nothing.

    Raises:
        InvalidInputError: with every problem of the inputs, runs that cannot be compared, or an
            unknown account.
        MemoryError: memory ran out, and did so with ever smaller chunks too.
    """
    if out is not None:
        require_folder(out)
    runs = read_run(first), read_run(second)
    _require_comparable(*runs)
    if account is not None:
        runs = _only(account, *runs)

    from jaxmargin.jobs._common_rows import common_states
    from jaxmargin.sensitivities import explain_margin

    inputs = runs[0].inputs, runs[1].inputs
    accounts = inputs[0].book.accounts.union(inputs[1].book.accounts)
    whole = [_margins(run, accounts) for run in runs]
    (before, published_before), (after, published_after) = whole
    change = explain_margin(*common_states(*inputs, accounts))
    amount = np.asarray(change.amount, np.float64)
    start = np.asarray(change.start, np.float64)
    amount = np.column_stack([start - before, amount, after - start - amount.sum(axis=1)])
    rest = published_after - published_before - amount.sum(axis=1)
    path = [_LEFT, *change.steps, _NEW]
    first_order = np.concatenate([[np.nan], np.asarray(change.first_order, np.float64), [np.nan]])
    steps = pd.DataFrame(
        {
            "step": [*path, _REST],
            "amount": [*amount.sum(axis=0), rest.sum()],
            "first_order": [*first_order, np.nan],
        }
    )
    changes = pd.DataFrame(
        {
            "account": np.repeat(accounts, len(path) + 1),
            "step": np.tile([*path, _REST], len(accounts)),
            "amount": np.column_stack([amount, rest]).reshape(-1),
        }
    )
    margins = pd.DataFrame(
        {"account": accounts, "before": published_before, "after": published_after}
    )
    facts = _facts(runs, account, steps, margins)
    if out is not None:
        out.mkdir(parents=True, exist_ok=True)
        write_table(changes, out / "explain.parquet")
        write_json(facts, out / "explain.json")
    return ExplainResult(margins, changes, steps, facts)


def _require_comparable(first: PastRun, second: PastRun) -> None:
    """Raise `InvalidInputError` where a difference of margins would mean nothing."""
    problems = []
    one, other = first.inputs.job.settings, second.inputs.job.settings
    for key in ("numeraire", "precision"):
        if one[key] != other[key]:
            problems.append(
                f"{key}: {one[key]!r} in {first.path} and {other[key]!r} in {second.path}. Run "
                "both jobs with the same."
            )
    names, others = first.inputs.book.accounts, second.inputs.book.accounts
    if len(names) and len(others) and names.intersection(others).empty:
        problems.append(
            f"accounts: none of {first.path} is in {second.path}; the first are {names[0]!r} and "
            f"{others[0]!r}. Give both runs the same account names."
        )
    if problems:
        raise InvalidInputError(problems)


def _only(account: str, first: PastRun, second: PastRun) -> tuple[PastRun, PastRun]:
    """Both runs with the positions of one account alone: margins do not depend on others."""
    known = list(first.inputs.book.accounts.union(second.inputs.book.accounts))
    require(
        account in known,
        f"--account: no account {account!r}{nearest(account, known)} among {len(known):,}.",
    )

    def reduced(run: PastRun) -> PastRun:
        own = run.inputs.book.accounts
        return replace(run, inputs=only_accounts(run.inputs, own[own == account]))

    return reduced(first), reduced(second)


def _margins(run: PastRun, accounts: pd.Index) -> tuple[np.ndarray, np.ndarray]:
    """Initial margins of a run as computed now, and as published; zero where it lacks one."""
    from jaxmargin.jobs._calculation import build_calculation

    made, own = build_calculation(run.inputs), run.inputs.book.accounts
    computed = np.asarray(made.rulebook.requirement(made.book, made.market).initial, np.float64)
    published = run.published
    if published is None:
        unit = run.inputs.job.settings["round_to"]
        published = pd.Series(round_up(computed, unit), index=own)
    require(
        bool(own.isin(published.index).all()),
        f"{run.path / 'requirements.parquet'}: accounts of the book are missing. Run it again.",
    )
    exact = pd.Series(computed, index=own).reindex(accounts, fill_value=0.0)
    shown = published.reindex(own).reindex(accounts, fill_value=0.0)
    return exact.to_numpy(np.float64), shown.to_numpy(np.float64)


def _facts(
    runs: tuple[PastRun, PastRun],
    account: str | None,
    steps: pd.DataFrame,
    margins: pd.DataFrame,
) -> dict[str, Any]:
    moved = float(steps["amount"].abs().sum())
    residual = float(steps["amount"].iloc[-1])
    return {
        "currency": runs[0].inputs.job.settings["numeraire"],
        "account": account,
        "accounts": len(margins),
        "path": steps["step"].tolist()[:-1],
        "before": float(margins["before"].sum()),
        "after": float(margins["after"].sum()),
        "steps": [
            {"step": step, "amount": amount, "first_order": None if math.isnan(slope) else slope}
            for step, amount, slope in steps.to_numpy().tolist()
        ],
        "residual": residual,
        "residual_share": abs(residual) / moved if moved > 0.0 else 0.0,
        "runs": [
            {
                "run": "/".join(run.path.resolve().parts[-2:]),
                "valuation_time": run.inputs.job.settings["valuation_time"].isoformat(),
                "inputs": [
                    {"file": file.path.name, "sha256": file.sha256} for file in run.inputs.files
                ],
            }
            for run in runs
        ],
    }
