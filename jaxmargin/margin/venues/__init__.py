"""Margin rules of venues that have a closed form, as pure functions."""

from jaxmargin.margin.venues._drift import drift_asset_weight as drift_asset_weight
from jaxmargin.margin.venues._drift import drift_liability_weight as drift_liability_weight
from jaxmargin.margin.venues._dydx import DydxMargin as DydxMargin
from jaxmargin.margin.venues._dydx import dydx_margin as dydx_margin
from jaxmargin.margin.venues._vega import LognormalTail as LognormalTail
from jaxmargin.margin.venues._vega import VegaRiskFactors as VegaRiskFactors
from jaxmargin.margin.venues._vega import lognormal_tail as lognormal_tail
from jaxmargin.margin.venues._vega import vega_risk_factors as vega_risk_factors
