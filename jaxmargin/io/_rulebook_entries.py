"""What numbers a field of a rule may hold, as its `entries` say."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["broken_rule"]

_Test = Callable[[NDArray[np.float64]], bool]
_RULES: dict[str, tuple[_Test, str]] = {
    "share": (
        lambda v: bool(np.all((v >= 0.0) & (v <= 1.0))),
        "Give numbers from 0 to 1; write 5 % as 0.05.",
    ),
    "inside (0, 1)": (
        lambda v: bool(np.all((v > 0.0) & (v < 1.0))),
        "Give numbers above 0 and below 1; write 1 % as 0.01.",
    ),
    "inside [0, 1)": (
        lambda v: bool(np.all((v >= 0.0) & (v < 1.0))),
        "Give numbers from 0 and below 1; write 15 % as 0.15.",
    ),
    "inside (0, 1]": (
        lambda v: bool(np.all((v > 0.0) & (v <= 1.0))),
        "Give numbers above 0 and up to 1; write 80 % as 0.8.",
    ),
    "from -1 to 1": (
        lambda v: bool(np.all(np.abs(v) <= 1.0)),
        "Give numbers from -1 to 1; write 5 % as 0.05.",
    ),
    "positive": (lambda v: bool(np.all(v > 0.0)), "Give numbers above 0."),
    "not negative": (lambda v: bool(np.all(v >= 0.0)), "Give numbers from 0."),
    "from 1": (lambda v: bool(np.all(v >= 1.0)), "Give numbers from 1; write 110 % as 1.1."),
    "above 1": (lambda v: bool(np.all(v > 1.0)), "Give numbers above 1."),
    "above -1": (
        lambda v: bool(np.all(v > -1.0)),
        "Give relative moves above -1; write a fall of 5 % as -0.05.",
    ),
    "edges": (
        lambda v: bool(v[0] == 0.0 and np.all(np.diff(v) > 0.0)),
        "Give lower edges of tiers, which start at 0 and rise.",
    ),
}


def broken_rule(entries: str, value: Any) -> str | None:
    """How to correct `value` if it breaks a rule; None if it does not.

    Args:
        entries: name of the rule, which a field has as `metadata={"entries": name}`.
        value: a number or lists of numbers.
    """
    holds, cure = _RULES[entries]
    return None if holds(np.asarray(value, np.float64)) else cure
