"""What a job file may say outside [scenarios]: sections, keys, their types and defaults."""

from jaxmargin.jobs._types import (
    COUNT,
    END,
    FLAG,
    NAMES,
    NUMBER,
    PATH,
    TABLE,
    TEXT,
    TIME,
    Key,
    one_of,
)

__all__ = [
    "ALLOCATION",
    "BOOK",
    "MARKET",
    "MEASURE_KINDS",
    "RULEBOOKS",
    "SAFEGUARDS",
    "SYSTEMIC",
    "TOP",
    "VENUE_KINDS",
]

TOP = {
    "title": Key(TEXT, ""),
    "valuation_time": Key(TIME),
    "numeraire": Key(TEXT, "USD"),
    "precision": one_of("f32", "f64"),
    "round_to": Key(NUMBER, 0.01, lambda v: v > 0.0, "a number above zero"),
}
MARKET = {
    "assets": Key(TABLE),
    "forwards": Key(TABLE),
    "volatilities": Key(TABLE),
    "surface": one_of("linear", "monotone-cubic", "svi", "ssvi"),
    "dynamics": one_of("sticky-strike", "sticky-moneyness", "sticky-delta"),
    "averaging_minutes": Key(NUMBER, 0.0, lambda v: v >= 0.0, "minutes, or 0 for no averaging"),
}
BOOK = {
    "instruments": Key(TABLE),
    "positions": Key(TABLE),
    "combos": Key(TABLE, None),
    "collateral": Key(TABLE, None),
    "haircuts": Key(TABLE, None),
}
_SCENARIO_RULE = {
    "kind": Key(TEXT),
    "horizon_days": Key(COUNT, rule=lambda v: v >= 1, cure="a whole number from 1"),
    "maintenance_ratio": Key(
        NUMBER,
        rule=lambda v: 0.0 < v <= 1.0,
        cure="a number above 0 and up to 1; write 80 % as 0.8",
    ),
}
_LEVEL = {
    "level": Key(
        NUMBER,
        rule=lambda v: 0.0 < v < 1.0,
        cure="a number between 0 and 1; write 97.5 % as 0.975",
    )
}
_VENUE_RULE = {"kind": Key(TEXT), "set": Key(TEXT, None), "file": Key(PATH, None)}
MEASURE_KINDS = ("expected-shortfall", "value-at-risk", "worst-case")
VENUE_KINDS = (
    "binance-pm",
    "bybit-uta",
    "deribit-pm",
    "derive-pmrm1",
    "derive-pmrm2",
    "derive-standard",
    "drift-weights",
    "dydx-v4",
    "fixed-percentage",
    "hyperliquid-tiers",
    "okx-pm",
    "scan-grid",
    "valuation-points",
    "vega-lognormal-es",
)
RULEBOOKS = {
    "expected-shortfall": _SCENARIO_RULE | _LEVEL,
    "value-at-risk": _SCENARIO_RULE | _LEVEL,
    "worst-case": _SCENARIO_RULE,
    **dict.fromkeys(VENUE_KINDS, _VENUE_RULE),
}
_SHARE = {"rule": lambda v: 0.0 <= v < 1.0, "cure": "a number from 0 and below 1"}
ALLOCATION = {
    "collateral": Key(TABLE),
    "schedule": Key(TABLE),
    "inventory": Key(TABLE),
    "limits": Key(TABLE, None),
    "exclusions": Key(TABLE, None),
    "costs": Key(TABLE, None),
    "marks": Key(TABLE, None),
    "most_age_minutes": Key(NUMBER, 60.0, lambda v: v > 0.0, "minutes above 0"),
    "most_deviation": Key(NUMBER, 0.02, **_SHARE),
    "least_sources": Key(COUNT, 2, lambda v: v >= 1, "a whole number from 1"),
    "currency_add_on": Key(NUMBER, 0.0, **_SHARE),
    "smallest_movement": Key(NUMBER, 0.0, lambda v: v >= 0.0, "an amount of the numeraire, or 0"),
    "most_movements": Key(COUNT, None, lambda v: v >= 0, "a whole number from 0"),
    "search_seconds": Key(NUMBER, 5.0, lambda v: v > 0.0, "seconds above 0"),
}
SAFEGUARDS = {
    "set": Key(TEXT, None),
    "file": Key(PATH, None),
    "tools": Key(NAMES, None),
    "stressed_start": Key(TIME, None),
    "stressed_end": Key(END, None),
    "lookback_start": Key(TIME, None),
    "client_class": Key(TEXT, None),
    "asset_class": Key(TEXT, None),
    "most_offset": Key(TEXT, None),
    "approved": Key(NAMES, ()),
    "previous": Key(PATH, None),
}
_NOT_NEGATIVE = {"rule": lambda v: v >= 0.0, "cure": "a number from 0"}
_STEPS = {"rule": lambda v: v >= 1, "cure": "a whole number from 1"}
SYSTEMIC = {
    "stresses": Key(NAMES, ()),
    "resources": Key(
        TEXT, None, lambda v: v in ("initial-margin", "collateral"), "initial-margin or collateral"
    ),
    "members": Key(TABLE, None),
    "level": Key(NUMBER, 0.99, lambda v: 0.0 < v < 1.0, "a number between 0 and 1"),
    "contributions": Key(TABLE, None),
    "own_capital": Key(NUMBER, 0.0, **_NOT_NEGATIVE),
    "second_capital": Key(NUMBER, 0.0, **_NOT_NEGATIVE),
    "assessment": Key(NUMBER, 0.0, **_NOT_NEGATIVE),
    "insurance_fund": Key(NUMBER, None, **_NOT_NEGATIVE),
    "volumes": Key(TABLE, None),
    "impact": Key(NUMBER, None, **_NOT_NEGATIVE),
    "retained": Key(NUMBER, 1.0, lambda v: 0.0 <= v <= 1.0, "a share from 0 to 1"),
    "steps": Key(COUNT, 20, lambda v: v >= 2, "a whole number from 2"),
    "policy": one_of("full", "partial", "auction"),
    "buffer": Key(NUMBER, 0.0, **_NOT_NEGATIVE),
    "discount": Key(NUMBER, None, **_SHARE),
    "fee": Key(NUMBER, 0.0, **_SHARE),
    "deleveraging": one_of("none", "profit", "ranking", "queue"),
    "socialize": Key(FLAG, True),
    "band": Key(NUMBER, None, lambda v: v > 0.0, "a relative move above 0; write 5 % as 0.05"),
    "window": Key(COUNT, 1, **_STEPS),
    "pause": Key(COUNT, 1, **_STEPS),
}
