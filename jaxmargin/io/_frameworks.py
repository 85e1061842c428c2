"""Frameworks from TOML files: checks with limits, each with article, source and date."""

from collections.abc import Mapping
from datetime import date, datetime
from pathlib import Path
from typing import Any, get_type_hints

from jaxmargin.checks import (
    CHECKS,
    Basis,
    Citation,
    Framework,
    FrameworkCheck,
    input_names,
    limit_names,
    required_limits,
)
from jaxmargin.errors import InvalidInputError
from jaxmargin.io._plain_settings import refuse_unknown, settings_table
from jaxmargin.io._problems import Problems, nearest
from jaxmargin.io._shipped import shipped_files
from jaxmargin.io._toml import is_count, is_number, read_toml

__all__ = ["framework_library", "read_framework"]

_TOP = ("title", "framework", "check")
_TEXTS = ("article", "source")
_MARKS = ("recalled", "assumed")
_ENTRY = ("id", "products", *_TEXTS, "date", *_MARKS, "limits")


def framework_library() -> dict[str, Path]:
    """The frameworks that come with the package, by name."""
    return shipped_files("frameworks")


def read_framework(path: Path, problems: Problems) -> Framework | None:
    """Read and check a framework; None if it cannot be used.

    Args:
        path: the file.
        problems: where problems go.
    """
    content = read_toml(path, "framework", problems)
    if content is None:
        return None
    before, where = len(problems.found), path.name
    refuse_unknown(where, content, _TOP, problems)
    for name in ("title", "framework"):
        _require_text(content, name, where, problems)
    rows = content.get("check")
    if not (isinstance(rows, list) and rows and all(isinstance(row, dict) for row in rows)):
        problems.add(f"{where}, [[check]]", "there is no check", "Write [[check]] above each.")
        return None
    checks = [
        _check(row, str(content.get("framework")), f"{where}, check {number}", problems)
        for number, row in enumerate(rows, start=1)
    ]
    if len(problems.found) > before:
        return None
    return Framework(path.stem, content["title"], tuple(each for each in checks if each))


def _check(
    row: dict[str, Any], framework: str, where: str, problems: Problems
) -> FrameworkCheck | None:
    """One entry, or None with problems."""
    before, check = len(problems.found), row.get("id")
    refuse_unknown(where, row, _ENTRY, problems)
    for name in _TEXTS:
        _require_text(row, name, where, problems)
    if "products" in row:
        _require_text(row, "products", where, problems)
    day = row.get("date")
    if not isinstance(day, date) or isinstance(day, datetime):
        problems.add(f"{where}, date", f"got {day!r}", "Give the day of the text: 2024-03-07.")
    marks = [name for name in _MARKS if row.get(name, False)]
    if any(not isinstance(row.get(name, False), bool) for name in _MARKS) or len(marks) > 1:
        problems.add(where, f"{' and '.join(_MARKS)} cannot be used", "Make one of them true.")
    if not isinstance(check, str) or check not in CHECKS:
        problems.add(
            f"{where}, id",
            f"no check {check!r}{nearest(str(check), CHECKS)}",
            f"There are {', '.join(CHECKS)}.",
        )
        return None
    limits = _limits(check, row.get("limits"), f"{where} ({check}), limits", problems)
    if len(problems.found) > before:
        return None
    assert isinstance(day, date)
    basis = Basis(marks[0]) if marks else Basis.READ
    citation = Citation(framework, row["article"], row["source"], day, basis)
    try:
        CHECKS[check](*[None] * len(input_names(check)), **limits, citation=citation)
    except InvalidInputError as error:
        problems.add(f"{where} ({check})", str(error).rstrip("."), "Correct the limits.")
        return None
    return FrameworkCheck(check, limits, citation, row.get("products", ""))


def _limits(check: str, table: Any, where: str, problems: Problems) -> dict[str, Any]:
    content, known = settings_table(table, where, problems), limit_names(check)
    refuse_unknown(where, content, known, problems)
    lacking = [name for name in required_limits(check) if name not in content]
    if lacking:
        problems.add(where, f"lacks {', '.join(lacking)}", "Give it.")
    hints = get_type_hints(CHECKS[check])
    for name in known:
        if name in content and (asked := _asked(hints[name], content[name])):
            problems.add(f"{where}, {name}", f"got {content[name]!r}", f"Give {asked}.")
    return content


def _asked(hint: Any, value: Any) -> str | None:
    """What to give instead of a value that is not of the kind of a limit; None if it is."""
    text = str(hint)
    if "Mapping" in text:
        fits = isinstance(value, Mapping) and value and all(map(is_number, value.values()))
        return None if fits else "a table of numbers"
    if "Sequence" in text:
        fits = isinstance(value, list) and value and all(isinstance(each, str) for each in value)
        return None if fits else "a list of texts"
    if "str" in text:
        return None if isinstance(value, str) and value else "a text"
    if "float" in text:
        return None if is_number(value) else "a number"
    return None if is_count(value) else "a whole number"


def _require_text(table: Mapping[str, Any], name: str, where: str, problems: Problems) -> None:
    value = table.get(name)
    if not (isinstance(value, str) and value):
        problems.add(f"{where}, {name}", f"got {value!r}", "Give a text.")
