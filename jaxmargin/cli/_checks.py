"""The command that evaluates framework checks on a job."""

from pathlib import Path
from typing import Annotated

import typer

from jaxmargin.cli._scenarios import JobFile
from jaxmargin.cli._session import prepare_jax

__all__ = ["checks"]

_FAILED = 4  # exit code


def checks(
    job: JobFile,
    framework: Annotated[
        str, typer.Option(help="emir, frtb, pfmi, umr or vara; or the path of a .toml file.")
    ],
    out: Annotated[Path, typer.Option(help="Folder for the results; made if absent.")],
    backtest: Annotated[
        Path | None, typer.Option(help="Folder that jaxmargin backtest wrote for this job.")
    ] = None,
    margin: Annotated[
        Path | None, typer.Option(help="Folder that jaxmargin margin wrote for this job.")
    ] = None,
) -> None:
    """Put a job's model beside the limits of a framework; exit code 4 if a check fails.

    A check whose inputs are missing is not evaluated, and the output says what to give. When model
    and parameters were reviewed is said in the job's section governance.
    """
    from rich.console import Console

    prepare_jax()
    from jaxmargin.jobs import run_checks
    from jaxmargin.report import checks_summary, print_plain

    result = run_checks(job, framework, out, backtest=backtest, margin=margin)
    Console().print(checks_summary(result.table, result.facts))
    print_plain([f"Results in {out}: checks.parquet, checks.json."])
    if result.failed():
        raise typer.Exit(_FAILED)
