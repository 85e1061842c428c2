"""The commands: each parses, calls and prints."""

import math
import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from jaxmargin.cli._scenarios import JobFile, scenarios
from jaxmargin.errors import InvalidInputError, require

if TYPE_CHECKING:
    from jaxmargin.io import Chain

__all__ = ["app", "main"]

app = typer.Typer(
    name="jaxmargin",
    help="Scenario margin and collateral of derivatives books, on CPU or GPU.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
importers = typer.Typer(no_args_is_help=True, help="Turn a venue's file into market tables.")
app.add_typer(importers, name="import")
app.add_typer(scenarios, name="scenarios")


def main() -> None:
    """Run the command line.

    Bad input ends it with exit code 2 and one line per problem, a file that cannot be written
    with exit code 1.
    """
    try:
        app()
    except InvalidInputError as error:
        _fail(error.problems, code=2)
    except OSError as error:
        _fail([f"{error.filename or 'file'}: {error.strerror or error}."], code=1)


def _fail(problems: Sequence[str], *, code: int) -> NoReturn:
    from jaxmargin.report import print_plain

    print_plain([f"error: {problem}" for problem in problems], error=True)
    raise SystemExit(code) from None


@app.command()
def demo(
    out: Annotated[Path, typer.Option(help="Folder for inputs and results.")] = Path("demo-out"),
    accounts: Annotated[int, typer.Option(min=1, help="Accounts of the made-up book.")] = 1000,
) -> None:
    """Make a synthetic market and book, margin it, and show how to go on."""
    from jaxmargin.jobs import write_demo
    from jaxmargin.report import print_plain

    job = write_demo(out, accounts=accounts)
    _margin(job, out / "results")
    print_plain(
        [
            f"Inputs in {out} (synthetic), results in {out / 'results'}.",
            f"Next: edit {job}, then run: jaxmargin margin {job} --out {out / 'results'}",
        ]
    )


@app.command()
def margin(
    job: JobFile,
    out: Annotated[Path, typer.Option(help="Folder for the results; made if absent.")],
) -> None:
    """Margin every account of a job."""
    from jaxmargin.report import print_plain

    _margin(job, out)
    print_plain([f"Results in {out}: requirements.parquet, components.parquet, manifest.json."])


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


ChainFile = Annotated[
    Path, typer.Argument(help="Chain rows in Parquet or CSV, or a book summary saved as JSON.")
]
Out = Annotated[Path, typer.Option(help="Folder for market/ and instruments.parquet.")]
Spots = Annotated[
    list[str] | None, typer.Option("--spot", help="Price of an asset, as BTC=60000; repeatable.")
]


@importers.command()
def deribit(
    chain: ChainFile,
    out: Out,
    snapshot: Annotated[
        str | None, typer.Option(help="Time or day of the snapshot, if the file has several.")
    ] = None,
) -> None:
    """Import Deribit option-chain rows; forwards by put-call parity."""
    from jaxmargin.io import read_deribit, read_deribit_summary

    if chain.suffix == ".json":
        _import(out, lambda: read_deribit_summary(chain))
    else:
        _import(out, lambda: read_deribit(chain, snapshot=snapshot))


@importers.command()
def okx(
    tickers: Annotated[Path, typer.Argument(help="Saved answer of /api/v5/public/opt-summary.")],
    out: Out,
    spot: Spots = None,
) -> None:
    """Import OKX option tickers; needs the spot price of each coin."""
    from jaxmargin.io import read_okx

    _import(out, lambda: read_okx(tickers, prices=_prices(spot)))


@importers.command()
def bybit(
    tickers: Annotated[Path, typer.Argument(help="Saved answer of /v5/market/tickers, options.")],
    out: Out,
    spot: Spots = None,
) -> None:
    """Import Bybit option tickers; needs the price of the stablecoins they settle in."""
    from jaxmargin.io import read_bybit

    _import(out, lambda: read_bybit(tickers, prices=_prices(spot)))


@importers.command()
def quotes(
    table: Annotated[Path, typer.Argument(help="Option quotes in our own columns; see --help.")],
    out: Out,
    time: Annotated[str, typer.Option(help="Moment of the quotes, as 2026-02-05T09:00:00Z.")],
    spot: Spots = None,
) -> None:
    """Import option quotes of any venue from Parquet or CSV.

    Columns: instrument, underlying, settlement, option_type, strike, expiry, index_price,
    multiplier; and as far as known forward, price, volatility.
    """
    from jaxmargin.io import read_quotes

    _import(out, lambda: read_quotes(table, time=time, prices=_prices(spot)))


@importers.command()
def live(
    venue: Annotated[str, typer.Argument(help="deribit, okx or bybit.")],
    coin: Annotated[str, typer.Argument(help="Underlying, such as BTC.")],
    out: Out,
    spot: Spots = None,
    url: Annotated[
        str | None, typer.Option(help="Address of the interface, if not the public one.")
    ] = None,
) -> None:
    """Fetch all options of a coin now and import them; needs the extra 'live'."""
    import tempfile

    from jaxmargin.io import fetch_tickers, read_bybit, read_deribit_summary, read_okx

    with tempfile.TemporaryDirectory() as folder:
        answer = Path(folder) / f"{venue}-{coin}.json"

        def read() -> "Chain":
            prices = _prices(spot) | fetch_tickers(venue, coin, answer, url=url)
            if venue == "deribit":
                return read_deribit_summary(answer)
            return (read_okx if venue == "okx" else read_bybit)(answer, prices=prices)

        _import(out, read)
        shutil.copy(answer, out)


def _import(out: Path, read: "Callable[[], Chain]") -> None:
    from jaxmargin.io import require_folder, write_chain
    from jaxmargin.report import print_plain

    require_folder(out)
    print_plain(write_chain(read(), out))


def _prices(spots: list[str] | None) -> dict[str, float]:
    """`BTC=60000` as a mapping."""
    prices = {}
    for text in spots or []:
        asset, _, price = text.partition("=")
        try:
            prices[asset] = float(price)
        except ValueError:
            prices[asset] = math.nan
        require(
            asset != "" and 0.0 < prices[asset] < math.inf,
            f"--spot {text}: not a price. Write it as BTC=60000, with a number above zero.",
        )
    return prices


def _margin(job: Path, out: Path) -> None:
    from rich.console import Console

    _prepare_jax()
    from jaxmargin.jobs import run_margin
    from jaxmargin.report import margin_summary

    with _progress_bar("margin") as progress:
        result = run_margin(job, out, progress=progress)
    Console().print(margin_summary(result.requirements, result.manifest))


def _prepare_jax() -> None:
    """Keep compiled programs between runs, in a folder that only the user can read."""
    cache = Path(os.environ.get("JAXMARGIN_CACHE", Path.home() / ".cache" / "jaxmargin"))
    try:
        cache.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError:
        return  # a read-only home: compile anew each time
    import jax

    if "XLA_FLAGS" not in os.environ and "JAX_NUM_CPU_DEVICES" not in os.environ:
        # accounts are shared out over devices: without a GPU, one for each core
        jax.config.update("jax_num_cpu_devices", os.cpu_count() or 1)
    jax.config.update("jax_compilation_cache_dir", str(cache))
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0)
    jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)


@contextmanager
def _progress_bar(name: str) -> Iterator[Callable[[int, int], None]]:
    """A bar on the terminal while work goes on; nothing where there is no terminal."""
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(name, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)
