"""One book under several rulebooks, side by side."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from jaxmargin.errors import require
from jaxmargin.io import (
    Problems,
    nearest,
    require_folder,
    write_json,
)
from jaxmargin.jobs._facts import job_facts, job_seconds
from jaxmargin.jobs._keys import MEASURE_KINDS, VENUE_KINDS
from jaxmargin.jobs._load import Inputs, load_inputs
from jaxmargin.jobs._margin_tables import margin_tables
from jaxmargin.jobs._table_files import write_tables

if TYPE_CHECKING:
    from jaxmargin.jobs._calculation import Calculation
    from jaxmargin.margin import AbstractRulebook

__all__ = ["CompareResult", "run_compare"]

_LEVEL = 0.99  # of a risk measure that names none in a job whose rulebook has none


@dataclass(frozen=True)
class CompareResult:
    """Tables as written.

    Attributes:
        margins: one row per account and rulebook: account, rulebook, initial, maintenance,
            worst_scenario.
        components: one row per account, rulebook and component: amounts that add up to initial.
        summary: one row per rulebook: totals of initial and maintenance margin, the first as a
            share of that of the first rulebook, accounts of which it asks the most and the least
            (where not all ask the same),
            and the median and the 5 % and 95 % quantiles of an account's margin relative to the
            first rulebook's.
        facts: title, currency, inputs, seconds.
    """

    margins: pd.DataFrame
    components: pd.DataFrame
    summary: pd.DataFrame
    facts: dict[str, Any]


def run_compare(
    path: Path,
    rulebooks: list[str],
    out: Path,
    *,
    progress: Callable[[int, int], None] | None = None,
) -> CompareResult:
    """Margin every account of a job by several rulebooks and write the tables to `out`.

    Writes `margins.parquet`, `components.parquet`, `summary.parquet` and `compare.json`.

    Args:
        path: job file.
        rulebooks: `kind`, or `kind:set` with a set of settings of a venue's rule or the level of a
            risk measure, such as `expected-shortfall:0.975`. A risk measure takes the scenarios,
            and unless it names a level the level, of the job. The job's add-ons come on top of
            each.
        out: folder for the results.
        progress: called with rulebooks done and rulebooks in all.

    Raises:
        InvalidInputError: with every problem of the job or of the rulebooks.
        MemoryError: memory ran out, and did so with ever smaller chunks too.
    """
    require_folder(out)
    named = _parse(rulebooks)
    start = time.perf_counter()
    inputs = load_inputs(path)
    read_seconds = time.perf_counter() - start

    import jax

    from jaxmargin.jobs._calculation import build_calculation, with_add_ons
    from jaxmargin.jobs._clock import measured
    from jaxmargin.margin import require_all

    with measured() as seconds:
        calculation = build_calculation(inputs)
        rules = {name: _rule(*each, calculation, inputs) for name, each in named.items()}
        charged = [with_add_ons(rule, inputs, calculation.market) for rule in rules.values()]
        found = jax.device_get(
            require_all(charged, calculation.book, calculation.market, progress=progress)
        )
    labels = {name: _labels(rule, calculation, inputs) for name, rule in rules.items()}
    margins, components = _tables(inputs, dict(zip(rules, found, strict=True)), labels)
    summary = _summary(margins, list(rules))
    facts = {
        **job_facts(inputs),
        "rulebooks": list(rules),
        "settings_of": _settings_of(named, inputs),
        "seconds": job_seconds(read_seconds, seconds),
    }
    out.mkdir(parents=True, exist_ok=True)
    tables = {"margins": margins, "components": components, "summary": summary}
    facts["tables"] = write_tables(tables, out)
    write_json(facts, out / "compare.json")
    return CompareResult(margins, components, summary, facts)


def _parse(rulebooks: list[str]) -> dict[str, tuple[str, str | None]]:
    """Kind and set, or level, of each rulebook, by what it was called."""
    problems, parsed = Problems(), {}
    require(len(rulebooks) > 0, "--rulebooks: none is named. Give names with commas between.")
    known = (*MEASURE_KINDS, *VENUE_KINDS)
    for name in rulebooks:
        kind, _, chosen = name.partition(":")
        if kind not in known:
            problems.add(
                "--rulebooks",
                f"unknown rulebook {kind!r}{nearest(kind, known)}",
                f"Known are {', '.join(known)}.",
            )
        elif name in parsed:
            problems.add("--rulebooks", f"{name!r} is named twice", "Name it once.")
        elif kind in MEASURE_KINDS and chosen and not _is_level(chosen):
            problems.add(
                "--rulebooks", f"the level of {name!r} is no number between 0 and 1",
                f"Write 97.5 % as {kind}:0.975.",
            )  # fmt: skip
        elif kind == "worst-case" and chosen:
            problems.add("--rulebooks", f"{name!r}: a worst case has no level", f"Write {kind}.")
        parsed[name] = (kind, chosen or None)
    problems.raise_if_any()
    return parsed


def _is_level(text: str) -> bool:
    try:
        return 0.0 < float(text) < 1.0
    except ValueError:
        return False


def _rule(
    kind: str, chosen: str | None, calculation: "Calculation", inputs: Inputs
) -> "AbstractRulebook":
    from jaxmargin.jobs._calculation import risk_measure
    from jaxmargin.jobs._venue_rulebooks import build_venue_rulebook
    from jaxmargin.margin import RiskMeasureRulebook

    own = inputs.job.rulebook
    if kind in VENUE_KINDS:
        return build_venue_rulebook(kind, *_chosen(kind, chosen, inputs), inputs, "--rulebooks")
    require(
        own["kind"] in MEASURE_KINDS,
        f"--rulebooks {kind}: {inputs.job.path.name} has no [scenarios], which a risk measure "
        f"needs. Give it the section, and a [rulebook] of kind {MEASURE_KINDS[0]}.",
    )
    level = own.get("level", _LEVEL) if chosen is None else float(chosen)
    return RiskMeasureRulebook(
        source=calculation.scenarios.source,
        key=calculation.scenarios.key,
        measure=risk_measure(kind, level),
        maintenance_ratio=own["maintenance_ratio"],
    )


def _chosen(kind: str, chosen: str | None, inputs: Inputs) -> tuple[str | None, Path | None]:
    """Set and file of settings of a venue's rule: those of the job, if the job's rule it is."""
    own = inputs.job.rulebook
    if own["kind"] != kind:
        return chosen, None
    return own["set"] if chosen is None else chosen, own["file"]


def _settings_of(named: dict[str, tuple[str, str | None]], inputs: Inputs) -> dict[str, Any]:
    """Set, date, file and hash of the settings of each venue's rule."""
    from jaxmargin.jobs._venue_rulebooks import settings_facts

    return {
        name: settings_facts(kind, *_chosen(kind, chosen, inputs))
        for name, (kind, chosen) in named.items()
        if kind in VENUE_KINDS
    }


