"""Scenarios: joint moves of the market, and the sources that make them."""

from jaxmargin.scenarios._factors import FactorHistory as FactorHistory
from jaxmargin.scenarios._factors import RiskFactors as RiskFactors
from jaxmargin.scenarios._factors import price_history as price_history
from jaxmargin.scenarios._fit_garch import GarchFit as GarchFit
from jaxmargin.scenarios._fit_garch import GarchStatus as GarchStatus
from jaxmargin.scenarios._fit_garch import fit_garch as fit_garch
from jaxmargin.scenarios._grid import SpotVolatilityGrid as SpotVolatilityGrid
from jaxmargin.scenarios._historical import HistoricalSimulation as HistoricalSimulation
from jaxmargin.scenarios._shocks import Shocks as Shocks
from jaxmargin.scenarios._shocks import TiltShocks as TiltShocks
from jaxmargin.scenarios._shocks import pad_scenarios as pad_scenarios
from jaxmargin.scenarios._shocks import scenario_axes as scenario_axes
from jaxmargin.scenarios._shocks import shock_market as shock_market
from jaxmargin.scenarios._source import AbstractScenarioSource as AbstractScenarioSource
from jaxmargin.scenarios._source import spot_shocks as spot_shocks
from jaxmargin.scenarios._volatility_models import (
    AbstractVolatilityModel as AbstractVolatilityModel,
)
from jaxmargin.scenarios._volatility_models import EwmaVolatility as EwmaVolatility
from jaxmargin.scenarios._volatility_models import GarchVolatility as GarchVolatility
from jaxmargin.scenarios._volatility_models import filter_variance as filter_variance
