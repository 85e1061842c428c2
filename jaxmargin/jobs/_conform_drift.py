"""Cases of the weights of Drift."""

from typing import Any

from jaxmargin.errors import InvalidInputError
from jaxmargin.io import nearest
from jaxmargin.jobs._comparison import Comparison, integers
from jaxmargin.jobs._conform_venues_inputs import rulebook_parameters
from jaxmargin.margin.venues import drift_asset_weight, drift_liability_weight

__all__ = ["conform_drift"]

_FUNCTIONS = ("asset_weight", "liab_weight")
_MILLION = 1_000_000  # units of the settings


def conform_drift(document: dict[str, Any]) -> list[Comparison]:
    """The weight of every case, in 1e-4; exact. Settings are those of drift-weights.toml."""
    settings = rulebook_parameters("drift-weights")
    return [_compare(case, settings) for case in document["cases"]]


def _compare(case: dict[str, Any], settings: dict[str, float]) -> Comparison:
    function = case["function"]
    if function not in _FUNCTIONS:
        raise InvalidInputError(
            f"{case['id']}, function: {function!r} is not known"
            f"{nearest(str(function), _FUNCTIONS)}. Give one of {', '.join(_FUNCTIONS)}."
        )
    size, factor, weight, expected = integers(
        case, "size_1e9", "imf_factor_1e6", "base_weight_1e4", "expected_weight_1e4"
    )
    if function == "asset_weight":
        ceiling = round(_MILLION * settings["asset_ceiling"])
        found = drift_asset_weight(size, imf_factor=factor, weight=weight, ceiling=ceiling)
    else:
        cut = round(_MILLION * settings["liability_cut"])
        found = drift_liability_weight(size, imf_factor=factor, weight=weight, cut=cut)
    return Comparison(case["id"], function, expected, found)
