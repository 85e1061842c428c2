"""Rulebooks: from account P&L to margin requirements."""

from jaxmargin.margin._account_equity import gross_notional as gross_notional
from jaxmargin.margin._account_equity import position_value as position_value
from jaxmargin.margin._account_rulebook import (
    AbstractAccountRulebook as AbstractAccountRulebook,
)
from jaxmargin.margin._account_rulebook import AccountCharge as AccountCharge
from jaxmargin.margin._account_rulebook import unmoved as unmoved
from jaxmargin.margin._account_state import AccountState as AccountState
from jaxmargin.margin._account_state import AccountStatus as AccountStatus
from jaxmargin.margin._account_state import account_state as account_state
from jaxmargin.margin._binance_portfolio import BinancePortfolio as BinancePortfolio
from jaxmargin.margin._binance_portfolio import Brackets as Brackets
from jaxmargin.margin._binance_portfolio import binance_unified_ratio as binance_unified_ratio
from jaxmargin.margin._bybit_unified import BybitUnified as BybitUnified
from jaxmargin.margin._compare import require_all as require_all
from jaxmargin.margin._contract_terms import ContractKind as ContractKind
from jaxmargin.margin._contract_terms import ContractTerms as ContractTerms
from jaxmargin.margin._contract_terms import contract_deltas as contract_deltas
from jaxmargin.margin._contract_terms import contract_terms as contract_terms
from jaxmargin.margin._contract_terms import kind_of as kind_of
from jaxmargin.margin._deribit_portfolio import DeribitPortfolio as DeribitPortfolio
from jaxmargin.margin._drift_weights import DriftWeights as DriftWeights
from jaxmargin.margin._dydx_cross import DydxCross as DydxCross
from jaxmargin.margin._fixed_percentage import FixedPercentage as FixedPercentage
from jaxmargin.margin._holdings import Holdings as Holdings
from jaxmargin.margin._hyperliquid_tiers import HyperliquidTiers as HyperliquidTiers
from jaxmargin.margin._hyperliquid_tiers import hyperliquid_withdrawal as hyperliquid_withdrawal
from jaxmargin.margin._okx_portfolio import OkxPortfolio as OkxPortfolio
from jaxmargin.margin._requirement import Requirement as Requirement
from jaxmargin.margin._risk_measure import RiskMeasureRulebook as RiskMeasureRulebook
from jaxmargin.margin._rulebook import AbstractRulebook as AbstractRulebook
from jaxmargin.margin._rulebook import charged as charged
from jaxmargin.margin._rulebook import revalued as revalued
from jaxmargin.margin._run import MarginRun as MarginRun
from jaxmargin.margin._run import start_run as start_run
from jaxmargin.margin._run import update_run as update_run
from jaxmargin.margin._scan_grid import ScanGrid as ScanGrid
from jaxmargin.margin._valuation_points import ValuationPoints as ValuationPoints
from jaxmargin.margin._vega_lognormal import VegaLognormal as VegaLognormal
