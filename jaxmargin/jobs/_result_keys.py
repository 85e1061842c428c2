"""Keys of the JSON files of results: which there must be, and of which type each is."""

import math
from collections.abc import Mapping
from typing import Any

from jaxmargin.io import Problems

__all__ = ["COMMON", "COUNTS", "NUMBER", "POSITIVE", "TEXT", "TEXTS", "key_problems"]

TEXT, NUMBER, SHARE, POSITIVE, TABLE, TEXTS, COUNTS, FLAG, FILES = (
    "text",
    "a finite number",
    "a number between 0 and 1",
    "a whole number above 0",
    "an object",
    "a list of texts",
    "an object of whole numbers",
    "true or false",
    "a list of files with their SHA-256",
)


def _is_number(value: Any) -> bool:
    return _is_whole(value) or (isinstance(value, float) and math.isfinite(value))


def _is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and abs(value) < 2**63


def _is_file(value: Any) -> bool:
    return isinstance(value, dict) and all(
        isinstance(value.get(name), str) for name in ("file", "sha256")
    )


_FITS = {
    TEXT: lambda v: isinstance(v, str),
    NUMBER: _is_number,
    SHARE: lambda v: _is_number(v) and 0.0 < v < 1.0,
    POSITIVE: lambda v: _is_whole(v) and v > 0,
    TABLE: lambda v: isinstance(v, dict),
    TEXTS: lambda v: isinstance(v, list) and all(isinstance(each, str) for each in v),
    COUNTS: lambda v: isinstance(v, dict) and all(map(_is_whole, v.values())),
    FLAG: lambda v: isinstance(v, bool),
    FILES: lambda v: isinstance(v, list) and all(map(_is_file, v)),
}
COMMON = {
    "inputs": FILES,
    "settings": TABLE,
    "settings.numeraire": TEXT,
    "settings.rulebook": TABLE,
}
"""Of all that a job file is margined by."""
_MAY = {
    "title": TEXT,
    "created": TEXT,
    "currency": TEXT,
    "identity": TEXT,
    "warnings": TEXTS,
    "notes": TEXTS,
    "counts": COUNTS,
    "scenarios": TABLE,
    "device": TABLE,
    "versions": TABLE,
    "tables": FILES,
    "files": FILES,
    "whole": FILES,
    "settings.valuation_time": TEXT,
    "settings.precision": TEXT,
    "settings.rulebook.kind": TEXT,
    "settings.rulebook.level": SHARE,
    "update.call_at": NUMBER,
    "state": TEXT,
    "stale": FLAG,
    "since": TEXT,
    "problems": TEXTS,
}
"""Those that some files have, a `status.json` among them; null stands for none."""


def key_problems(
    facts: Mapping[str, Any], keys: Mapping[str, str], where: str, cure: str, problems: Problems
) -> None:
    """Note keys that are missing or of another type, and those that it may have of another.

    Args:
        facts: content of the file.
        keys: that it must have, with a dot below another, and their types.
        where: the file.
        cure: what to do about it.
        problems: where problems go.
    """
    missing = [key for key in keys if _value(facts, key) is None]
    if missing:
        problems.add(where, f"no {', '.join(missing)}", cure)
    for key, kind in (_MAY | dict(keys)).items():
        value = _value(facts, key)
        if value is not None and not _FITS[kind](value):
            problems.add(where, f"{key} is not {kind}", cure)


def _value(facts: Any, key: str) -> Any:
    """What stands at a key, below others where it has dots; None if nothing does."""
    for part in key.split("."):
        if not isinstance(facts, dict):
            return None
        facts = facts.get(part)
    return facts
