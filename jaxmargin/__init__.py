"""Scenario engine for margin and collateral of crypto derivatives."""

from jaxmargin.book import Book as Book
from jaxmargin.book import build_positions as build_positions
from jaxmargin.errors import InvalidInputError as InvalidInputError
from jaxmargin.instruments import InverseFutures as InverseFutures
from jaxmargin.instruments import InverseOptions as InverseOptions
from jaxmargin.instruments import InversePerpetuals as InversePerpetuals
from jaxmargin.instruments import LinearFutures as LinearFutures
from jaxmargin.instruments import LinearOptions as LinearOptions
from jaxmargin.instruments import LinearPerpetuals as LinearPerpetuals
from jaxmargin.instruments import Spot as Spot
from jaxmargin.margin import ExpectedShortfallRulebook as ExpectedShortfallRulebook
from jaxmargin.margin import Requirement as Requirement
from jaxmargin.market import Market as Market
from jaxmargin.market import QuotedVolatilities as QuotedVolatilities
from jaxmargin.risk import ExpectedShortfall as ExpectedShortfall
from jaxmargin.risk import ValueAtRisk as ValueAtRisk
from jaxmargin.risk import WorstCase as WorstCase
from jaxmargin.scenarios import HistoricalSimulation as HistoricalSimulation
from jaxmargin.scenarios import Shocks as Shocks
from jaxmargin.scenarios import SpotVolatilityGrid as SpotVolatilityGrid
from jaxmargin.valuation import contract_pnl as contract_pnl
from jaxmargin.valuation import revalue as revalue
