"""Tables in and out: schema, checks, labels, importers."""

from jaxmargin.io._book import BookTables as BookTables
from jaxmargin.io._book import build_book as build_book
from jaxmargin.io._book import read_book as read_book
from jaxmargin.io._chain import Chain as Chain
from jaxmargin.io._chain import parity_forwards as parity_forwards
from jaxmargin.io._chain import write_chain as write_chain
from jaxmargin.io._deribit import read_deribit as read_deribit
from jaxmargin.io._history import read_history as read_history
from jaxmargin.io._live import fetch_tickers as fetch_tickers
from jaxmargin.io._market import MarketTables as MarketTables
from jaxmargin.io._market import build_market as build_market
from jaxmargin.io._market import read_market as read_market
from jaxmargin.io._problems import Problems as Problems
from jaxmargin.io._problems import nearest as nearest
from jaxmargin.io._quotes import read_quotes as read_quotes
from jaxmargin.io._read import read_table as read_table
from jaxmargin.io._tickers import read_bybit as read_bybit
from jaxmargin.io._tickers import read_deribit_summary as read_deribit_summary
from jaxmargin.io._tickers import read_okx as read_okx
from jaxmargin.io._write import require_folder as require_folder
from jaxmargin.io._write import round_up as round_up
from jaxmargin.io._write import sha256 as sha256
from jaxmargin.io._write import write_json as write_json
from jaxmargin.io._write import write_table as write_table
