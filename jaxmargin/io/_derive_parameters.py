"""Settings and scenarios of Derive's margin rules, from tables of a set."""

from dataclasses import fields
from typing import Any

import equinox as eqx
import jax.numpy as jnp

from jaxmargin.io._problems import Problems
from jaxmargin.io._toml import is_number
from jaxmargin.margin.derive import (
    DeriveScenarios,
    Pmrm1Parameters,
    Pmrm2Parameters,
    ScenarioMode,
    StandardParameters,
)

__all__ = ["build_derive_parameters", "build_derive_scenarios"]

_RULEBOOKS: dict[str, type[Pmrm1Parameters] | type[Pmrm2Parameters] | type[StandardParameters]] = {
    "derive-pmrm1": Pmrm1Parameters,
    "derive-pmrm2": Pmrm2Parameters,
    "derive-standard": StandardParameters,
}
_SKEWS = (ScenarioMode.LINEAR, ScenarioMode.ABSOLUTE)


def build_derive_parameters(
    rulebook: str, content: Any, where: str, problems: Problems
) -> Pmrm1Parameters | Pmrm2Parameters | StandardParameters | None:
    """Settings of a rulebook from nested tables named as its fields; None if a number is missing.

    Args:
        rulebook: derive-pmrm1, derive-pmrm2 or derive-standard.
        content: the tables.
        where: what to call them in problems.
        problems: where problems go.
    """
    return _build(_RULEBOOKS[rulebook], content, where, problems)


def build_derive_scenarios(
    rows: Any, where: str, problems: Problems, *, skewed: bool
) -> DeriveScenarios | None:
    """Scenarios from rows of spot multiplier, mode and damping; None if a row cannot be used.

    Args:
        rows: lists such as `[1.18, "up", 1.0]`; the last number may be left out and is then 1.
        where: what to call them in problems.
        problems: where problems go.
        skewed: whether the rule knows the modes linear and absolute.
    """
    known = {mode.name.lower(): mode for mode in ScenarioMode if skewed or mode not in _SKEWS}
    if not (isinstance(rows, list) and rows):
        problems.add(where, "not a list of scenarios", 'Write [[1.18, "up", 1.0], ...].')
        return None
    before, read = len(problems.found), []
    for number, row in enumerate(rows, 1):
        place, cure = f"{where}, row {number}", 'Write as [1.18, "up", 1.0].'
        if not isinstance(row, list) or len(row) not in (2, 3):
            problems.add(place, f"got {row!r}", cure)
            continue
        multiplier, mode, damping = (*row, 1.0)[:3]
        if not (is_number(multiplier) and multiplier >= 0.0):
            problems.add(place, f"spot multiplier {multiplier!r} is no number from 0 on", cure)
        elif not (is_number(damping) and damping >= 0.0):
            problems.add(place, f"damping {damping!r} is no number from 0 on", cure)
        elif not isinstance(mode, str) or mode not in known:
            problems.add(place, f"unknown mode {mode!r}", f"The modes are {', '.join(known)}.")
        elif known[mode] in _SKEWS and multiplier != 1.0:
            problems.add(
                place,
                f"spot multiplier {multiplier!r} in mode {mode}",
                "The rule has skew scenarios at the spot of today alone; write 1.0.",
            )
        else:
            read.append((float(multiplier), int(known[mode]), float(damping)))
    if len(problems.found) > before:
        return None
    multipliers, modes, dampings = zip(*read, strict=True)
    return DeriveScenarios(jnp.asarray(multipliers), jnp.asarray(modes), jnp.asarray(dampings))


def _build(kind: Any, content: Any, where: str, problems: Problems) -> Any:
    """An `eqx.Module` of numbers and of others like it, from a table of the same names."""
    if not isinstance(content, dict):
        problems.add(where, "no such table", f"Write it, with {_names(kind)}.")
        return None
    problems.add_unknown_keys(where, content, (field.name for field in fields(kind)))
    before, values = len(problems.found), {}
    for field in fields(kind):
        value, place = content.get(field.name), f"{where}.{field.name}"
        if isinstance(field.type, type) and issubclass(field.type, eqx.Module):
            values[field.name] = _build(field.type, value, place, problems)
        elif not is_number(value):
            problems.add(place, f"got {value!r}", "Give a number; write 5 % as 0.05.")
        else:
            values[field.name] = float(content[field.name])
    return kind(**values) if len(problems.found) == before else None


def _names(kind: Any) -> str:
    return ", ".join(field.name for field in fields(kind))
