"""Settings of Derive's margin rules from TOML files, each set with its source and date."""

from dataclasses import dataclass, fields
from datetime import date
from pathlib import Path
from typing import Any

import equinox as eqx
import jax.numpy as jnp

from jaxmargin.io._problems import Problems, nearest
from jaxmargin.io._toml import is_number, read_toml
from jaxmargin.margin.derive import (
    DeriveScenarios,
    Pmrm1Parameters,
    Pmrm2Parameters,
    ScenarioMode,
    StandardParameters,
)

__all__ = [
    "DeriveSettings",
    "build_derive_parameters",
    "build_derive_scenarios",
    "derive_library",
    "read_derive_parameters",
]

_PACKAGE = Path(__file__).resolve().parents[1]
_RULEBOOKS: dict[str, type[Pmrm1Parameters] | type[Pmrm2Parameters] | type[StandardParameters]] = {
    "derive-pmrm1": Pmrm1Parameters,
    "derive-pmrm2": Pmrm2Parameters,
    "derive-standard": StandardParameters,
}
_SKEWS = (ScenarioMode.LINEAR, ScenarioMode.ABSOLUTE)
_TOP = ("source", "date", "assumed", "parameters", "scenarios")


@dataclass(frozen=True)
class DeriveSettings:
    """One set of settings as read and checked.

    Attributes:
        rulebook: derive-pmrm1, derive-pmrm2 or derive-standard.
        name: name of the set.
        source: where the figures come from.
        date: day of the source.
        assumed: settings that the source does not state, such as "discounts.long_base".
        parameters: the settings; every one a scalar.
        scenarios: the scenarios; None for the Standard manager, which has none.
    """

    rulebook: str
    name: str
    source: str
    date: date
    assumed: tuple[str, ...]
    parameters: Pmrm1Parameters | Pmrm2Parameters | StandardParameters
    scenarios: DeriveScenarios | None


def derive_library() -> dict[str, Path]:
    """The files of settings that come with the package, by rulebook."""
    installed = _PACKAGE / "_scenarios" / "rulebooks"
    folder = installed if installed.is_dir() else _PACKAGE.parent / "scenarios" / "rulebooks"
    return {path.stem: path for path in sorted(folder.glob("derive-*.toml"))}


def read_derive_parameters(path: Path, name: str, problems: Problems) -> DeriveSettings | None:
    """Read and check one set of a file of settings; None if it cannot be used.

    Args:
        path: the file.
        name: name of the set, such as "mainnet".
        problems: where problems go.
    """
    content = read_toml(path, "file of settings", problems)
    if content is None:
        return None
    before = len(problems.found)
    rulebook = content.pop("rulebook", None)
    if not isinstance(rulebook, str) or rulebook not in _RULEBOOKS:
        problems.add(
            f"{path.name}, rulebook", f"got {rulebook!r}", f"Give one of {', '.join(_RULEBOOKS)}."
        )
        return None
    if not isinstance(content.get(name), dict):
        problems.add(
            path.name, f"no set {name!r}{nearest(name, content)}", f"It has {', '.join(content)}."
        )
        return None
    chosen, where = content[name], f"{path.name}, [{name}]"
    _refuse_unknown(where, chosen, _TOP, problems)
    source, day, assumed = chosen.get("source"), chosen.get("date"), chosen.get("assumed", [])
    if not (isinstance(source, str) and source):
        problems.add(f"{where}, source", f"got {source!r}", "Say where the figures come from.")
    if not isinstance(day, date):
        problems.add(f"{where}, date", f"got {day!r}", "Give the day of the source: 2026-01-21.")
    if not (isinstance(assumed, list) and all(isinstance(item, str) for item in assumed)):
        problems.add(f"{where}, assumed", f"got {assumed!r}", 'Give names, as ["peg.factor"].')
    parameters = build_derive_parameters(
        rulebook, chosen.get("parameters"), f"{where}, parameters", problems
    )
    scenarios, place = None, f"{where}, scenarios"
    if rulebook != "derive-standard":
        rows = chosen.get("scenarios")
        skewed = rulebook == "derive-pmrm2"
        scenarios = build_derive_scenarios(rows, place, problems, skewed=skewed)
    elif "scenarios" in chosen:
        problems.add(place, "the Standard manager has no scenarios", "Remove the key.")
    if len(problems.found) > before or parameters is None or not isinstance(day, date):
        return None
    return DeriveSettings(rulebook, name, str(source), day, tuple(assumed), parameters, scenarios)


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
    _refuse_unknown(where, content, tuple(field.name for field in fields(kind)), problems)
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


def _refuse_unknown(
    where: str, content: dict[str, Any], known: tuple[str, ...], problems: Problems
) -> None:
    for key in content:
        if key not in known:
            problems.add(
                where, f"unknown key {key!r}{nearest(key, known)}", f"The keys are {known}."
            )


def _names(kind: Any) -> str:
    return ", ".join(field.name for field in fields(kind))
