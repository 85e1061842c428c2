"""The command that backtests the margins of a job's positions."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from jaxmargin.cli._pictures import save_pictures
from jaxmargin.cli._scenarios import JobFile
from jaxmargin.cli._session import prepare_jax, progress_bar

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["backtest"]

_SHOWN = 3  # accounts in the picture
_TABLES = ("backtest", "tests", "kpis", "published")


def backtest(
    job: JobFile,
    out: Annotated[Path, typer.Option(help="Folder for tables and pictures; made if absent.")],
    window: Annotated[
        int, typer.Option(min=2, help="Days of history behind each day's margin.")
    ] = 365,
) -> None:
    """Margin today's positions on every day of the job's history, beside the losses that came."""
    from rich.console import Console

    prepare_jax()
    from jaxmargin.jobs import run_backtest
    from jaxmargin.report import backtest_summary, plot_margin_paths, print_plain

    with progress_bar("backtest") as progress:
        result = run_backtest(job, out, window=window, progress=progress)
    facts, written = result.facts, [f"{name}.parquet" for name in _TABLES] + ["backtest.json"]
    Console().print(backtest_summary(result.tests, result.kpis, result.published, facts))
    kpis = result.kpis[result.kpis["account"] != "all"]
    largest = kpis.nlargest(_SHOWN, "mean_margin", keep="first")["account"]
    paths = result.days[result.days["account"].isin(largest)]
    paths = paths.assign(
        portfolio=paths["account"], model=facts["measure"], loss=-paths["realized"]
    )

    def draw() -> dict[str, "Figure"]:
        title = f"{facts['title'] or 'Backtest'}\n{facts['measure']} of today's positions"
        return {"backtest": plot_margin_paths(paths, title=title, unit=facts["currency"])}

    written += save_pictures(draw, out)
    print_plain([f"Results in {out}: {', '.join(written)}."])
