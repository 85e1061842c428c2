"""Cases of the risk factors of Vega."""

from typing import Any

from jaxmargin.errors import InvalidInputError
from jaxmargin.io import nearest
from jaxmargin.jobs._comparison import Comparison, compare, numbers
from jaxmargin.margin.venues import lognormal_tail, vega_risk_factors

__all__ = ["conform_vega"]

_KINDS = ("lognormal_long", "lognormal_short", "forward_risk_factors")
_COMMENT_DECIMALS = 9  # figures taken from comments of feature files end here
_COMMENT_TOLERANCE = 3e-6  # how exact the file's README says that they are


def conform_vega(document: dict[str, Any]) -> list[Comparison]:
    """Value at risk and expected shortfall, or the risk factors, of every case."""
    return [comparison for case in document["cases"] for comparison in _compare(case)]


def _compare(case: dict[str, Any]) -> list[Comparison]:
    kind = case["kind"]
    if kind not in _KINDS:
        raise InvalidInputError(
            f"{case['id']}, kind: {kind!r} is not known{nearest(str(kind), _KINDS)}. "
            f"Give one of {', '.join(_KINDS)}."
        )
    mu, sigma = map(float, numbers(case, None, "mu", "sigma"))
    if kind == "forward_risk_factors":
        aversion, horizon = map(float, numbers(case, None, "risk_aversion", "tau_years"))
        factors = vega_risk_factors(
            mu=mu, sigma=sigma, risk_aversion=aversion, horizon_years=horizon
        )
        found = {"short": factors.short, "long": factors.long}
    else:
        (alpha,) = map(float, numbers(case, None, "alpha"))
        tail = lognormal_tail(mu, sigma, alpha, short=kind == "lognormal_short")
        found = {"var": tail.value_at_risk, "es": tail.expected_shortfall}
    return [_as_exact_as_printed(comparison) for comparison in compare(case, found)]


def _as_exact_as_printed(one: Comparison) -> Comparison:
    """A `long` factor of a feature file's comment carries its own, wider tolerance."""
    decimals = len(repr(one.expected).partition(".")[2])
    if one.quantity == "long" and decimals <= _COMMENT_DECIMALS:
        return Comparison(one.case, one.quantity, one.expected, one.found, _COMMENT_TOLERANCE)
    return one
