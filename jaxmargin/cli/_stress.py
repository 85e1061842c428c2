"""The command that stresses a whole book."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from jaxmargin.cli._pictures import save_pictures
from jaxmargin.cli._scenarios import JobFile
from jaxmargin.cli._session import prepare_jax, progress_bar

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["stress"]


def stress(
    job: JobFile,
    out: Annotated[Path, typer.Option(help="Folder for tables and pictures; made if absent.")],
) -> None:
    """Run named stresses on a book: losses beyond margin, fund, waterfall, liquidation."""
    from rich.console import Console

    prepare_jax()
    from jaxmargin.jobs import run_stress
    from jaxmargin.report import (
        costliest_stress,
        plot_liquidation,
        plot_stress_losses,
        print_plain,
        stress_summary,
    )

    with progress_bar("stress") as progress:
        result = run_stress(job, out, progress=progress)
    facts = result.facts
    Console().print(stress_summary(result.fund, facts))
    written = ["stress.parquet", "fund.parquet"]
    written += [] if result.waterfall is None else ["waterfall.parquet"]
    written += [] if result.liquidation is None else ["liquidation.parquet"]
    written += ["stress.json"]
    title, currency = facts["title"] or "Stress test", facts["currency"]

    def draw() -> dict[str, "Figure"]:
        heading = f"{title}\nlosses beyond {facts['resources']}"
        figures = {"losses": plot_stress_losses(result.fund, title=heading, currency=currency)}
        if result.liquidation is not None:
            worst = costliest_stress(result.fund)
            figures["liquidation"] = plot_liquidation(
                result.liquidation, stress=worst, title=f"{title}\n{worst}", currency=currency
            )
        return figures

    written += save_pictures(draw, out)
    print_plain([f"Results in {out}: {', '.join(written)}."])
