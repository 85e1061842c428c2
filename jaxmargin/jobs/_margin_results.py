"""What a margin job says once margins are known: its tables, its manifest, and their files."""

import importlib.metadata
import platform
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jax
import pandas as pd

from jaxmargin.io import sha256, write_json
from jaxmargin.jobs._calculation import Calculation
from jaxmargin.jobs._clock import Seconds
from jaxmargin.jobs._facts import input_files, job_seconds
from jaxmargin.jobs._input_files import file_facts
from jaxmargin.jobs._load import Inputs
from jaxmargin.jobs._margin_tables import margin_tables
from jaxmargin.jobs._paths import job_from
from jaxmargin.jobs._safeguard_state import STATE_FILE, LastRun
from jaxmargin.jobs._safeguards import Safeguarded, SafeguardPrices, safeguard_margins
from jaxmargin.jobs._states import collateral_warnings, state_table
from jaxmargin.jobs._table_files import write_tables
from jaxmargin.margin import Requirement

__all__ = [
    "MarginResults",
    "margin_manifest",
    "margin_results",
    "margin_warnings",
    "write_results",
]

_ROUGH_TAIL = 30  # effective tail scenarios below which a standard error is itself a guess


@dataclass(frozen=True)
class MarginResults:
    """Margins after safeguards, and the tables that say them.

    Attributes:
        requirement: of the host.
        requirements: one row per account.
        components: one row per account and component.
        states: one row per account; None where the job names no collateral.
        safeguarded: what the safeguards did; None without [safeguards].
    """

    requirement: Requirement
    requirements: pd.DataFrame
    components: pd.DataFrame
    states: pd.DataFrame | None
    safeguarded: Safeguarded | None

    def extra(self) -> dict[str, pd.DataFrame | None]:
        """Tables that not every job has, by the name of their file."""
        safeguarded = self.safeguarded
        return {
            "states": self.states,
            "safeguards": None if safeguarded is None else safeguarded.rows,
            "safeguards_state": None if safeguarded is None else safeguarded.state,
        }


def margin_results(
    inputs: Inputs,
    calculation: Calculation,
    requirement: Requirement,
    last: LastRun | None,
    prices: SafeguardPrices | None = None,
) -> MarginResults:
    """Apply the job's safeguards to margins, and put them and accounts' states into tables.

    Args:
        inputs: the checked inputs.
        calculation: what the margins were computed from.
        requirement: the margins before safeguards, of the host.
        last: the run that safeguards go on from; see `read_last_run`.
        prices: what safeguards need, if the job is margined in parts; made unless given.
    """
    safeguarded = None
    if inputs.safeguards is not None:
        safeguarded = safeguard_margins(
            inputs, calculation, requirement, inputs.safeguards, last, prices
        )
        requirement = safeguarded.requirement
    requirements, components = margin_tables(inputs, requirement, calculation.scenarios.labels)
    states = None
    if inputs.balances is not None:
        states = state_table(inputs, calculation, requirement, requirements)
    return MarginResults(requirement, requirements, components, states, safeguarded)


def margin_manifest(
    inputs: Inputs,
    calculation: Calculation,
    results: MarginResults,
    out: Path,
    *,
    read: float,
    seconds: Seconds,
    files: Sequence[dict[str, Any]] | None = None,
) -> dict[str, Any]:
    """Inputs, settings, versions, device, execution, seconds and warnings, in plain types.

    Args:
        inputs: the checked inputs.
        calculation: what the margins were computed from.
        results: what was found.
        out: the folder that the manifest is for; the job file is named from there.
        read: seconds to read the inputs.
        seconds: to compute.
        files: name, bytes and SHA-256 of every input as it was read; those of `inputs` if None.
    """
    labels, execution = calculation.scenarios.labels, results.requirement.execution
    safeguarded = results.safeguarded
    return {
        "title": inputs.job.settings["title"],
        "created": pd.Timestamp.now("UTC").isoformat(timespec="seconds"),
        "job": job_from(inputs.job.path, out),
        "inputs": file_facts(input_files(inputs)) if files is None else list(files),
        "settings": inputs.job.resolved(),
        "scenarios": calculation.scenarios.provenance,
        "counts": {
            "accounts": len(inputs.book.accounts),
            "positions": len(inputs.book.positions),
            "instruments": len(inputs.book.instruments),
            "scenarios": len(labels),
        },
        "versions": _versions(),
        "device": {
            "platform": jax.default_backend(),
            "kind": jax.devices()[0].device_kind,
            "count": jax.device_count(),
        },
        "execution": {name: int(value) for name, value in execution._asdict().items()},
        "programs": {"compiled": seconds.compiled, "from_cache": seconds.cached},
        "seconds": job_seconds(read, seconds),
        "warnings": [
            *margin_warnings(inputs, _least_tail(results.requirements), len(labels)),
            *_retried(execution),
            *collateral_warnings(inputs),
            *([] if safeguarded is None else safeguarded.warnings),
        ],
    }


def write_results(results: MarginResults, manifest: dict[str, Any], out: Path) -> dict[str, Any]:
    """Write the tables to the folder `out`, and the manifest last; the manifest as written.

    Args:
        results: what was found.
        manifest: see `margin_manifest`; its `tables` are those that were written before.
        out: the folder.
    """
    tables = {"requirements": results.requirements, "components": results.components}
    written = write_tables(tables | results.extra(), out)
    manifest = manifest | {"tables": [*manifest.get("tables", []), *written]}
    if results.safeguarded is not None:
        state = sha256(out / STATE_FILE)
        manifest = manifest | {"safeguards": results.safeguarded.facts | {"state_sha256": state}}
    write_json(manifest, out / "manifest.json")
    return manifest


def _least_tail(requirements: pd.DataFrame) -> float | None:
    return None if requirements.empty else float(requirements["tail_count"].min())


def margin_warnings(inputs: Inputs, tail: float | None, scenarios: int) -> list[str]:
    """What a user must know of the inputs and of the scenarios in the tail.

    Args:
        inputs: the checked inputs.
        tail: least effective number of tail scenarios of an account; None without accounts.
        scenarios: their number.
    """
    warnings = [
        f"{file}: columns that are not used: {', '.join(columns)}."
        for file, columns in inputs.ignored.items()
    ]
    if tail is None:
        return [*warnings, "The book has no positions, so there is no account to margin."]
    level = inputs.job.rulebook.get("level")
    if level is None:
        return warnings
    if tail < 1.0:
        warnings.append(
            f"{scenarios:,} scenarios are too few for level {level}: the tail holds {tail:.2f} "
            "effective scenarios, so each margin is its worst scenario. Give more scenarios or "
            "a lower level."
        )
    elif tail < _ROUGH_TAIL:
        warnings.append(
            f"The tail holds {tail:.1f} effective scenarios, below {_ROUGH_TAIL}: standard "
            "errors are rough. Give more scenarios or a lower level."
        )
    return warnings


def _retried(execution: Any) -> list[str]:
    if execution.retries == 0:
        return []
    times = "once" if execution.retries == 1 else f"{execution.retries} times"
    return [
        f"Memory ran out {times}; chunks were halved to {execution.chunk_rows:,} accounts. Give "
        "fewer scenarios, precision f32, or a device with more memory."
    ]


def _versions() -> dict[str, str]:
    names = ("jax", "jaxlib", "numpy", "pandas", "pyarrow")
    from jaxmargin import __version__

    return {
        "jaxmargin": __version__,
        "python": platform.python_version(),
        **{name: importlib.metadata.version(name) for name in names},
    }
