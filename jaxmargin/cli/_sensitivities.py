"""The command that says what margins depend on."""

from pathlib import Path
from typing import Annotated

import typer

from jaxmargin.cli._scenarios import JobFile
from jaxmargin.cli._session import prepare_jax, progress_bar
from jaxmargin.errors import InvalidInputError

__all__ = ["sensitivities"]

_TABLES = ("positions", "accounts", "buckets", "market", "parameters", "kinks", "ladder")


def sensitivities(
    job: JobFile,
    out: Annotated[Path, typer.Option(help="Folder for tables and pictures; made if absent.")],
    account: Annotated[
        str | None, typer.Option(help="Only this account; all of them and their sums if absent.")
    ] = None,
) -> None:
    """What margins depend on: positions, market, settings; kinks and ladders."""
    from rich.console import Console

    prepare_jax()
    from jaxmargin.jobs import run_sensitivities
    from jaxmargin.report import plot_attribution, plot_ladder, print_plain, sensitivity_summary

    with progress_bar("ladders") as progress:
        result = run_sensitivities(job, out, account=account, progress=progress)
    facts = result.facts
    tables = {name: getattr(result, name) for name in _TABLES}
    Console().print(sensitivity_summary(tables, facts))
    written = [f"{name}.parquet" for name in _TABLES] + ["sensitivities.json"]
    currency = facts["currency"]
    try:
        pictures = {
            "attribution": plot_attribution(
                result.positions,
                title=f"Initial margin of {facts['of']} by contract",
                currency=currency,
            ),
            "ladder": plot_ladder(
                result.ladder,
                result.buckets,
                title=f"Initial margin of {facts['of']} in moved markets",
                currency=currency,
            ),
        }
    except InvalidInputError as error:
        print_plain([f"warning: {problem}" for problem in error.problems])
        pictures = {}
    for name, figure in pictures.items():
        for suffix in ("png", "svg"):
            figure.savefig(out / f"{name}.{suffix}", dpi=150)
            written.append(f"{name}.{suffix}")
    print_plain([f"Results in {out}: {', '.join(written)}."])
