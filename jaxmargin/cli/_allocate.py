"""The command that decides which collateral to post where."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from jaxmargin.cli._pictures import save_pictures
from jaxmargin.cli._scenarios import JobFile
from jaxmargin.cli._session import prepare_jax, progress_bar

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["allocate"]

_TABLES = ("allocation", "coverage", "assets", "limits", "positions")
_SHORT = 3


def allocate(
    job: JobFile,
    out: Annotated[Path, typer.Option(help="Folder for tables and pictures; made if absent.")],
) -> None:
    """Cover every account's margin with the cheapest collateral; exit code 3 if one stays short.

    The job needs a section allocation. With a shortfall, results are written all the same.
    """
    from rich.console import Console

    prepare_jax()
    from jaxmargin.jobs import run_allocate
    from jaxmargin.report import allocation_summary, plot_allocation, print_plain

    with progress_bar("allocate") as progress:
        result = run_allocate(job, out, progress=progress)
    facts = result.facts
    Console().print(allocation_summary(result.coverage, result.assets, result.positions, facts))
    written = [f"{name}.parquet" for name in _TABLES] + ["allocation.json"]

    def draw() -> dict[str, "Figure"]:
        title = facts["title"] or "Collateral posted"
        return {
            "allocation": plot_allocation(
                result.allocation,
                result.coverage,
                result.assets,
                title=title,
                currency=facts["currency"],
            )
        }

    written += save_pictures(draw, out)
    print_plain([f"Results in {out}: {', '.join(written)}."])
    if result.short:
        raise typer.Exit(_SHORT)
