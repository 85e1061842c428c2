"""What rulebooks there are, with their settings, sources and what is known of each part."""

from typing import Any

from jaxmargin.errors import InvalidInputError
from jaxmargin.io import Problems, RulebookFile, nearest, read_rulebook_file, rulebook_library
from jaxmargin.jobs._keys import MEASURE_KINDS, VENUE_KINDS

__all__ = ["list_rulebooks", "show_rulebook"]

_MEASURES = {
    "expected-shortfall": "mean loss in the worst share of scenarios",
    "value-at-risk": "loss that is exceeded in a share of scenarios",
    "worst-case": "largest loss of all scenarios",
}
_LEFT_OUT = ("source", "date", "assumed")


def list_rulebooks() -> list[str]:
    """One line per rulebook: name, sets of settings with their dates."""
    lines = ["Risk measures, over the scenarios of the job:"]
    width = max(map(len, (*MEASURE_KINDS, *VENUE_KINDS)))
    lines += [f"  {kind:<{width}}  {_MEASURES[kind]}" for kind in MEASURE_KINDS]
    lines.append(
        "Rules with scenarios and settings of their own; sets of settings, and their dates:"
    )
    for kind, file in _read_library().items():
        if kind in VENUE_KINDS:
            sets = ", ".join(f"{each.name} ({each.date})" for each in file.sets.values())
            lines.append(f"  {kind:<{width}}  {sets}")
    others = [kind for kind in _read_library() if kind not in VENUE_KINDS]
    if others:
        lines.append(f"Of CRIF files, by jaxmargin simm: {', '.join(others)}.")
    lines.append("More of one: jaxmargin rulebooks NAME. Side by side: jaxmargin compare.")
    return lines


def show_rulebook(name: str) -> list[str]:
    """What is known of a rulebook's parts, and each set of settings with its source.

    Raises:
        InvalidInputError: there is no such rulebook.
    """
    files = _read_library()
    if name in MEASURE_KINDS:
        return [
            f"{name}: {_MEASURES[name]}. Settings are those of [rulebook] in the job file: level, "
            "horizon_days, maintenance_ratio."
        ]
    if name not in files:
        known = (*MEASURE_KINDS, *files)
        raise InvalidInputError(
            f"rulebook {name!r} is not known{nearest(name, known)}. Known are {', '.join(known)}."
        )
    file = files[name]
    lines = [f"{name} ({file.path.name})"] + [f"  {file.notice}"] * bool(file.notice)
    lines += [f"  {part}: {status}" for part, status in file.parts.items()]
    for each in file.sets.values():
        lines.append(f"[{each.name}] of {each.date}: {each.source}")
        if each.assumed:
            lines.append(f"  not stated by the source, assumed: {', '.join(each.assumed)}")
        for key, value in each.content.items():
            if key not in _LEFT_OUT:
                lines += _written(key, value)
    return lines


def _read_library() -> dict[str, RulebookFile]:
    problems = Problems()
    read = {kind: read_rulebook_file(path, problems) for kind, path in rulebook_library().items()}
    problems.raise_if_any()
    return {kind: file for kind, file in read.items() if file is not None}


def _written(key: str, value: Any) -> list[str]:
    """A setting as `key = value`, tables with dots."""
    if isinstance(value, dict):
        return [line for name, inner in value.items() for line in _written(f"{key}.{name}", inner)]
    shown = f"{len(value)} rows" if _is_long(value) else value
    return [f"  {key.removeprefix('parameters.')} = {shown}"]


def _is_long(value: Any) -> bool:
    return isinstance(value, list) and len(value) > 0 and isinstance(value[0], list)
