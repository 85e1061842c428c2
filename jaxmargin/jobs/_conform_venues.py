"""Worked examples that venues print on their pages, computed here and compared."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from jaxmargin.errors import InvalidInputError, require
from jaxmargin.io import is_number, nearest
from jaxmargin.jobs._comparison import Comparison, printed_tolerance
from jaxmargin.jobs._conform_venues_rules import (
    Figures,
    bybit_collateral,
    bybit_option,
    dederi_future,
    hyperliquid_tiers,
    kraken_collateral,
    okx_unit,
)

__all__ = ["conform_venues"]

_ROUNDING = 1e-12  # relative: figures printed with all digits, and those halfway between two


@dataclass(frozen=True)
class _Family:
    """A kind of worked example, told by the inputs that only it has.

    Attributes:
        name: what to call it.
        telling: endings of the keys by which it is known, all of them.
        rule: from the inputs of a case to the figures that it may expect.
    """

    name: str
    telling: tuple[str, ...]
    rule: Callable[[str, Mapping[str, Any]], Figures]


_FAMILIES = (
    _Family("OKX unit", ("mr7_raw_usd",), okx_unit),
    _Family("Bybit short option", ("strike", "mark"), bybit_option),
    _Family("Bybit collateral", ("_tiers_upper_ratio",), bybit_collateral),
    _Family("Hyperliquid tiers", ("tiers", "notionals"), hyperliquid_tiers),
    _Family("Dederi futures", ("future", "shocks"), dederi_future),
    _Family("Kraken collateral", ("haircut",), kraken_collateral),
)


def conform_venues(document: dict[str, Any]) -> list[Comparison]:
    """Every figure of every case; each to half a unit of the last digit that is printed.

    Raises:
        InvalidInputError: if the inputs of a case are of no known kind, or lack something.
    """
    return [comparison for case in document["cases"] for comparison in _compare(case)]


def _compare(case: Mapping[str, Any]) -> list[Comparison]:
    name, inputs, expected = case["id"], case["inputs"], case["expected"]
    require(isinstance(inputs, Mapping), f"{name}, inputs: not an object. Write it as {{...}}.")
    require(
        isinstance(expected, Mapping) and bool(expected),
        f"{name}: nothing is expected. Give at least one number.",
    )
    found = _family(name, inputs).rule(name, inputs)
    compared = []
    for quantity, figures in expected.items():
        if quantity not in found:
            raise InvalidInputError(
                f"{name}, expected: unknown quantity {quantity!r}{nearest(quantity, found)}. "
                f"The quantities are {', '.join(found)}."
            )
        printed = figures if isinstance(figures, list) else [figures]
        for value in printed:
            require(
                is_number(value),
                f"{name}, {quantity}: {value!r} is not a number. Give a finite number.",
            )
        require(
            len(printed) == len(found[quantity]),
            f"{name}, {quantity}: {len(printed)} numbers, where the inputs give "
            f"{len(found[quantity])}. Give as many.",
        )
        compared += [
            Comparison(name, quantity, value, figure, _tolerance(value))
            for value, figure in zip(printed, found[quantity], strict=True)
        ]
    return compared


def _family(name: str, inputs: Mapping[str, Any]) -> _Family:
    for family in _FAMILIES:
        if all(any(key.endswith(end) for key in inputs) for end in family.telling):
            return family
    shapes = "; ".join(
        f"{family.name}: {', '.join('*' + end if end[0] == '_' else end for end in family.telling)}"
        for family in _FAMILIES
    )
    raise InvalidInputError(
        f"{name}, inputs: {', '.join(inputs) or 'nothing'} are those of no known kind of example. "
        f"The kinds, with keys that tell them: {shapes}."
    )


def _tolerance(value: int | float) -> float:
    """Half a unit of the last printed digit, and the rounding of double precision."""
    half = 0.5 if isinstance(value, int) else printed_tolerance(value)
    return half + _ROUNDING * max(1.0, abs(value))
