"""What a case of an oracle file expects, beside what the rulebook gives."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from jaxmargin.errors import InvalidInputError
from jaxmargin.io import is_number, nearest

__all__ = ["Comparison", "compare", "integers", "numbers", "printed_tolerance"]


@dataclass(frozen=True)
class Comparison:
    """One number of one case.

    Attributes:
        case: id of the case.
        quantity: what is compared, as the file names it.
        expected: number of the file.
        found: number of the rulebook, in the same units.
        tolerance: largest difference allowed for this number alone, where it is known less
            exactly than the file's tolerance says; None where that holds.
    """

    case: str
    quantity: str
    expected: int | float
    found: int | float
    tolerance: int | float | None = None

    @property
    def error(self) -> float:
        """Difference as a share of max(1, |expected|); infinite if it is not a finite number."""
        difference = abs(self.found - self.expected)
        return (
            float(difference / max(1, abs(self.expected)))
            if math.isfinite(difference)
            else math.inf
        )

    def passes(self, absolute: float | None, relative: float | None) -> bool:
        """Whether the difference is within the tolerances of the file, or of this number."""
        share = (relative or 0) * max(1, abs(self.expected))
        allowed = max(self.tolerance or 0, absolute or 0, share)
        return bool(abs(self.found - self.expected) <= allowed)


def compare(
    case: Mapping[str, Any],
    found: Mapping[str, int | float],
    *,
    tolerance: int | float | None = None,
) -> list[Comparison]:
    """Every expected number of a case beside the one found.

    Raises:
        InvalidInputError: if nothing is expected, or a number that the rulebook does not give.
    """
    name, expected = case["id"], case["expected"]
    if not (isinstance(expected, Mapping) and expected):
        raise InvalidInputError(f"{name}: nothing is expected. Give at least one number.")
    for quantity in expected:
        if quantity not in found:
            raise InvalidInputError(
                f"{name}, expected: unknown quantity {quantity!r}{nearest(quantity, found)}. "
                f"The quantities are {', '.join(found)}."
            )
    values = numbers(case, "expected", *expected)
    return [
        Comparison(name, quantity, value, found[quantity], tolerance)
        for quantity, value in zip(expected, values, strict=True)
    ]


def numbers(case: Mapping[str, Any], table: str | None, *keys: str) -> list[int | float]:
    """Values of `keys` of a case, or of a table in it; integers stay integers.

    Raises:
        InvalidInputError: if one is missing, or is not a finite number.
    """
    content = case if table is None else case[table]
    values = [content[key] for key in keys]
    for key, value in zip(keys, values, strict=True):
        if not is_number(value):
            raise InvalidInputError(
                f"{case['id']}, {key}: {value!r} is not a number. Give a finite number."
            )
    return values


def integers(case: Mapping[str, Any], *keys: str) -> list[int]:
    """Values of `keys` of a case.

    Raises:
        InvalidInputError: if one is missing, or is not an integer.
    """
    values = [case[key] for key in keys]
    for key, value in zip(keys, values, strict=True):
        if not isinstance(value, int) or isinstance(value, bool):
            raise InvalidInputError(
                f"{case['id']}, {key}: {value!r} is not an integer. Give an integer."
            )
    return values


def printed_tolerance(value: float) -> float:
    """Half a unit of the last digit that a number is printed with."""
    text = repr(value)
    return 0.5 * (math.ulp(value) if "e" in text else 10.0 ** -len(text.partition(".")[2]))
