"""Sensitivities by autodiff."""

from jaxmargin.sensitivities._account_greeks import AccountGreeks as AccountGreeks
from jaxmargin.sensitivities._account_greeks import account_greeks as account_greeks
from jaxmargin.sensitivities._greeks import Greeks as Greeks
from jaxmargin.sensitivities._greeks import instrument_greeks as instrument_greeks
