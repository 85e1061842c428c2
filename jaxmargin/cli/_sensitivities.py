"""The command that says what margins depend on."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from jaxmargin.cli._pictures import save_pictures
from jaxmargin.cli._scenarios import JobFile
from jaxmargin.cli._session import prepare_jax, progress_bar

if TYPE_CHECKING:
    from matplotlib.figure import Figure

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

    def draw() -> dict[str, "Figure"]:
        return {
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

    written += save_pictures(draw, out)
    print_plain([f"Results in {out}: {', '.join(written)}."])
