"""Reads the inputs of venues' worked examples, and refuses what a rule would ignore."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from jaxmargin.errors import require
from jaxmargin.io import Problems, is_number, nearest, read_rulebook_file, rulebook_library

__all__ = [
    "number",
    "numbers_of",
    "only",
    "pairs",
    "require_within",
    "rulebook_parameters",
    "upper_tiers",
]


def rulebook_parameters(rulebook: str) -> dict[str, float]:
    """Settings shared by all coins in the first set of the package's own file of a rulebook."""
    problems = Problems()
    read = read_rulebook_file(rulebook_library()[rulebook], problems)
    problems.raise_if_any()
    assert read is not None  # or there are problems
    return next(iter(read.sets.values())).content["parameters"]


def only(case: str, inputs: Mapping[str, Any], known: set[str]) -> None:
    """Refuse inputs that the rule would ignore."""
    unknown = sorted(set(inputs) - known)
    require(
        not unknown,
        f"{case}, inputs: the rule does not know "
        f"{', '.join(f'{key!r}{nearest(key, known)}' for key in unknown)}. Its inputs are "
        f"{', '.join(sorted(known))}.",
    )


def number(case: str, inputs: Mapping[str, Any], key: str, *, least: float | None = None) -> float:
    """A finite number, not below `least`."""
    value = inputs[key]
    require(is_number(value), f"{case}, {key}: {value!r} is not a number. Give a finite number.")
    require(
        least is None or value >= least,
        f"{case}, {key}: got {value!r}. Give a number that is not below {least}.",
    )
    return float(value)


def numbers_of(case: str, inputs: Mapping[str, Any], key: str) -> list[float]:
    """A list of numbers, or one number as a list."""
    values = inputs[key] if isinstance(inputs[key], list) else [inputs[key]]
    require(
        bool(values) and all(is_number(value) for value in values),
        f"{case}, {key}: got {inputs[key]!r}. Give finite numbers.",
    )
    return [float(value) for value in values]


def pairs(case: str, inputs: Mapping[str, Any], key: str) -> list[list[float]]:
    """Pairs of numbers; the first of the last pair may be null, for a tier without end."""
    rows = inputs[key]
    lists = isinstance(rows, list) and rows and all(isinstance(row, list) for row in rows)
    require(
        bool(lists) and all(len(row) == 2 for row in rows),
        f"{case}, {key}: got {rows!r}. Write pairs, as [[10, 0.98], [20, 0.95]].",
    )
    read = [list(row) for row in rows]
    if key != "tiers" and read[-1][0] is None:
        read[-1][0] = float("inf")
    finite = [*read[:-1], [0.0, read[-1][1]]] if read[-1][0] == float("inf") else read
    require(
        all(is_number(value) for row in finite for value in row),
        f"{case}, {key}: got {rows!r}. Give finite numbers, and null at most for the last edge.",
    )
    return [[float(edge), float(value)] for edge, value in read]


def upper_tiers(case: str, inputs: Mapping[str, Any], key: str) -> tuple[Any, Any]:
    """Upper edges and values of tiers."""
    import jax.numpy as jnp

    upper, value = np.array(pairs(case, inputs, key)).T
    require(
        upper[0] > 0.0 and bool(np.all(np.diff(upper) > 0.0)),
        f"{case}, {key}: upper edges {upper.tolist()}. They must rise, from above 0.",
    )
    return jnp.asarray(upper), jnp.asarray(value)


def require_within(case: str, key: str, amount: float, upper: Any) -> None:
    """Refuse an amount beyond the last tier: what holds there is not known."""
    edge = float(upper[-1])
    require(
        amount <= edge,
        f"{case}, {key}: {amount:g} lies beyond the last tier, which ends at {edge:g}. Give the "
        "tiers above it.",
    )
