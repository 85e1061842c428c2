"""Margin rules of venues that have a closed form, as pure functions."""

from jaxmargin.margin.venues._dydx import DydxMargin as DydxMargin
from jaxmargin.margin.venues._dydx import dydx_margin as dydx_margin
