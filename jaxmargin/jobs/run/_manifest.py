"""The manifest of a run: what it read, by which settings, and what must be known of it."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from jaxmargin.jobs._load import Inputs
from jaxmargin.jobs._margin_results import margin_warnings
from jaxmargin.jobs._paths import job_from
from jaxmargin.jobs._safeguard_state import STATE_FILE
from jaxmargin.jobs._safeguards import safeguard_warnings
from jaxmargin.jobs._scenarios import Scenarios
from jaxmargin.jobs._states import collateral_warnings
from jaxmargin.jobs._table_files import parts_sha256
from jaxmargin.jobs.run._plan import RunPlan

__all__ = ["memory_warnings", "run_manifest"]

_SUMMED = ("accounts_new", "accounts_rebased", "accounts_held")


def run_manifest(
    inputs: Inputs,
    scenarios: Scenarios,
    plan: RunPlan,
    records: Sequence[Mapping[str, Any]],
    out: Path,
) -> dict[str, Any]:
    """Facts of a run from the records of its shards, without times: they are in `status.json`.

    Args:
        inputs: the checked inputs.
        scenarios: of the run.
        plan: of the run.
        records: of every shard, in order.
        out: folder of the run; the job file is named from there.
    """
    facts = [record["facts"] for record in records]
    tails = [each["least_tail_count"] for each in facts if each["least_tail_count"] is not None]
    warnings = [
        *margin_warnings(inputs, min(tails) if tails else None, len(scenarios.labels)),
        *collateral_warnings(inputs),
        *memory_warnings(facts),
    ]
    manifest = {
        "title": inputs.job.settings["title"],
        "job": job_from(inputs.job.path, out),
        "inputs": plan.makes["inputs"],
        "settings": plan.makes["settings"],
        "scenarios": scenarios.provenance,
        "seeds": {"scenarios": scenarios.provenance.get("seed")},
        "counts": {
            "accounts": plan.accounts,
            "positions": sum(each["positions"] for each in facts),
            "instruments": len(inputs.book.instruments),
            "scenarios": len(scenarios.labels),
        },
        "versions": plan.makes["versions"],
        "device": plan.makes["platform"],
        "execution": {"chunk_rows": min(each["chunk_rows"] for each in facts)},
        "accounts_per_shard": plan.makes["accounts_per_shard"],
        "shards": plan.shards,
        "warnings": warnings,
    }
    if inputs.safeguards is not None:
        unpriced = sorted(name for each in facts for name in each["unpriced"])
        manifest["warnings"] += safeguard_warnings(inputs.safeguards, unpriced)
        manifest["safeguards"] = _safeguards(plan, records)
    return manifest


def memory_warnings(facts: Sequence[Mapping[str, Any]]) -> list[str]:
    """That memory ran short, if it did, for some shards or for all alike.

    Args:
        facts: of every shard.
    """
    chunks = sorted({each["chunk_rows"] for each in facts})
    ample = max(each["ample_chunk_rows"] for each in facts)
    if chunks == [ample]:
        return []
    return [
        f"Memory ran short: shards had chunks of {', '.join(map(str, chunks))} accounts where "
        f"{ample} fit into ample memory, so that the last digits before rounding may differ from "
        "those of another run."
    ]


def _safeguards(plan: RunPlan, records: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Facts of the safeguards of all shards together."""
    facts = [record["facts"]["safeguards"] for record in records]
    whole = dict(facts[0])
    for name in _SUMMED:
        if name in whole:
            whole[name] = sum(each[name] for each in facts)
    if "accounts_closed" in whole:  # a shard counts all of the last run's that are not its own
        last = facts[0]["accounts_closed"] + records[0]["accounts"] - facts[0]["accounts_new"]
        whole["accounts_closed"] = last - (plan.accounts - whole["accounts_new"])
    parts = [
        (Path(entry["file"]).name, entry["sha256"])
        for record in records
        for entry in record["files"]
        if Path(entry["file"]).parent.name == STATE_FILE
    ]
    return whole | {"state_sha256": parts_sha256(parts)}
