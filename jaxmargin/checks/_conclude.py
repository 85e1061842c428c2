"""From inputs and limits to the result of a check; whatever is doubtful does not pass."""

import hashlib
import json
import math
from collections.abc import Callable, Mapping, Sequence
from datetime import date
from typing import Any

import numpy as np

from jaxmargin.checks._result import CheckResult, CheckStatus, Citation, Comparison, Number, Rule
from jaxmargin.errors import InvalidInputError, require

__all__ = ["TITLES", "conclude", "hash_inputs", "least_p_values", "too_few", "worst"]

TITLES = {
    "R01": "Confidence level",
    "R02": "Horizon",
    "R03": "Lookback and stress",
    "R04": "Tool against procyclicality",
    "R05": "Cap on offsets",
    "R06": "Coverage",
    "R07": "Zone of the backtest",
    "R08": "Clustering of breaches",
    "R09": "Expected shortfall backtest",
    "R10": "P&L attribution",
    "R11": "Age of the sensitivity run",
    "R12": "Haircut coverage",
    "R13": "Concentration of collateral",
    "R14": "Wrong-way risk",
    "R15": "Intraday margin",
    "R16": "Defaults covered",
    "R17": "Step change",
    "R18": "Prices",
    "R19": "Leverage by client class",
    "R20": "Log of overrides",
    "R21": "Age of parameters, validation",
}


def conclude(
    check: str,
    citation: Citation,
    inputs: Mapping[str, Any],
    limits: Mapping[str, Any],
    compare: Callable[[], tuple[Sequence[Comparison], str]],
) -> CheckResult:
    """The result of a check.

    Not evaluated if an input is None, or if `compare` finds nothing to compare; a failure if one
    holds a number that is not finite, or if the inputs make no sense together.

    Args:
        check: its id.
        citation: where its limits come from.
        inputs: by name, only those that the limits given need.
        limits: by name; those that are None are not compared with.
        compare: the comparisons, and a note on them; called only with usable inputs.

    Raises:
        InvalidInputError: there is no limit.
    """
    require(
        any(limit is not None for limit in limits.values()),
        f"{check} has no limit; give some of {', '.join(limits)}.",
    )
    said = hash_inputs({"check": check, "inputs": inputs, "limits": limits})

    missing = tuple(name for name, value in inputs.items() if value is None)

    def result(status: CheckStatus, reason: str, found: Sequence[Comparison] = ()) -> CheckResult:
        first = next((c for c in found if not c.holds()), found[0] if found else None)
        value, limit = (None, None) if first is None else (float(first.value), float(first.limit))
        return CheckResult(
            check,
            TITLES[check],
            value,
            limit,
            status,
            reason,
            citation,
            said,
            tuple(found),
            missing,
        )

    if missing:
        return result(CheckStatus.NOT_EVALUATED, f"not given: {', '.join(missing)}")
    bad = [place for name, value in inputs.items() for place in _not_finite(value, name)]
    if bad:
        more = f" and {len(bad) - 1} more" if len(bad) > 1 else ""
        return result(CheckStatus.FAIL, f"not a finite number: {bad[0]}{more}")
    try:
        found, note = compare()
    except InvalidInputError as error:
        return result(CheckStatus.FAIL, f"inputs cannot be used: {error}")
    if not found:
        return result(CheckStatus.NOT_EVALUATED, note or "nothing to compare")
    outside = [f"{c.name} is not {c.rule.value} {c.limit:.6g}" for c in found if not c.holds()]
    status = CheckStatus.FAIL if outside else CheckStatus.PASS
    return result(status, "; ".join([*outside, *([note] if note else [])]), found)


def worst(values: Mapping[str, Number], rule: Rule) -> tuple[str, float]:
    """Name and value nearest to breaking a limit of that kind."""
    least = rule in (Rule.AT_LEAST, Rule.ABOVE)
    name = (min if least else max)(values, key=lambda key: values[key])
    return name, float(values[name])


def too_few(what: str, found: int | None, least: int | None) -> str:
    """Why a backtest says too little; empty if it is long enough or any length will do."""
    if found is None or least is None or found >= least:
        return ""
    return f"{found:,} {what}, and fewer than {least:,} say too little"


def least_p_values(values: Mapping[str, Number], least: Number) -> tuple[list[Comparison], str]:
    """The least p-value beside the limit, which several share (Bonferroni)."""
    if not values:
        return [], "no p-value"
    name, value = worst(values, Rule.AT_LEAST)
    limit = float(least) / len(values)
    return [Comparison("p-value", value, limit, Rule.AT_LEAST)], f"least: {name}"


def hash_inputs(content: Any) -> str:
    """SHA-256 of canonical bytes: keys sorted, numbers as hexadecimal doubles, arrays by shape."""
    text = json.dumps(_canonical(content), sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def _canonical(value: Any) -> Any:
    if value is None or isinstance(value, str | bool | np.bool_):
        return bool(value) if isinstance(value, np.bool_) else value
    if isinstance(value, int | float | np.number):
        return float(value).hex()
    if isinstance(value, date):
        return {"date": value.isoformat()}
    if isinstance(value, np.ndarray):
        numbers = np.ascontiguousarray(value, "<f8").tobytes()
        return {"shape": list(value.shape), "sha256": hashlib.sha256(numbers).hexdigest()}
    if isinstance(value, Mapping):
        return {str(key): _canonical(item) for key, item in value.items()}
    return [_canonical(item) for item in value]


def _not_finite(value: Any, name: str) -> list[str]:
    """Places in a value that hold a number that is not finite."""
    if isinstance(value, str | date | bool | np.bool_) or value is None:
        return []
    if isinstance(value, int | float | np.number):
        return [] if math.isfinite(value) else [name]
    if isinstance(value, np.ndarray):
        return [f"{name}{row.tolist()}" for row in np.argwhere(~np.isfinite(value))]
    pairs = value.items() if isinstance(value, Mapping) else enumerate(value)
    return [place for key, item in pairs for place in _not_finite(item, f"{name}[{key}]")]
