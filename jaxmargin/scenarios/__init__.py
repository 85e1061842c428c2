"""Scenarios: joint moves of the market, and the sources that make them."""

from jaxmargin.scenarios._bootstrap import StationaryBootstrap as StationaryBootstrap
from jaxmargin.scenarios._copula import CopulaMonteCarlo as CopulaMonteCarlo
from jaxmargin.scenarios._copula import Marginals as Marginals
from jaxmargin.scenarios._correlation import break_correlation as break_correlation
from jaxmargin.scenarios._correlation import repair_correlation as repair_correlation
from jaxmargin.scenarios._correlation import shift_correlation as shift_correlation
from jaxmargin.scenarios._covariance import Covariance as Covariance
from jaxmargin.scenarios._covariance import ewma_covariance as ewma_covariance
from jaxmargin.scenarios._covariance import ledoit_wolf_covariance as ledoit_wolf_covariance
from jaxmargin.scenarios._covariance import mix_covariances as mix_covariances
from jaxmargin.scenarios._covariance import sample_covariance as sample_covariance
from jaxmargin.scenarios._depeg import DepegJumps as DepegJumps
from jaxmargin.scenarios._draws import AbstractDraws as AbstractDraws
from jaxmargin.scenarios._draws import Antithetic as Antithetic
from jaxmargin.scenarios._draws import Draws as Draws
from jaxmargin.scenarios._draws import PseudoRandom as PseudoRandom
from jaxmargin.scenarios._draws import Sobol as Sobol
from jaxmargin.scenarios._draws import TailMixture as TailMixture
from jaxmargin.scenarios._factors import FactorHistory as FactorHistory
from jaxmargin.scenarios._factors import RiskFactors as RiskFactors
from jaxmargin.scenarios._factors import price_history as price_history
from jaxmargin.scenarios._filtered import (
    FilteredHistoricalSimulation as FilteredHistoricalSimulation,
)
from jaxmargin.scenarios._filtered import filtered_paths as filtered_paths
from jaxmargin.scenarios._fit_copula import fit_degrees as fit_degrees
from jaxmargin.scenarios._fit_copula import fit_marginals as fit_marginals
from jaxmargin.scenarios._fit_copula import fit_student_degrees as fit_student_degrees
from jaxmargin.scenarios._fit_copula import rank_correlation as rank_correlation
from jaxmargin.scenarios._fit_garch import GarchFit as GarchFit
from jaxmargin.scenarios._fit_garch import GarchStatus as GarchStatus
from jaxmargin.scenarios._fit_garch import fit_garch as fit_garch
from jaxmargin.scenarios._gaussian import GaussianMonteCarlo as GaussianMonteCarlo
from jaxmargin.scenarios._given import GivenScenarios as GivenScenarios
from jaxmargin.scenarios._grid import SpotVolatilityGrid as SpotVolatilityGrid
from jaxmargin.scenarios._historical import HistoricalSimulation as HistoricalSimulation
from jaxmargin.scenarios._historical import age_weights as age_weights
from jaxmargin.scenarios._historical import overlapping_sums as overlapping_sums
from jaxmargin.scenarios._jumps import JumpDiffusion as JumpDiffusion
from jaxmargin.scenarios._jumps import JumpFit as JumpFit
from jaxmargin.scenarios._jumps import JumpMonteCarlo as JumpMonteCarlo
from jaxmargin.scenarios._jumps import fit_jumps as fit_jumps
from jaxmargin.scenarios._shocks import Shocks as Shocks
from jaxmargin.scenarios._shocks import TiltShocks as TiltShocks
from jaxmargin.scenarios._shocks import pad_scenarios as pad_scenarios
from jaxmargin.scenarios._shocks import scenario_axes as scenario_axes
from jaxmargin.scenarios._shocks import shock_market as shock_market
from jaxmargin.scenarios._source import DAYS_PER_YEAR as DAYS_PER_YEAR
from jaxmargin.scenarios._source import AbstractScenarioSource as AbstractScenarioSource
from jaxmargin.scenarios._student import StudentMonteCarlo as StudentMonteCarlo
from jaxmargin.scenarios._student import student_stretch as student_stretch
from jaxmargin.scenarios._tenor_grid import SkewScenarios as SkewScenarios
from jaxmargin.scenarios._tenor_grid import TenorScaledGrid as TenorScaledGrid
from jaxmargin.scenarios._tenor_grid import VolatilityMode as VolatilityMode
from jaxmargin.scenarios._tenor_grid import tenor_scale as tenor_scale
from jaxmargin.scenarios._volatility_models import (
    AbstractVolatilityModel as AbstractVolatilityModel,
)
from jaxmargin.scenarios._volatility_models import EwmaVolatility as EwmaVolatility
from jaxmargin.scenarios._volatility_models import GarchVolatility as GarchVolatility
from jaxmargin.scenarios._volatility_models import filter_variance as filter_variance
