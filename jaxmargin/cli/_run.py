"""`jaxmargin run` and `jaxmargin status`: a job in shards, and how far it is."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from jaxmargin.cli._exports import DuckdbFlag, SqlUrl
from jaxmargin.cli._operations import LogFile, LogFormat
from jaxmargin.cli._scenarios import JobFile
from jaxmargin.cli._session import prepare_jax, progress_bar
from jaxmargin.errors import InvalidInputError

if TYPE_CHECKING:
    from jaxmargin.jobs.run import RunResult, RunStatus

__all__ = ["run", "status"]


def run(
    job: JobFile,
    out: Annotated[Path, typer.Option(help="Folder of the run; made if absent.")],
    accounts_per_shard: Annotated[
        int, typer.Option(min=1, help="Accounts computed and written together.")
    ] = 10_000,
    shard: Annotated[
        str,
        typer.Option(help="Compute only the shards of process i of n, written i/n: 0/3, 1/3, 2/3."),
    ] = "",
    executor: Annotated[
        Literal["local", "ray", "dask"], typer.Option(help="What computes the shards.")
    ] = "local",
    workers: Annotated[
        int | None, typer.Option(min=1, help="Workers of Ray or Dask; one for each core if absent.")
    ] = None,
    retries: Annotated[
        int, typer.Option(min=0, help="Times that a shard goes to another worker if its one ends.")
    ] = 2,
    log: LogFile = None,
    log_format: LogFormat = "text",
    metrics: Annotated[
        Path | None, typer.Option(help="File of figures for Prometheus, such as run.prom.")
    ] = None,
    duckdb: DuckdbFlag = False,
    sql: SqlUrl = None,
) -> None:
    """Margin every account of a job in shards, and go on where an earlier run stopped.

    The same command again verifies what is there and computes only what is missing or damaged.
    """
    prepare_jax()
    from jaxmargin.jobs import export_run, open_export
    from jaxmargin.jobs.run import log_to, run_job
    from jaxmargin.report import print_plain

    export, exported = open_export(duckdb=duckdb, sql=sql), []
    with log_to(log, log_format), progress_bar("run") as progress:
        result = run_job(
            job,
            out,
            accounts_per_shard=accounts_per_shard,
            shard=_share(shard),
            executor=executor,
            workers=workers,
            retries=retries,
            metrics=metrics,
            progress=progress,
            after_manifest=lambda folder, manifest: exported.extend(
                export_run(export, folder, manifest)
            ),
        )
    print_plain([*_run_lines(result, out), *exported])


def status(
    out: Annotated[Path, typer.Argument(help="Folder of jaxmargin run.")],
    verify: Annotated[
        bool, typer.Option("--verify", help="Check every file by its SHA-256 and page checksums.")
    ] = False,
) -> None:
    """Say how far a run is, whether it is at work, and with --verify what is damaged."""
    from jaxmargin.jobs.run import run_status
    from jaxmargin.report import print_plain

    found = run_status(out, verify=verify)
    print_plain(_status_lines(found, out, verify))
    if found.damaged:
        raise typer.Exit(1)


def _share(text: str) -> tuple[int, int] | None:
    """`i/n` as two numbers."""
    if not text:
        return None
    parts = text.split("/")
    if len(parts) != 2 or not all(part.isascii() and part.isdigit() for part in parts):
        raise InvalidInputError(f"--shard {text!r}: not i/n. Write 0/3, 1/3 and 2/3 for three.")
    return int(parts[0]), int(parts[1])


def _run_lines(result: "RunResult", out: Path) -> list[str]:
    plan = result.plan
    others = result.done - result.found - result.computed
    theirs = f", {others:,} by other processes" if others else ""
    lines = [
        f"{result.done:,} of {plan.shards:,} shards are in {out} ({plan.accounts:,} accounts): "
        f"{result.found:,} were there, {result.computed:,} computed{theirs} in "
        f"{result.seconds:.1f} s."
    ]
    if result.damaged:
        lines.append(f"Damaged or missing files of {result.damaged:,} shards were computed again.")
    if result.retries:
        lines.append(f"Workers ended {result.retries:,} times; others took their shards over.")
    if result.manifest is None:
        return [*lines, "Shards of other processes are missing; the last to end writes the rest."]
    lines += [f"warning: {warning}" for warning in result.manifest["warnings"]]
    names = ", ".join(f"{name}.parquet" for name in plan.tables)
    return [*lines, f"Results in {out}: {names}, manifest.json; run {plan.identity[:12]}."]


def _status_lines(found: "RunStatus", out: Path, verify: bool) -> list[str]:
    told = found.told
    state = "at work" if found.is_running else "complete" if found.is_whole else "stopped"
    if found.is_running is None and not found.is_whole:
        state = "not complete, and whether a process is at work cannot be told from here"
    lines = [
        f"{out}: {state}; {found.done:,} of {found.shards:,} shards, {found.accounts_done:,} of "
        f"{found.accounts:,} accounts."
    ]
    if found.is_running and told.get("state") == "running":
        rate, eta = told.get("accounts_per_minute"), told.get("eta")
        if rate:
            lines.append(f"{rate:,.0f} accounts a minute" + (f"; done at {eta}." if eta else "."))
    elif found.is_running is False and not found.is_whole:
        lines.append("Run the same command again to go on.")
    lines += [f"shard {shard}: {problem}." for shard, problem in found.damaged.items()]
    if verify and not found.damaged:
        lines.append(f"The files of {found.done:,} shards are as they were written.")
    return lines
