"""The commands: each parses, calls and prints."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

from jaxmargin.cli._allocate import allocate
from jaxmargin.cli._backtest import backtest
from jaxmargin.cli._checks import checks
from jaxmargin.cli._compare import compare
from jaxmargin.cli._conform import conform
from jaxmargin.cli._explain import explain
from jaxmargin.cli._exports import DuckdbFlag, SqlUrl
from jaxmargin.cli._importers import importers
from jaxmargin.cli._report import report
from jaxmargin.cli._rulebooks import rulebooks
from jaxmargin.cli._run import run, status
from jaxmargin.cli._scenarios import JobFile, scenarios
from jaxmargin.cli._sensitivities import sensitivities
from jaxmargin.cli._session import prepare_jax, progress_bar
from jaxmargin.cli._simm import crif, simm
from jaxmargin.cli._stress import stress
from jaxmargin.cli._watch import watch
from jaxmargin.cli._what_if import what_if
from jaxmargin.errors import InvalidInputError, JobError, require

if TYPE_CHECKING:
    from jaxmargin.jobs import MarginResult

__all__ = ["app", "main"]

app = typer.Typer(
    name="jaxmargin",
    help="Scenario margin and collateral of derivatives books, on CPU or GPU.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.command()(explain)
app.command()(allocate)
app.command()(backtest)
app.command()(checks)
app.command()(compare)
app.command()(conform)
app.command()(report)
app.command()(rulebooks)
app.command()(run)
app.command()(status)
app.command()(watch)
app.command()(what_if)
app.command()(sensitivities)
app.command()(stress)
app.command()(simm)
app.command()(crif)
app.add_typer(importers, name="import")
app.add_typer(scenarios, name="scenarios")


def main() -> None:
    """Run the command line.

    Bad input ends it with exit code 2 and one line per problem; input that cannot be read now, as
    where a server is down, a file that cannot be written, or too little memory, with exit code 1;
    an allocation that leaves an account short with 3; a framework check that fails with 4; a
    folder in which another run is at work with 5; workers that ended more often than they were
    replaced with 6.
    """
    try:
        app()
    except InvalidInputError as error:
        _fail(error.problems, code=error.exit_code)
    except OSError as error:
        _fail([f"{error.filename or 'file'}: {error.strerror or error}."], code=1)
    except MemoryError as error:
        _fail([str(error) or "Memory ran out. Give fewer scenarios or accounts."], code=1)
    except JobError as error:
        _fail([str(error)], code=error.exit_code)


def _fail(problems: Sequence[str], *, code: int) -> NoReturn:
    from jaxmargin.report import print_plain

    print_plain([f"error: {problem}" for problem in problems], error=True)
    raise SystemExit(code) from None


@app.command()
def demo(
    out: Annotated[Path, typer.Option(help="Folder for inputs and results.")] = Path("demo-out"),
    accounts: Annotated[int, typer.Option(min=1, help="Accounts of the made-up book.")] = 1000,
) -> None:
    """Make a synthetic market and book, margin it, cover the margin, and show how to go on."""
    from jaxmargin.jobs import write_demo
    from jaxmargin.report import print_plain

    job = write_demo(out, accounts=accounts)
    _margin(job, out / "results")
    allocate(job, out / "allocation")
    print_plain(
        [
            f"Inputs in {out} (synthetic), margins in {out / 'results'}.",
            f"Next: edit {job}, then run: jaxmargin margin {job} --out {out / 'results'}",
        ]
    )


@app.command()
def margin(
    job: JobFile,
    out: Annotated[Path, typer.Option(help="Folder for the results; made if absent.")],
    pnl: Annotated[
        bool, typer.Option("--pnl", help="Also write every account's P&L in every scenario.")
    ] = False,
    liquidation: Annotated[
        str,
        typer.Option(
            help="Also find liquidation prices, by these coins: BTC or BTC,ETH. Needs collateral "
            "in the job's section book."
        ),
    ] = "",
    liquidation_account: Annotated[
        list[str] | None,
        typer.Option(
            help="Find them for this account alone, to rounding; may be repeated. Of all, from a "
            "grid of prices, if absent."
        ),
    ] = None,
    duckdb: DuckdbFlag = False,
    sql: SqlUrl = None,
) -> None:
    """Margin every account of a job; with collateral in its book, also say where it stands."""
    from jaxmargin.report import print_plain

    coins = tuple(dict.fromkeys(name.strip() for name in liquidation.split(",") if name.strip()))
    accounts = tuple(dict.fromkeys(liquidation_account or ()))
    result = _margin(
        job, out, pnl=pnl, liquidation=coins, liquidation_accounts=accounts, duckdb=duckdb, sql=sql
    )
    files = ["requirements.parquet", "components.parquet", "manifest.json"]
    files += ["states.parquet"] * (result.states is not None)
    files += ["liquidation.parquet"] * bool(coins)
    if result.safeguards is not None:
        files += ["safeguards.parquet", "safeguards_state.parquet"]
    print_plain([f"Results in {out}: {', '.join(files + ['pnl.parquet'] * pnl)}.", *result.exports])


@app.command()
def warm(
    job: JobFile,
    accounts: Annotated[
        int | None,
        typer.Option(min=1, help="Most accounts to prepare for; twice the present unless given."),
    ] = None,
) -> None:
    """Compile ahead what runs of a job need, also when its book has grown.

    The compiled programs stay in the folder that JAXMARGIN_CACHE names, ~/.cache/jaxmargin
    unless set; later runs of the job take them from there.
    """
    require(
        prepare_jax(),
        "The folder for compiled programs cannot be written, or not by you alone, so nothing would "
        "be kept. Set JAXMARGIN_CACHE to a folder that can.",
    )
    from jaxmargin.jobs import run_warm
    from jaxmargin.report import print_plain

    result = run_warm(job, accounts=accounts, report=lambda line: print_plain([line]))
    print_plain(
        [
            f"Ready for up to {result.accounts:,} accounts: {result.compiled:,} programs "
            f"compiled, {result.cached:,} were in the cache, in {result.seconds:.1f} s.",
            f"The job itself: cold {result.cold:.2f} s before, warm {result.warm:.2f} s now.",
        ]
    )


@app.command()
def validate(job: JobFile) -> None:
    """Check every input of a job and make its scenarios; nothing is margined or written."""
    from jaxmargin.jobs import make_scenarios
    from jaxmargin.report import print_plain

    table, _, inputs = make_scenarios(job)
    print_plain(
        [
            f"{job} is valid: {len(inputs.book.accounts):,} accounts, "
            f"{len(inputs.book.positions):,} positions, "
            f"{len(inputs.book.instruments):,} contracts, "
            f"{len(inputs.market.assets):,} assets, {len(inputs.market.forwards):,} expiries, "
            f"{len(table):,} scenarios."
        ]
    )


def _margin(job: Path, out: Path, **settings: Any) -> "MarginResult":
    """Margin a job and print what was found."""
    from rich.console import Console

    prepare_jax()
    from jaxmargin.jobs import run_margin
    from jaxmargin.report import margin_summary, print_plain, safeguard_lines, state_lines

    with progress_bar("margin") as progress:
        result = run_margin(job, out, **settings, progress=progress)
    Console().print(margin_summary(result.requirements, result.manifest))
    if result.states is not None:
        print_plain(state_lines(result.states, result.liquidation))
    if result.safeguards is not None:
        print_plain(safeguard_lines(result.safeguards))
    return result
