"""CRIF: what each risk type of the common risk interchange format needs."""

from dataclasses import dataclass
from typing import Literal

from jaxmargin.margin.simm import TENORS, RiskType

__all__ = ["ADD_ONS", "COLUMNS", "CURVES", "RESIDUAL", "RISK_TYPES", "CrifType"]

RESIDUAL = "Residual"
CURVES = ("OIS", "Libor1m", "Libor3m", "Libor6m", "Libor12m", "Prime", "Municipal")
"""Curves of a currency's rates; the last two are of USD alone."""

COLUMNS = {
    "portfolioid": "PortfolioId",
    "immodel": "IMModel",
    "productclass": "ProductClass",
    "risktype": "RiskType",
    "qualifier": "Qualifier",
    "bucket": "Bucket",
    "label1": "Label1",
    "label2": "Label2",
    "amount": "Amount",
    "amountcurrency": "AmountCurrency",
    "amountusd": "AmountUSD",
}
"""Columns that are read: name in lower case without spaces and underscores, name as written."""

ADD_ONS = (
    "Param_ProductClassMultiplier",
    "Param_AddOnNotionalFactor",
    "Notional",
    "Param_AddOnFixedAmount",
)
"""Risk types of what two parties add; Qualifier is the product class or product."""

_CREDIT_TENORS = ("1y", "2y", "3y", "5y", "10y")
_TWELVE = (*map(str, range(1, 13)), RESIDUAL)
_TWO = ("1", "2", RESIDUAL)
_SEVENTEEN = tuple(map(str, range(1, 18)))


@dataclass(frozen=True)
class CrifType:
    """What a row of one risk type says.

    Attributes:
        name: RiskType.
        kind: what it is in the rule.
        qualifier: what Qualifier is: a currency, a pair of currencies, or any name.
        buckets: what Bucket may be, in the order of the rule; none if it is not read.
        tenors: what Label1 may be; none if it is not read.
        label2: what Label2 is: a curve, anything, the group of underlying names, or not read.
    """

    name: str
    kind: RiskType
    qualifier: Literal["currency", "pair", "name"]
    buckets: tuple[str, ...] = ()
    tenors: tuple[str, ...] = ()
    label2: Literal["curve", "any", "group", ""] = ""


RISK_TYPES = (
    CrifType("Risk_IRCurve", RiskType.CURVE, "currency", ("1", "2", "3"), TENORS, "curve"),
    CrifType("Risk_Inflation", RiskType.INFLATION, "currency"),
    CrifType("Risk_XCcyBasis", RiskType.BASIS, "currency"),
    CrifType("Risk_IRVol", RiskType.RATES_VEGA, "currency", (), TENORS),
    CrifType("Risk_InflationVol", RiskType.INFLATION_VEGA, "currency", (), TENORS),
    CrifType("Risk_CreditQ", RiskType.CREDIT_QUALIFYING, "name", _TWELVE, _CREDIT_TENORS, "any"),
    CrifType(
        "Risk_CreditVol", RiskType.CREDIT_QUALIFYING_VEGA, "name", _TWELVE, _CREDIT_TENORS, "any"
    ),
    CrifType("Risk_BaseCorr", RiskType.BASE_CORRELATION, "name"),
    CrifType(
        "Risk_CreditNonQ", RiskType.CREDIT_NON_QUALIFYING, "name", _TWO, _CREDIT_TENORS, "group"
    ),
    CrifType(
        "Risk_CreditVolNonQ",
        RiskType.CREDIT_NON_QUALIFYING_VEGA,
        "name",
        _TWO,
        _CREDIT_TENORS,
        "group",
    ),
    CrifType("Risk_Equity", RiskType.EQUITY, "name", _TWELVE),
    CrifType("Risk_EquityVol", RiskType.EQUITY_VEGA, "name", _TWELVE, TENORS),
    CrifType("Risk_Commodity", RiskType.COMMODITY, "name", _SEVENTEEN),
    CrifType("Risk_CommodityVol", RiskType.COMMODITY_VEGA, "name", _SEVENTEEN, TENORS),
    CrifType("Risk_FX", RiskType.FX, "currency"),
    CrifType("Risk_FXVol", RiskType.FX_VEGA, "pair", (), TENORS),
)
"""Every risk type of a sensitivity, in the order of `RiskType`."""
