"""Builds objects of plain numbers from tables named as their fields."""

from collections.abc import Iterable
from dataclasses import MISSING, fields
from typing import Any, TypeVar, get_args

from jaxmargin.errors import InvalidInputError
from jaxmargin.io._problems import Problems, nearest
from jaxmargin.io._toml import is_count, is_number

__all__ = ["build_settings", "refuse_unknown", "settings_table"]

_Kind = TypeVar("_Kind")


def settings_table(table: Any, where: str, problems: Problems) -> dict[str, Any]:
    """The table, or an empty one with a problem noted."""
    if isinstance(table, dict):
        return table
    problems.add(where, f"got {table!r}", "Give a table.")
    return {}


def build_settings(kind: type[_Kind], table: Any, where: str, problems: Problems) -> _Kind | None:
    """An object of plain numbers from a table named as its fields."""
    content, values = settings_table(table, where, problems), {}
    known = {field.name: field for field in fields(kind)}  # type: ignore[arg-type]
    refuse_unknown(where, content, known, problems)
    before = len(problems.found)
    for name, field in known.items():
        if name in content:
            values[name] = _plain(content[name], field.type, f"{where}, {name}", problems)
        elif field.default is MISSING:
            problems.add(where, f"lacks {name}", "Give it.")
    if len(problems.found) > before:
        return None
    try:
        return kind(**values)
    except InvalidInputError as error:
        problems.add(where, str(error).rstrip("."), "Correct the file.")
        return None


def _plain(value: Any, kind: Any, where: str, problems: Problems) -> Any:
    """A number, or a tuple of numbers, of the type of a field."""
    parts = get_args(kind)
    if parts:
        if isinstance(value, list) and len(value) == len(parts):
            pairs = zip(value, parts, strict=True)
            return tuple(_plain(item, part, where, problems) for item, part in pairs)
        problems.add(where, f"got {value!r}", f"Give a list of {len(parts)} numbers.")
    elif kind is int and is_count(value):
        return value
    elif kind is float and is_number(value):
        return float(value)
    else:
        problems.add(where, f"got {value!r}", f"Give {'a whole' if kind is int else 'a'} number.")
    return None


def refuse_unknown(where: str, content: Any, known: Iterable[str], problems: Problems) -> None:
    """Note keys that are not known, each with the nearest known one."""
    known = list(known)
    for name in content:
        if name not in known:
            cure = f"It may have {', '.join(known)}."
            problems.add(where, f"no key {name!r}{nearest(name, known)}", cure)
