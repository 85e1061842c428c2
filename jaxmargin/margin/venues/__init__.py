"""Margin rules of venues that have a closed form, as pure functions.

Those of dYdX and Drift are in the venues' own integers, those of Vega in plain numbers; all others
take arrays of any shape and can be differentiated.
"""

from jaxmargin.margin.venues._binance import BinanceEquity as BinanceEquity
from jaxmargin.margin.venues._binance import binance_equity as binance_equity
from jaxmargin.margin.venues._binance import binance_margin_ratio as binance_margin_ratio
from jaxmargin.margin.venues._bybit import BybitOptionMargin as BybitOptionMargin
from jaxmargin.margin.venues._bybit import BybitRates as BybitRates
from jaxmargin.margin.venues._bybit import bybit_account_rates as bybit_account_rates
from jaxmargin.margin.venues._bybit import bybit_option_margin as bybit_option_margin
from jaxmargin.margin.venues._collateral_value import (
    haircut_collateral_value as haircut_collateral_value,
)
from jaxmargin.margin.venues._collateral_value import (
    tiered_collateral_value as tiered_collateral_value,
)
from jaxmargin.margin.venues._dederi import dederi_future_contingency as dederi_future_contingency
from jaxmargin.margin.venues._dederi import dederi_future_pnl as dederi_future_pnl
from jaxmargin.margin.venues._deribit import DeribitMargin as DeribitMargin
from jaxmargin.margin.venues._deribit import DeribitParameters as DeribitParameters
from jaxmargin.margin.venues._deribit import deribit_future_vectors as deribit_future_vectors
from jaxmargin.margin.venues._deribit import deribit_margin as deribit_margin
from jaxmargin.margin.venues._deribit import deribit_offset_pnl as deribit_offset_pnl
from jaxmargin.margin.venues._deribit import deribit_roll_shock as deribit_roll_shock
from jaxmargin.margin.venues._deribit_vectors import deribit_dampened_pnl as deribit_dampened_pnl
from jaxmargin.margin.venues._deribit_vectors import deribit_extended_pnl as deribit_extended_pnl
from jaxmargin.margin.venues._deribit_vectors import deribit_inverse_pnl as deribit_inverse_pnl
from jaxmargin.margin.venues._deribit_vectors import deribit_moves as deribit_moves
from jaxmargin.margin.venues._deribit_vectors import (
    deribit_shocked_volatility as deribit_shocked_volatility,
)
from jaxmargin.margin.venues._drift import drift_asset_weight as drift_asset_weight
from jaxmargin.margin.venues._drift import drift_liability_weight as drift_liability_weight
from jaxmargin.margin.venues._dydx import DydxMargin as DydxMargin
from jaxmargin.margin.venues._dydx import dydx_margin as dydx_margin
from jaxmargin.margin.venues._hyperliquid import HyperliquidMargin as HyperliquidMargin
from jaxmargin.margin.venues._hyperliquid import hyperliquid_margin as hyperliquid_margin
from jaxmargin.margin.venues._hyperliquid import (
    hyperliquid_withdrawal_margin as hyperliquid_withdrawal_margin,
)
from jaxmargin.margin.venues._okx import okx_minimum_charge as okx_minimum_charge
from jaxmargin.margin.venues._okx import okx_unit_charge as okx_unit_charge
from jaxmargin.margin.venues._okx import okx_unit_maintenance as okx_unit_maintenance
from jaxmargin.margin.venues._tiered_margin import tier_deductions as tier_deductions
from jaxmargin.margin.venues._tiered_margin import tier_of as tier_of
from jaxmargin.margin.venues._tiered_margin import tiered_margin as tiered_margin
from jaxmargin.margin.venues._vega import LognormalTail as LognormalTail
from jaxmargin.margin.venues._vega import VegaRiskFactors as VegaRiskFactors
from jaxmargin.margin.venues._vega import lognormal_tail as lognormal_tail
from jaxmargin.margin.venues._vega import vega_risk_factors as vega_risk_factors
