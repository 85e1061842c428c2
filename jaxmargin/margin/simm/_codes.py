"""Names and numbers of what SIMM knows: product classes, risk classes, risk types, tenors."""

from enum import IntEnum

__all__ = [
    "MEASURES",
    "PRODUCT_CLASSES",
    "RESIDUAL_BUCKETS",
    "RISK_CLASSES",
    "RISK_CLASS_OF",
    "SENSITIVITY_MEASURE",
    "SIMM_NOTICE",
    "TENORS",
    "TENOR_DAYS",
    "RiskType",
]

SIMM_NOTICE = "ISDA SIMM: commercial use needs a licence from ISDA."

PRODUCT_CLASSES = ("RatesFX", "Credit", "Equity", "Commodity")
RISK_CLASSES = (
    "rates",
    "credit_qualifying",
    "credit_non_qualifying",
    "equity",
    "commodity",
    "fx",
)
MEASURES = ("delta", "vega", "curvature", "base_correlation")

TENORS = ("2w", "1m", "3m", "6m", "1y", "2y", "3y", "5y", "10y", "15y", "20y", "30y")
_MONTHS = (1, 3, 6, 12, 24, 36, 60, 120, 180, 240, 360)
TENOR_DAYS = (14.0, *(months * 365.0 / 12.0 for months in _MONTHS))
"""Days of each tenor; a year has 365, a month a twelfth of them (paragraph 11)."""


class RiskType(IntEnum):
    """What a sensitivity is to. Those to volatilities bring vega and curvature margin."""

    CURVE = 0
    INFLATION = 1
    BASIS = 2
    RATES_VEGA = 3
    INFLATION_VEGA = 4
    CREDIT_QUALIFYING = 5
    CREDIT_QUALIFYING_VEGA = 6
    BASE_CORRELATION = 7
    CREDIT_NON_QUALIFYING = 8
    CREDIT_NON_QUALIFYING_VEGA = 9
    EQUITY = 10
    EQUITY_VEGA = 11
    COMMODITY = 12
    COMMODITY_VEGA = 13
    FX = 14
    FX_VEGA = 15


RISK_CLASS_OF = (0, 0, 0, 0, 0, 1, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5)
"""Number of the risk class of each risk type."""

SENSITIVITY_MEASURE = (0, 0, 0, 1, 1, 0, 1, 3, 0, 1, 0, 1, 0, 1, 0, 1)
"""Number of the measure of each risk type; curvature is made from the sensitivities of vega."""

RESIDUAL_BUCKETS = (-1, 12, 2, 12, -1, -1)
"""Number of the residual bucket of each risk class, counted from zero; -1 for none."""