def _labels(rule: "AbstractRulebook", calculation: "Calculation", inputs: Inputs) -> list[str]:
    from jaxmargin.jobs._venue_rulebooks import venue_scenarios
    from jaxmargin.margin import RiskMeasureRulebook

    if isinstance(rule, RiskMeasureRulebook):
        return calculation.scenarios.labels
    return venue_scenarios(rule, "", inputs, calculation.market).labels


def _tables(
    inputs: Inputs, found: dict[str, Any], labels: dict[str, list[str]]
) -> tuple[pd.DataFrame, pd.DataFrame]:
    margins, components = [], []
    for name, requirement in found.items():
        own, parts = margin_tables(inputs, requirement, labels[name])
        own.insert(1, "rulebook", name)
        parts.insert(1, "rulebook", name)
        margins.append(own.drop(columns=["standard_error", "tail_count"]))
        components.append(parts)
    return pd.concat(margins, ignore_index=True), pd.concat(components, ignore_index=True)


def _summary(margins: pd.DataFrame, names: list[str]) -> pd.DataFrame:
    wide = margins.pivot(index="account", columns="rulebook", values="initial")
    wide = wide.reindex(columns=names)
    first = wide[names[0]].where(wide[names[0]] > 0.0)
    ratios = wide.div(first, axis=0)
    totals = margins.groupby("rulebook", observed=True)[["initial", "maintenance"]].sum()
    totals = totals.reindex(names, fill_value=0.0)
    apart = wide[wide.max(axis=1) > wide.min(axis=1)]  # where all ask the same, none asks most
    largest = apart.idxmax(axis=1) if len(apart) else pd.Series(dtype=object)
    smallest = apart.idxmin(axis=1) if len(apart) else pd.Series(dtype=object)
    initial = totals["initial"].astype(float).to_dict()
    rows = []
    for name in names:
        low, middle, high = ratios[name].quantile([0.05, 0.5, 0.95])
        rows.append(
            {
                "rulebook": name,
                "initial": initial[name],
                "maintenance": totals.loc[name, "maintenance"],
                "of_first": initial[name] / initial[names[0]] if initial[names[0]] else np.nan,
                "asks_most": int((largest == name).sum()),
                "asks_least": int((smallest == name).sum()),
                "ratio_5": low,
                "ratio_median": middle,
                "ratio_95": high,
            }
        )
    return pd.DataFrame(rows)
