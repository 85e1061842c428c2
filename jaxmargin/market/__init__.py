"""What a valuation reads: prices, forwards, rates and volatilities."""

from jaxmargin.market._market import Market as Market
from jaxmargin.market._surfaces import AbstractVolatilitySurface as AbstractVolatilitySurface
from jaxmargin.market._surfaces import QuotedVolatilities as QuotedVolatilities
