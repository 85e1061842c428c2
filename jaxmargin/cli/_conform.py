"""The command that checks a rulebook against published numbers."""

from pathlib import Path
from typing import Annotated

import typer

__all__ = ["conform"]


def conform(
    file: Annotated[Path, typer.Argument(help="Oracle file, in JSON of jaxmargin-oracle/1.")],
) -> None:
    """Check a rulebook against the cases of an oracle file; exit code 1 unless all pass."""
    from jaxmargin.jobs import run_conform
    from jaxmargin.report import print_plain

    result = run_conform(file)
    lines = [f"{result.rulebook}: {result.passed:,} of {result.cases:,} cases pass."]
    if result.skipped:
        lines.append(f"Skipped, invalid by the file: {result.skipped:,}.")
    case, quantity = result.worst
    lines.append(f"Worst relative error: {result.worst_error:.3g} ({case}, {quantity}).")
    for row in result.quantities.itertuples(index=False):
        lines.append(
            f"  {row.quantity}: {row.numbers:,} compared, {row.failed:,} fail, "
            f"worst {row.worst_error:.3g}"
        )
    if result.failing:
        lines.append(f"Failing: {', '.join(result.failing)}")
    if result.notice:
        lines.append(result.notice)
    print_plain(lines)
    if result.failing:
        raise typer.Exit(1)
