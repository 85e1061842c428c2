"""The checks of a framework, evaluated on what a job and its past runs say."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from jaxmargin.checks import CheckResult, CheckStatus, Framework, evaluate_checks
from jaxmargin.errors import InvalidInputError
from jaxmargin.io import (
    Problems,
    framework_library,
    nearest,
    read_framework,
    require_folder,
    write_json,
)
from jaxmargin.jobs._check_evidence import HOW_TO_GIVE, job_evidence
from jaxmargin.jobs._check_runs import backtest_evidence, margin_evidence
from jaxmargin.jobs._facts import input_files
from jaxmargin.jobs._input_files import require_unchanged, see_files
from jaxmargin.jobs._load import load_inputs
from jaxmargin.jobs._table_files import write_tables

__all__ = ["ChecksResult", "run_checks"]


@dataclass(frozen=True)
class ChecksResult:
    """Checks as written.

    Attributes:
        results: in the order of the framework.
        table: one row per check: id, title, value, limit (NaN where there is none), status,
            reason, give (what to give where an input is missing), citation, basis (read, recalled
            or assumed), inputs_hash.
        facts: framework, inputs, counts and notes, in plain types.
    """

    results: tuple[CheckResult, ...]
    table: pd.DataFrame
    facts: dict[str, Any]

    def failed(self) -> bool:
        """Whether a check fails."""
        return any(each.status is CheckStatus.FAIL for each in self.results)


def run_checks(
    path: Path,
    framework: str,
    out: Path,
    *,
    backtest: Path | None = None,
    margin: Path | None = None,
) -> ChecksResult:
    """Evaluate the checks of a framework, and write `checks.parquet` and `checks.json`.

    Only what the job's inputs and the given folders say is evaluated; nothing is margined. The day
    of the check is that of the valuation.

    Args:
        path: job file; its [governance] says when model and parameters were reviewed.
        framework: name of one that comes with the package, or path of a file.
        out: folder for the results.
        backtest: folder of a backtest of the job.
        margin: folder of margins of the job.

    Raises:
        InvalidInputError: with every problem of the inputs.
    """
    require_folder(out)
    file = _framework_file(framework)
    problems, files = Problems(), see_files([file])
    chosen = read_framework(file, problems)
    problems.raise_if_any()
    assert chosen is not None
    inputs = load_inputs(path, safeguards=True)
    products = tuple((inputs.job.governance or {}).get("products", ()))
    _require_known_products(inputs.job.path.name, products, chosen, problems)
    log = (inputs.job.governance or {}).get("overrides")
    files += see_files([] if log is None else [log])
    evidence, notes = job_evidence(inputs, problems)
    problems.raise_if_any()
    if margin is not None:
        evidence |= margin_evidence(margin, inputs)
    if backtest is not None:
        evidence |= backtest_evidence(backtest, inputs)
        if inputs.job.safeguards is not None:
            notes.append(
                "The backtest leaves out [safeguards]: its coverage, breaches and steps are those "
                "of the margins calculated."
            )
    results = evaluate_checks(chosen, evidence, products=products)
    notes += _all_products(chosen, products)
    table = _table(results)
    require_unchanged(files)
    framework_file, *logs = files
    facts = {
        "title": inputs.job.settings["title"],
        "created": pd.Timestamp.now("UTC").isoformat(timespec="seconds"),
        "framework": chosen.name,
        "framework_title": chosen.title,
        "framework_sha256": framework_file.sha256,
        "day": evidence["today"].isoformat(),
        "products": list(products),
        "inputs": [
            {"file": f.path.name, "sha256": f.sha256} for f in (*input_files(inputs), *logs)
        ],
        "counts": {s.value: sum(r.status is s for r in results) for s in CheckStatus},
        "notes": notes,
        "checks": [_plain(each) for each in results],
    }
    out.mkdir(parents=True, exist_ok=True)
    facts["tables"] = write_tables({"checks": table}, out)
    write_json(facts, out / "checks.json")
    return ChecksResult(results, table, facts)


def _framework_file(framework: str) -> Path:
    library = framework_library()
    if framework in library:
        return library[framework]
    if framework.endswith(".toml"):
        return Path(framework)
    raise InvalidInputError(
        f"--framework: no {framework!r}{nearest(framework, library)}. There are "
        f"{', '.join(library)}; or give the path of a .toml file."
    )


def _require_known_products(
    file: str, products: Sequence[str], framework: Framework, problems: Problems
) -> None:
    """Note products that neither this framework nor one that comes with the package knows."""
    others = [read_framework(path, Problems()) for path in framework_library().values()]
    known = sorted(set().union(*(f.products() for f in (framework, *others) if f is not None)))
    for name in products:
        if name not in known:
            what = f"unknown products {name!r}{nearest(name, known)}"
            problems.add(f"{file}, [governance] products", what, f"There are {', '.join(known)}.")


def _all_products(framework: Framework, products: Sequence[str]) -> list[str]:
    kinds = framework.products()
    if not kinds or kinds & set(products):
        return []
    return [
        f"Limits of all products were looked at. Name yours in products of [governance]: "
        f"{', '.join(sorted(kinds))}."
    ]


def _table(results: Sequence[CheckResult]) -> pd.DataFrame:
    def number(value: float | None) -> float:
        return np.nan if value is None else value

    return pd.DataFrame(
        {
            "id": [each.id for each in results],
            "title": [each.title for each in results],
            "value": [number(each.value) for each in results],
            "limit": [number(each.limit) for each in results],
            "status": [each.status.value for each in results],
            "reason": [each.reason for each in results],
            "give": [_give(each) for each in results],
            "citation": [str(each.citation) for each in results],
            "basis": [each.citation.basis.value for each in results],
            "inputs_hash": [each.inputs_hash for each in results],
        }
    )


def _give(result: CheckResult) -> str:
    return "; ".join(dict.fromkeys(HOW_TO_GIVE[name] for name in result.missing))


def _plain(result: CheckResult) -> dict[str, Any]:
    def number(value: float | None) -> float | str | None:
        """Infinite values as text, which JSON has no number for."""
        return value if value is None or np.isfinite(value) else str(value)

    citation = result.citation
    return {
        "id": result.id,
        "title": result.title,
        "status": result.status.value,
        "value": number(result.value),
        "limit": number(result.limit),
        "reason": result.reason,
        "give": _give(result),
        "comparisons": [
            {
                "name": each.name,
                "value": number(float(each.value)),
                "rule": each.rule.value,
                "limit": number(float(each.limit)),
            }
            for each in result.comparisons
        ],
        "framework": citation.framework,
        "article": citation.article,
        "source": citation.source,
        "source_date": citation.date.isoformat(),
        "basis": citation.basis.value,
        "inputs_hash": result.inputs_hash,
    }
