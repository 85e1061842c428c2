"""The command that margins orders before they are sent."""

from pathlib import Path
from typing import Annotated

import typer

from jaxmargin.cli._scenarios import JobFile
from jaxmargin.cli._session import prepare_jax, progress_bar

__all__ = ["what_if"]


def what_if(
    job: JobFile,
    orders: Annotated[
        Path,
        typer.Argument(help="Parquet or CSV table: order, account, instrument or combo, quantity."),
    ],
    out: Annotated[
        Path | None, typer.Option(help="Folder for what_if.parquet and what_if.json.")
    ] = None,
    open_orders: Annotated[
        bool,
        typer.Option("--open", help="Also margin each account's orders together, by worst fill."),
    ] = False,
) -> None:
    """Margin of each order's account if that order alone were filled."""
    from rich.console import Console

    prepare_jax()
    from jaxmargin.jobs import run_what_if
    from jaxmargin.report import print_plain, what_if_summary

    with progress_bar("what-if") as progress:
        result = run_what_if(job, orders, out=out, open_orders=open_orders, progress=progress)
    Console().print(what_if_summary(result.margins, result.open_orders, result.facts))
    if out is not None:
        files = ["what_if.parquet", "what_if.json"] + ["open_orders.parquet"] * open_orders
        print_plain([f"Results in {out}: {', '.join(files)}."])
