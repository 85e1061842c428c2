"""Cases of the weights of Drift."""

from typing import Any

from jaxmargin.errors import InvalidInputError
from jaxmargin.io import nearest
from jaxmargin.jobs._comparison import Comparison, integers
from jaxmargin.margin.venues import drift_asset_weight, drift_liability_weight

__all__ = ["conform_drift"]

_FUNCTIONS = {"asset_weight": drift_asset_weight, "liab_weight": drift_liability_weight}


def conform_drift(document: dict[str, Any]) -> list[Comparison]:
    """The weight of every case, in 1e-4; exact."""
    return [_compare(case) for case in document["cases"]]


def _compare(case: dict[str, Any]) -> Comparison:
    function = case["function"]
    if function not in _FUNCTIONS:
        raise InvalidInputError(
            f"{case['id']}, function: {function!r} is not known"
            f"{nearest(str(function), _FUNCTIONS)}. Give one of {', '.join(_FUNCTIONS)}."
        )
    size, factor, weight, expected = integers(
        case, "size_1e9", "imf_factor_1e6", "base_weight_1e4", "expected_weight_1e4"
    )
    found = _FUNCTIONS[function](size, imf_factor=factor, weight=weight)
    return Comparison(case["id"], function, expected, found)
