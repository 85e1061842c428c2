"""Commands on scenarios by themselves."""

from pathlib import Path
from typing import Annotated

import typer

from jaxmargin.errors import require

__all__ = ["JobFile", "scenarios"]

scenarios = typer.Typer(
    no_args_is_help=True, help="List, show, plot and export scenarios, and search the worst."
)

JobFile = Annotated[Path, typer.Argument(help="Job file in TOML; its paths count from its folder.")]


@scenarios.command("list")
def list_all() -> None:
    """List the stress library and the kinds of scenario sources that a job may name."""
    from rich.console import Console
    from rich.table import Table

    from jaxmargin.jobs import list_stresses, scenario_kinds
    from jaxmargin.report import print_plain

    table = Table(title="Stress library")
    stresses = list_stresses()
    for column in stresses.columns:
        table.add_column(column, no_wrap=column != "title")
    for row in stresses.to_numpy():
        table.add_row(*map(str, row))
    Console().print(table)
    print_plain([f"Kinds for [scenarios] in a job file: {', '.join(scenario_kinds())}."])


@scenarios.command()
def show(
    name: Annotated[str, typer.Argument(help="Stress of the library, a stress file, or a job.")],
) -> None:
    """Show what a stress states, or the spread of a job's scenarios and where they come from."""
    from rich.console import Console

    from jaxmargin.jobs import is_job, make_scenarios, show_stress
    from jaxmargin.report import print_plain, scenario_summary

    if is_job(Path(name)):
        table, made, _ = make_scenarios(Path(name))
        Console().print(scenario_summary(table, made.provenance))
    else:
        print_plain(show_stress(name))


@scenarios.command()
def plot(
    job: JobFile,
    out: Annotated[Path, typer.Option(help="Picture to write: .png or .svg.")],
) -> None:
    """Draw the scenarios of a job; needs the extra 'report'."""
    from jaxmargin.jobs import make_scenarios
    from jaxmargin.report import plot_scenarios, print_plain

    require(out.suffix in (".png", ".svg"), f"--out {out}: give a file that ends in .png or .svg.")
    table, made, inputs = make_scenarios(job)
    title = f"{len(table):,} scenarios: {made.provenance['kind']}"
    heading = inputs.job.settings["title"]
    figure = plot_scenarios(table, title=f"{heading}\n{title}" if heading else title)
    out.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(out, dpi=150)
    print_plain([f"Picture in {out}."])


@scenarios.command()
def export(
    job: JobFile,
    out: Annotated[Path, typer.Option(help="Parquet file to write.")],
) -> None:
    """Write the scenarios of a job as a table, which kind = "file" reads."""
    from jaxmargin.jobs import export_scenarios
    from jaxmargin.report import print_plain

    table = export_scenarios(job, out)
    print_plain(
        [
            f"{len(table):,} scenarios with {len(table.columns) - 3} moves in {out}.",
            f'To use them: kind = "file" and file = "{out.name}" in [scenarios] of a job.',
        ]
    )


@scenarios.command()
def reverse(
    job: JobFile,
    account: Annotated[str, typer.Option(help="Account whose loss is sought.")],
    radius: Annotated[
        float | None, typer.Option(help="Find the worst loss within so many standard deviations.")
    ] = None,
    loss: Annotated[
        float | None, typer.Option(help="Find the most plausible scenario that loses so much.")
    ] = None,
) -> None:
    """Search the scenario that hurts an account most, or the most plausible that hurts enough."""
    from rich.console import Console

    from jaxmargin.jobs import run_reverse
    from jaxmargin.report import reverse_summary

    found = run_reverse(job, account, radius=radius, loss=loss)
    Console().print(reverse_summary(account, **vars(found)))
