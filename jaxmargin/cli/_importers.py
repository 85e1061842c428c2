"""Commands that turn a venue's file into market tables."""

import math
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from jaxmargin.errors import require

if TYPE_CHECKING:
    from jaxmargin.io import Chain

__all__ = ["importers"]

importers = typer.Typer(no_args_is_help=True, help="Turn a venue's file into market tables.")

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
