"""The commands for CRIF files: ISDA SIMM of one, and sensitivities of a job as one."""

from pathlib import Path
from typing import Annotated

import typer

from jaxmargin.cli._scenarios import JobFile
from jaxmargin.cli._session import prepare_jax

__all__ = ["crif", "simm"]


def simm(
    file: Annotated[Path, typer.Argument(help="CRIF file: sensitivities of portfolios.")],
    out: Annotated[Path, typer.Option(help="Folder for the results; made if absent.")],
    days: Annotated[int, typer.Option(help="Holding period in days: 10 or 1.")] = 10,
    currency: Annotated[str, typer.Option(help="Calculation currency.")] = "USD",
) -> None:
    """ISDA SIMM of every portfolio of a CRIF file; commercial use needs a licence from ISDA."""
    from rich.console import Console

    prepare_jax()
    from jaxmargin.jobs import run_simm
    from jaxmargin.report import print_plain, simm_summary

    result = run_simm(file, out=out, holding_days=days, calculation_currency=currency)
    Console().print(simm_summary(result.margins, result.components))
    if result.ignored:
        print_plain([f"warning: {file.name}, not read: {', '.join(result.ignored)}."])
    print_plain(
        [result.notice, f"Results in {out}: margins.parquet, components.parquet, simm.json."]
    )


def crif(
    job: JobFile,
    targets: Annotated[
        Path, typer.Option(help="Table that says what each asset counts as in ISDA SIMM.")
    ],
    out: Annotated[Path, typer.Option(help="File to write: commas if .csv, else tabs.")],
) -> None:
    """Write sensitivities of a job's accounts, without those to rates, as a CRIF file."""
    prepare_jax()
    from jaxmargin.jobs import export_crif
    from jaxmargin.margin.simm import SIMM_NOTICE
    from jaxmargin.report import print_plain

    rows = export_crif(job, targets, out)
    count = rows["PortfolioId"].nunique()
    print_plain(
        [
            f"{len(rows):,} rows of {count:,} accounts in {out}; rates are left out.",
            SIMM_NOTICE,
        ]
    )
