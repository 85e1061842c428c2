"""Scenario engine for margin and collateral of crypto derivatives.

The everyday names are loaded when first used, so that `import jaxmargin` costs nothing by itself.
"""

import importlib
from typing import TYPE_CHECKING

__version__ = "0.1.0"

if TYPE_CHECKING:
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
    from jaxmargin.margin import Requirement as Requirement
    from jaxmargin.margin import RiskMeasureRulebook as RiskMeasureRulebook
    from jaxmargin.market import Market as Market
    from jaxmargin.market import QuotedVolatilities as QuotedVolatilities
    from jaxmargin.risk import ExpectedShortfall as ExpectedShortfall
    from jaxmargin.risk import ValueAtRisk as ValueAtRisk
    from jaxmargin.risk import WorstCase as WorstCase
    from jaxmargin.scenarios import EwmaVolatility as EwmaVolatility
    from jaxmargin.scenarios import FilteredHistoricalSimulation as FilteredHistoricalSimulation
    from jaxmargin.scenarios import GaussianMonteCarlo as GaussianMonteCarlo
    from jaxmargin.scenarios import HistoricalSimulation as HistoricalSimulation
    from jaxmargin.scenarios import Shocks as Shocks
    from jaxmargin.scenarios import SpotVolatilityGrid as SpotVolatilityGrid
    from jaxmargin.scenarios import StudentMonteCarlo as StudentMonteCarlo
    from jaxmargin.scenarios import price_history as price_history
    from jaxmargin.scenarios import sample_covariance as sample_covariance
    from jaxmargin.valuation import contract_pnl as contract_pnl
    from jaxmargin.valuation import revalue as revalue

_MODULE_OF = {
    "Book": "book",
    "EwmaVolatility": "scenarios",
    "ExpectedShortfall": "risk",
    "RiskMeasureRulebook": "margin",
    "FilteredHistoricalSimulation": "scenarios",
    "GaussianMonteCarlo": "scenarios",
    "HistoricalSimulation": "scenarios",
    "InvalidInputError": "errors",
    "InverseFutures": "instruments",
    "InverseOptions": "instruments",
    "InversePerpetuals": "instruments",
    "LinearFutures": "instruments",
    "LinearOptions": "instruments",
    "LinearPerpetuals": "instruments",
    "Market": "market",
    "QuotedVolatilities": "market",
    "Requirement": "margin",
    "Shocks": "scenarios",
    "Spot": "instruments",
    "SpotVolatilityGrid": "scenarios",
    "StudentMonteCarlo": "scenarios",
    "ValueAtRisk": "risk",
    "WorstCase": "risk",
    "build_positions": "book",
    "contract_pnl": "valuation",
    "price_history": "scenarios",
    "revalue": "valuation",
    "sample_covariance": "scenarios",
}


def __getattr__(name: str) -> object:
    if name not in _MODULE_OF:
        raise AttributeError(f"module 'jaxmargin' has no attribute {name!r}")
    return getattr(importlib.import_module(f"jaxmargin.{_MODULE_OF[name]}"), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *_MODULE_OF])
