"""Backtests: statistics of losses against forecasts, for many portfolios at once."""

from jaxmargin.backtest._coverage_tests import binomial_test as binomial_test
from jaxmargin.backtest._coverage_tests import exact_binomial_test as exact_binomial_test
from jaxmargin.backtest._coverage_tests import kupiec_test as kupiec_test
from jaxmargin.backtest._duration_tests import duration_shape as duration_shape
from jaxmargin.backtest._duration_tests import duration_test as duration_test
from jaxmargin.backtest._dynamic_quantile import dynamic_quantile_test as dynamic_quantile_test
from jaxmargin.backtest._exceedances import Transitions as Transitions
from jaxmargin.backtest._exceedances import count_transitions as count_transitions
from jaxmargin.backtest._exceedances import days_since_exceedance as days_since_exceedance
from jaxmargin.backtest._exceedances import find_exceedances as find_exceedances
from jaxmargin.backtest._independence_tests import (
    conditional_coverage_test as conditional_coverage_test,
)
from jaxmargin.backtest._independence_tests import independence_test as independence_test
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
from jaxmargin.backtest._rolling_tails import measure_names as measure_names
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
