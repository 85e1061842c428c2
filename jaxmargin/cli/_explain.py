"""The command that explains a change of margin."""

from pathlib import Path
from typing import Annotated

import typer

from jaxmargin.cli._session import prepare_jax

__all__ = ["explain"]

_Run = Annotated[Path, typer.Argument(help="Job file, or folder of results of jaxmargin margin.")]


def explain(
    run_a: _Run,
    run_b: _Run,
    account: Annotated[
        str | None, typer.Option(help="Explain this account alone; all together unless given.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="Folder for explain.parquet and explain.json.")
    ] = None,
) -> None:
    """Split the change of margin from RUN_A to RUN_B: positions, time, market, scenarios, rest."""
    from rich.console import Console

    prepare_jax()
    from jaxmargin.jobs import run_explain
    from jaxmargin.report import explain_summary, print_plain

    result = run_explain(run_a, run_b, account=account, out=out)
    Console().print(explain_summary(result.margins, result.steps, result.facts))
    if out is not None:
        print_plain([f"Results in {out}: explain.parquet, explain.json."])
