"""A framework: which checks with which limits, and all of them evaluated."""

import inspect
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from jaxmargin.checks._backtests import (
    check_attribution,
    check_clustering,
    check_coverage,
    check_haircuts,
    check_shortfall,
    check_zone,
)
from jaxmargin.checks._governance import check_overrides, check_reviews, check_sensitivity_age
from jaxmargin.checks._model import (
    check_confidence,
    check_horizon,
    check_lookback,
    check_offsets,
    check_procyclicality,
)
from jaxmargin.checks._operation import (
    check_intraday,
    check_leverage,
    check_prices,
    check_step,
)
from jaxmargin.checks._resources import check_concentration, check_defaults, check_wrong_way
from jaxmargin.checks._result import CheckResult, Citation
from jaxmargin.errors import require

__all__ = [
    "CHECKS",
    "Framework",
    "FrameworkCheck",
    "evaluate_checks",
    "input_names",
    "limit_names",
    "required_limits",
]

CHECKS: Mapping[str, Callable[..., CheckResult]] = MappingProxyType(
    {
        "R01": check_confidence,
        "R02": check_horizon,
        "R03": check_lookback,
        "R04": check_procyclicality,
        "R05": check_offsets,
        "R06": check_coverage,
        "R07": check_zone,
        "R08": check_clustering,
        "R09": check_shortfall,
        "R10": check_attribution,
        "R11": check_sensitivity_age,
        "R12": check_haircuts,
        "R13": check_concentration,
        "R14": check_wrong_way,
        "R15": check_intraday,
        "R16": check_defaults,
        "R17": check_step,
        "R18": check_prices,
        "R19": check_leverage,
        "R20": check_overrides,
        "R21": check_reviews,
    }
)
"""The function of each check: inputs first, then limits and the citation as keywords."""


@dataclass(frozen=True)
class FrameworkCheck:
    """One check as a framework asks for it.

    Attributes:
        id: R01 to R21.
        limits: by name, see the function in `CHECKS`.
        citation: where they come from.
        products: products that it is for, such as `over-the-counter`; all if empty.
    """

    id: str
    limits: Mapping[str, Any]
    citation: Citation
    products: str = ""


@dataclass(frozen=True)
class Framework:
    """Checks of a framework.

    Attributes:
        name: short name.
        title: what it is.
        checks: in order; a check may come more than once, with limits of different origin.
    """

    name: str
    title: str
    checks: tuple[FrameworkCheck, ...]

    def products(self) -> set[str]:
        """Products that it has limits of their own for."""
        return {check.products for check in self.checks if check.products}


def input_names(check: str) -> tuple[str, ...]:
    """Inputs of a check, in order."""
    return tuple(n for n, p in _parameters(check).items() if p.kind is not p.KEYWORD_ONLY)


def limit_names(check: str) -> tuple[str, ...]:
    """Limits that a check may have."""
    return tuple(
        name
        for name, each in _parameters(check).items()
        if each.kind is each.KEYWORD_ONLY and name != "citation"
    )


def required_limits(check: str) -> tuple[str, ...]:
    """Those of `limit_names` that it must have."""
    parameters = _parameters(check)
    return tuple(n for n in limit_names(check) if parameters[n].default is inspect.Parameter.empty)


def evaluate_checks(
    framework: Framework, evidence: Mapping[str, Any], *, products: Collection[str] = ()
) -> tuple[CheckResult, ...]:
    """Every check of a framework; one whose inputs are missing is not evaluated, and says so.

    Args:
        framework: checks and limits.
        evidence: inputs by name, see `input_names`; one left out is missing.
        products: leave out limits that are for other products; all apply if the framework knows
            none of these.

    Raises:
        InvalidInputError: evidence has a name that no check uses.
    """
    known = {name for check in CHECKS for name in input_names(check)}
    unknown = sorted(set(evidence) - known)
    require(not unknown, f"evidence has names that no check uses: {', '.join(unknown)}.")
    wanted = framework.products() & set(products)
    return tuple(
        CHECKS[check.id](
            *(evidence.get(name) for name in input_names(check.id)),
            **check.limits,
            citation=check.citation,
        )
        for check in framework.checks
        if not wanted or not check.products or check.products in wanted
    )


def _parameters(check: str) -> Mapping[str, inspect.Parameter]:
    require(check in CHECKS, f"there is no check {check!r}; there are {', '.join(CHECKS)}.")
    return inspect.signature(CHECKS[check]).parameters
