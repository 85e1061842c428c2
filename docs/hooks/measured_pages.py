"""Pages of what was measured: agreement with published cases, and benchmarks."""

import json
import runpy
from pathlib import Path

__all__ = ["measured_pages"]


def measured_pages(repository: Path) -> dict[str, str]:
    """The pages of conformance and of benchmarks."""
    return {
        "conformance.md": _conformance(repository / "docs/conformance.json"),
        "benchmarks.md": _benchmarks(repository / "benchmarks"),
    }


def _conformance(path: Path) -> str:
    found = json.loads(path.read_text())
    rows = []
    for file in found["files"]:
        passed = f"{file['passed']} of {file['cases']}".replace(" ", "\N{NO-BREAK SPACE}")
        least, most = map(_figure, file["tolerance"])
        tolerance = least if least == most else f"{least} to {most}"
        rows.append(
            f"| {file['rulebook']} | `{file['file']}` | {passed} | {file['numbers']:,} "
            f"| {tolerance} | {_figure(file['worst_difference'])} "
            f"| {_figure(file['worst_error'])} |"
        )
    cases = sum(file["passed"] for file in found["files"])
    state = (
        f"Run on {found['date']} with commit `{found['commit'][:10]}`, JAX {found['jax']}, "
        f"double precision: {cases} cases pass."
    )
    head = "| rule | file | cases that pass | numbers | tolerance | largest difference | as share |"
    return "\n".join([_CONFORMANCE, state, "", head, "|---" * 7 + "|", *rows, _AFTER])


def _figure(error: float) -> str:
    return f"{error:.1e}".replace("-", "\N{MINUS SIGN}") if error else "0"


def _benchmarks(folder: Path) -> str:
    table = runpy.run_path(str(folder / "table.py"))["table"]()
    machines = []
    results = folder / "results"
    for path in [*sorted(results.glob("*.json")), *sorted(results.glob("gpu/*.json"))]:
        machine = json.loads(path.read_text()).get("machine")
        if isinstance(machine, dict) and machine not in machines:
            machines.append(machine)
    lines = [_BENCHMARKS, *table, "", "## Machines", ""]
    for machine in machines:
        shown = ", ".join(f"{key} {value}" for key, value in machine.items())
        lines.append(f"- {shown}")
    return "\n".join([*lines, ""])


_CONFORMANCE = """# Conformance

Every number that a source publishes for a case is computed and compared; a case passes if all of
its numbers lie within the tolerance that its file states, or that the digits printed there leave.
Tolerances and differences are in the units of the file (dollars, mostly), then as a share of
max(1, |expected|). A tolerance of 0 means that integers must be equal. The cases themselves are not
part of this repository.
"""
_AFTER = """
`jaxmargin conform FILE.json` runs one file; `python docs/conform.py` runs all and writes what this
page shows. A rule may be more than what its cases reach: which parts are verified stands in
[Rulebooks](rulebooks.md). Commercial use of ISDA SIMM needs a licence from ISDA.
"""
_BENCHMARKS = """# Benchmarks

Made from `benchmarks/results`, which the programs in `benchmarks/` write: each asserts its answer
before it takes the time, and notes machine, versions, sizes and how busy the machine was. 2x means
twice as fast as the named peer, unless a row says otherwise. Files in `gpu/` are of a GPU.
"""
