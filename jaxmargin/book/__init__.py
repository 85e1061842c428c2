"""The book of contracts and positions, laid out for the device."""

from jaxmargin.book._book import Book as Book
from jaxmargin.book._book import pad_instruments as pad_instruments
from jaxmargin.book._listing import list_positions as list_positions
from jaxmargin.book._positions import FEW_SLOTS as FEW_SLOTS
from jaxmargin.book._positions import LARGEST_BLOCK as LARGEST_BLOCK
from jaxmargin.book._positions import DenseBlock as DenseBlock
from jaxmargin.book._positions import PositionBlock as PositionBlock
from jaxmargin.book._positions import Positions as Positions
from jaxmargin.book._positions import build_positions as build_positions
from jaxmargin.book._positions import largest_block as largest_block
from jaxmargin.book._positions import pad_accounts as pad_accounts
from jaxmargin.book._positions import select_accounts as select_accounts
from jaxmargin.book._positions import slices as slices
from jaxmargin.book._trades import after_trades as after_trades
