"""Backtests: statistics of losses against forecasts, for many portfolios at once."""

from jaxmargin.backtest._attribution import FRTB_ATTRIBUTION_LIMITS as FRTB_ATTRIBUTION_LIMITS
from jaxmargin.backtest._attribution import Attribution as Attribution
from jaxmargin.backtest._attribution import AttributionLimits as AttributionLimits
from jaxmargin.backtest._attribution import attribution_test as attribution_test
from jaxmargin.backtest._calibration_tests import calibration_test as calibration_test
from jaxmargin.backtest._calibration_tests import (
    one_sided_calibration_test as one_sided_calibration_test,
)
from jaxmargin.backtest._coverage_tests import binomial_test as binomial_test
from jaxmargin.backtest._coverage_tests import exact_binomial_test as exact_binomial_test
from jaxmargin.backtest._coverage_tests import kupiec_test as kupiec_test
from jaxmargin.backtest._cumulative_violations import cumulative_violations as cumulative_violations
from jaxmargin.backtest._cumulative_violations import tail_dependence_test as tail_dependence_test
from jaxmargin.backtest._cumulative_violations import tail_depth_test as tail_depth_test
from jaxmargin.backtest._duration_tests import duration_shape as duration_shape
from jaxmargin.backtest._duration_tests import duration_test as duration_test
from jaxmargin.backtest._dynamic_quantile import dynamic_quantile_test as dynamic_quantile_test
from jaxmargin.backtest._e_backtest import EvidenceProcess as EvidenceProcess
from jaxmargin.backtest._e_backtest import shortfall_evidence as shortfall_evidence
from jaxmargin.backtest._e_backtest import value_at_risk_evidence as value_at_risk_evidence
from jaxmargin.backtest._exceedance_residuals import (
    exceedance_bootstrap_test as exceedance_bootstrap_test,
)
from jaxmargin.backtest._exceedance_residuals import exceedance_mean_test as exceedance_mean_test
from jaxmargin.backtest._exceedances import Transitions as Transitions
from jaxmargin.backtest._exceedances import count_transitions as count_transitions
from jaxmargin.backtest._exceedances import days_since_exceedance as days_since_exceedance
from jaxmargin.backtest._exceedances import find_exceedances as find_exceedances
from jaxmargin.backtest._haircut_backtest import HaircutBacktest as HaircutBacktest
from jaxmargin.backtest._haircut_backtest import haircut_backtest as haircut_backtest
from jaxmargin.backtest._independence_tests import (
    conditional_coverage_test as conditional_coverage_test,
)
from jaxmargin.backtest._independence_tests import independence_test as independence_test
from jaxmargin.backtest._margin_coverage import MarginCoverage as MarginCoverage
from jaxmargin.backtest._margin_coverage import margin_coverage as margin_coverage
from jaxmargin.backtest._margin_sensitivity import MarginSensitivity as MarginSensitivity
from jaxmargin.backtest._margin_sensitivity import margin_sensitivity as margin_sensitivity
from jaxmargin.backtest._offset_reliability import OffsetReliability as OffsetReliability
from jaxmargin.backtest._offset_reliability import break_correlation as break_correlation
from jaxmargin.backtest._offset_reliability import offset_reliability as offset_reliability
from jaxmargin.backtest._probability_transform import probability_transform as probability_transform
from jaxmargin.backtest._responsiveness import greatest_increase as greatest_increase
from jaxmargin.backtest._responsiveness import log_change_deviation as log_change_deviation
from jaxmargin.backtest._responsiveness import peak_to_trough as peak_to_trough
from jaxmargin.backtest._responsiveness import relative_cost as relative_cost
from jaxmargin.backtest._result import BacktestResult as BacktestResult
from jaxmargin.backtest._rolling import RollingBacktest as RollingBacktest
from jaxmargin.backtest._rolling import backtest_pnl as backtest_pnl
from jaxmargin.backtest._rolling import run_backtest as run_backtest
from jaxmargin.backtest._rolling import with_tools as with_tools
from jaxmargin.backtest._rolling_books import AbstractBooks as AbstractBooks
from jaxmargin.backtest._rolling_books import ConstantQuantities as ConstantQuantities
from jaxmargin.backtest._rolling_books import ConstantWeights as ConstantWeights
from jaxmargin.backtest._rolling_books import RevaluedBooks as RevaluedBooks
from jaxmargin.backtest._rolling_models import AbstractBacktestModel as AbstractBacktestModel
from jaxmargin.backtest._rolling_models import FilteredModel as FilteredModel
from jaxmargin.backtest._rolling_models import HistoricalModel as HistoricalModel
from jaxmargin.backtest._rolling_models import StudentModel as StudentModel
from jaxmargin.backtest._rolling_models import filtered_model as filtered_model
from jaxmargin.backtest._rolling_models import student_model as student_model
from jaxmargin.backtest._rolling_portfolios import Portfolios as Portfolios
from jaxmargin.backtest._rolling_portfolios import made_up_portfolios as made_up_portfolios
from jaxmargin.backtest._rolling_summary import margin_figures as margin_figures
from jaxmargin.backtest._rolling_summary import overall_figures as overall_figures
from jaxmargin.backtest._rolling_summary import quantile_tests as quantile_tests
from jaxmargin.backtest._rolling_summary import shortfall_test as shortfall_test
from jaxmargin.backtest._rolling_tails import measure_names as measure_names
from jaxmargin.backtest._scores import compare_scores as compare_scores
from jaxmargin.backtest._scores import fissler_ziegel_score as fissler_ziegel_score
from jaxmargin.backtest._scores import quantile_score as quantile_score
from jaxmargin.backtest._shortfall_light import shortfall_light_start as shortfall_light_start
from jaxmargin.backtest._shortfall_light import shortfall_traffic_light as shortfall_traffic_light
from jaxmargin.backtest._shortfall_ranks import shortfall_ranks_test as shortfall_ranks_test
from jaxmargin.backtest._shortfall_statistics import ShortfallStatistic as ShortfallStatistic
from jaxmargin.backtest._shortfall_statistics import conditional_shortfall as conditional_shortfall
from jaxmargin.backtest._shortfall_statistics import minimally_biased as minimally_biased
from jaxmargin.backtest._shortfall_statistics import (
    minimally_biased_relative as minimally_biased_relative,
)
from jaxmargin.backtest._shortfall_statistics import secured_share as secured_share
from jaxmargin.backtest._shortfall_statistics import (
    unconditional_shortfall as unconditional_shortfall,
)
from jaxmargin.backtest._simulated_tests import ScenarioLosses as ScenarioLosses
from jaxmargin.backtest._simulated_tests import SimulatedResult as SimulatedResult
from jaxmargin.backtest._simulated_tests import simulated_test as simulated_test
from jaxmargin.backtest._time_tests import first_exceedance_test as first_exceedance_test
from jaxmargin.backtest._time_tests import (
    time_between_independence_test as time_between_independence_test,
)
from jaxmargin.backtest._time_tests import time_between_test as time_between_test
from jaxmargin.backtest._traffic_light import BASEL_1996_PLUS_FACTORS as BASEL_1996_PLUS_FACTORS
from jaxmargin.backtest._traffic_light import FRTB_MULTIPLIERS as FRTB_MULTIPLIERS
from jaxmargin.backtest._traffic_light import CapitalFactors as CapitalFactors
from jaxmargin.backtest._traffic_light import TrafficLight as TrafficLight
from jaxmargin.backtest._traffic_light import Zone as Zone
from jaxmargin.backtest._traffic_light import ZoneLimits as ZoneLimits
from jaxmargin.backtest._traffic_light import traffic_light as traffic_light
from jaxmargin.backtest._traffic_light import zone_starts as zone_starts
