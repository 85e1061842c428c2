"""Run every file of published cases and note how far the rules agree, for the page of conformance.

Run: python docs/conform.py; needs the reference data, see JAXMARGIN_REFERENCE_DATA. Writes counts
and differences to `conformance.json`, none of the cases.
"""

import json
import os
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import jax

from jaxmargin.io import read_oracle
from jaxmargin.jobs import run_conform
from jaxmargin.jobs._conform_rules import CONFORM_RULES

HERE = Path(__file__).resolve().parent
REFERENCE = Path(os.environ.get("JAXMARGIN_REFERENCE_DATA", HERE.parents[1] / "shared"))


def difference(one):
    """How far a number is from what its file says, in the units of the file."""
    return abs(one.found - one.expected)


def tolerances(oracle, comparisons):
    """What numbers may differ by, in the units of the file: the smallest and the largest."""
    shares = [(oracle.relative or 0) * max(1, abs(one.expected)) for one in comparisons]
    own = [max(one.tolerance or 0, oracle.absolute or 0) for one in comparisons]
    allowed = [max(pair) for pair in zip(shares, own, strict=True)]
    return [float(f"{each:.3g}") for each in (min(allowed), max(allowed))]


def main():
    """Run all files and write the JSON."""
    files = []
    for path in sorted((REFERENCE / "oracles/margin").glob("*.json")):
        oracle, result = read_oracle(path), run_conform(path)
        with jax.enable_x64(True):
            comparisons = CONFORM_RULES[oracle.rulebook](oracle.document)
        files.append(
            {
                "file": path.stem,
                "rulebook": result.rulebook,
                "cases": result.cases,
                "passed": result.passed,
                "skipped": result.skipped,
                "numbers": int(result.quantities["numbers"].sum()),
                "tolerance": tolerances(oracle, comparisons),
                "worst_difference": float(f"{max(difference(one) for one in comparisons):.3g}"),
                "worst_error": float(f"{result.worst_error:.3g}"),
                "worst_quantity": result.worst[1],
            }
        )
        print(f"{path.stem}: {result.passed} of {result.cases} pass")
    commit = subprocess.run(
        ["git", "rev-parse", "HEAD"], cwd=HERE, capture_output=True, text=True, check=True
    )
    found = {
        "date": datetime.now(UTC).date().isoformat(),
        "commit": commit.stdout.strip(),
        "jax": jax.__version__,
        "files": files,
    }
    (HERE / "conformance.json").write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
