"""The command that writes a page for people who read results."""

from pathlib import Path
from typing import Annotated

import typer

__all__ = ["report"]


def report(
    folders: Annotated[
        list[Path],
        typer.Argument(
            help="Folders that margin, run, watch, sensitivities, allocate, backtest, checks, "
            "stress or compare wrote.",
            metavar="DIR...",
            show_default=False,
        ),
    ],
    out: Annotated[Path, typer.Option(help="HTML file to write.")] = Path("report.html"),
    title: Annotated[str, typer.Option(help="Heading; that of the job if absent.")] = "",
) -> None:
    """Show results in one HTML file that opens anywhere, offline, on a desk or a phone."""
    from jaxmargin.jobs import write_report
    from jaxmargin.report import print_plain

    size = write_report(folders, out, title=title)
    print_plain([f"Report in {out}: {size / 1e6:.2f} MB, one file that needs no other."])
