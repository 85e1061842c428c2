"""Cases of dYdX v4."""

from typing import Any

from jaxmargin.jobs._comparison import Comparison, compare, integers
from jaxmargin.margin.venues import dydx_margin

__all__ = ["conform_dydx"]


def conform_dydx(document: dict[str, Any]) -> list[Comparison]:
    """Initial and maintenance margin of every case, in quote quantums; exact."""
    return [comparison for case in document["cases"] for comparison in _compare(case)]


def _compare(case: dict[str, Any]) -> list[Comparison]:
    price, exponent, resolution, size, initial, fraction, lower, upper = integers(
        case,
        "price",
        "price_exponent",
        "base_atomic_resolution",
        "base_quantums",
        "initial_margin_ppm",
        "maintenance_fraction_ppm",
        "oi_lower_cap_quote_quantums",
        "oi_upper_cap_quote_quantums",
    )
    open_interest = case["open_interest_base_quantums"]
    if open_interest is not None:
        (open_interest,) = integers(case, "open_interest_base_quantums")
    margin = dydx_margin(
        size,
        price=price,
        price_exponent=exponent,
        base_atomic_resolution=resolution,
        initial_margin_ppm=initial,
        maintenance_fraction_ppm=fraction,
        open_interest=open_interest,
        open_interest_lower_cap=lower,
        open_interest_upper_cap=upper,
    )
    found = {
        "initial_margin_quote_quantums": margin.initial,
        "maintenance_margin_quote_quantums": margin.maintenance,
    }
    return compare(case, found)
