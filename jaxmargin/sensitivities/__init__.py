"""Sensitivities by autodiff."""

from jaxmargin.sensitivities._account_greeks import AccountGreeks as AccountGreeks
from jaxmargin.sensitivities._account_greeks import account_greeks as account_greeks
from jaxmargin.sensitivities._explain import MarginChange as MarginChange
from jaxmargin.sensitivities._explain import MarginState as MarginState
from jaxmargin.sensitivities._explain import explain_margin as explain_margin
from jaxmargin.sensitivities._greeks import Greeks as Greeks
from jaxmargin.sensitivities._greeks import instrument_greeks as instrument_greeks
from jaxmargin.sensitivities._open_orders import OpenOrderMargins as OpenOrderMargins
from jaxmargin.sensitivities._open_orders import open_order_margins as open_order_margins
from jaxmargin.sensitivities._positions import PositionMargins as PositionMargins
from jaxmargin.sensitivities._positions import PositionSlopes as PositionSlopes
from jaxmargin.sensitivities._positions import margin_to_positions as margin_to_positions
from jaxmargin.sensitivities._positions import position_margins as position_margins
from jaxmargin.sensitivities._positions import position_slopes as position_slopes
from jaxmargin.sensitivities._reverse_scenario import ReverseStress as ReverseStress
from jaxmargin.sensitivities._reverse_scenario import StressStatus as StressStatus
from jaxmargin.sensitivities._reverse_stress import most_plausible_loss as most_plausible_loss
from jaxmargin.sensitivities._reverse_stress import worst_loss as worst_loss
from jaxmargin.sensitivities._second_order import CrossGamma as CrossGamma
from jaxmargin.sensitivities._second_order import SmoothedMargin as SmoothedMargin
from jaxmargin.sensitivities._second_order import cross_gamma as cross_gamma
from jaxmargin.sensitivities._second_order import hessian_vector_product as hessian_vector_product
from jaxmargin.sensitivities._second_order import smoothed as smoothed
from jaxmargin.sensitivities._second_order import smoothed_margin as smoothed_margin
from jaxmargin.sensitivities._what_if import WhatIf as WhatIf
from jaxmargin.sensitivities._what_if import what_if as what_if
