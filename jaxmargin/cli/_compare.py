"""The command that lays several rulebooks side by side."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from jaxmargin.cli._pictures import save_pictures
from jaxmargin.cli._scenarios import JobFile
from jaxmargin.cli._session import prepare_jax, progress_bar

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["compare"]

_TABLES = ("margins", "components", "summary")


def compare(
    job: JobFile,
    rulebooks: Annotated[
        str,
        typer.Option(help="Names with commas between; name:set or expected-shortfall:0.975."),
    ],
    out: Annotated[Path, typer.Option(help="Folder for tables and pictures; made if absent.")],
) -> None:
    """Margin one book by several rulebooks; `jaxmargin rulebooks` lists them."""
    from rich.console import Console

    prepare_jax()
    from jaxmargin.jobs import run_compare
    from jaxmargin.report import compare_summary, plot_comparison, print_plain

    names = [name.strip() for name in rulebooks.split(",") if name.strip()]
    with progress_bar("compare") as progress:
        result = run_compare(job, names, out, progress=progress)
    Console().print(compare_summary(result.summary, result.facts))
    written = [f"{name}.parquet" for name in _TABLES] + ["compare.json"]

    def draw() -> dict[str, "Figure"]:
        title = result.facts["title"] or "One book, several rulebooks"
        currency = result.facts["currency"]
        return {
            "compare": plot_comparison(
                result.margins, result.components, title=title, currency=currency
            )
        }

    written += save_pictures(draw, out)
    print_plain([f"Results in {out}: {', '.join(written)}."])
