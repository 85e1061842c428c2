"""Settings of margin rules from TOML: named sets, each with source, date and what is assumed."""

from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from jaxmargin.io._problems import Problems, nearest
from jaxmargin.io._shipped import shipped_files
from jaxmargin.io._toml import read_toml

__all__ = [
    "RulebookFile",
    "RulebookSettings",
    "read_rulebook_file",
    "rulebook_library",
    "settings_of",
]


@dataclass(frozen=True)
class RulebookSettings:
    """One set of settings of a rulebook, as read.

    Attributes:
        file: name of the file.
        name: name of the set.
        source: where the figures come from.
        date: day of the source.
        assumed: settings that the source does not state.
        content: tables of the set: parameters, assets, scenarios.
    """

    file: str
    name: str
    source: str
    date: date
    assumed: tuple[str, ...]
    content: dict[str, Any]


@dataclass(frozen=True)
class RulebookFile:
    """A file of settings.

    Attributes:
        path: the file.
        rulebook: name of the rulebook.
        parts: for each part of the rule, how far it is known: verified, sourced, not established.
        notice: what a user must know first, such as a licence; empty for nothing.
        sets: the sets by name.
    """

    path: Path
    rulebook: str
    parts: dict[str, str]
    notice: str
    sets: dict[str, RulebookSettings]


def rulebook_library() -> dict[str, Path]:
    """The files of settings that come with the package, by rulebook."""
    return shipped_files("rulebooks")


def read_rulebook_file(path: Path, problems: Problems) -> RulebookFile | None:
    """Read a file of settings; None if it cannot be used. Numbers are checked when a rule is built.

    Args:
        path: the file.
        problems: where problems go.
    """
    content = read_toml(path, "file of settings", problems)
    if content is None:
        return None
    before = len(problems.found)
    rulebook, parts = content.pop("rulebook", None), content.pop("parts", {})
    notice = content.pop("notice", "")
    if not isinstance(rulebook, str):
        problems.add(f"{path.name}, rulebook", f"got {rulebook!r}", "Name the rulebook.")
    if not _are_texts(parts):
        problems.add(f"{path.name}, [parts]", "not a table of texts", 'Write scan = "sourced".')
    sets = {name: _read_set(path, name, each, problems) for name, each in content.items()}
    if not sets:
        problems.add(path.name, "there is no set", "Add one, such as [mainnet].")
    if len(problems.found) > before:
        return None
    return RulebookFile(
        path, str(rulebook), parts, str(notice), {n: s for n, s in sets.items() if s}
    )


def _read_set(path: Path, name: str, content: Any, problems: Problems) -> RulebookSettings | None:
    where = f"{path.name}, [{name}]"
    if not isinstance(content, dict):
        problems.add(f"{path.name}, {name}", "not a table", f"Write a set as [{name}].")
        return None
    source, day, assumed = content.get("source"), content.get("date"), content.get("assumed", [])
    if not (isinstance(source, str) and source):
        problems.add(f"{where}, source", f"got {source!r}", "Say where the figures come from.")
    if not isinstance(day, date):
        problems.add(f"{where}, date", f"got {day!r}", "Give the day of the source: 2026-01-21.")
        day = date.min
    if not (isinstance(assumed, list) and all(isinstance(item, str) for item in assumed)):
        problems.add(f"{where}, assumed", f"got {assumed!r}", 'Give names, as ["peg.factor"].')
        assumed = []
    return RulebookSettings(path.name, name, str(source), day, tuple(assumed), content)


def settings_of(
    file: RulebookFile, name: str | None, problems: Problems
) -> RulebookSettings | None:
    """The set of that name, the first where none is named; None if there is no such set."""
    if name is None:
        return next(iter(file.sets.values()))
    if name not in file.sets:
        problems.add(
            file.path.name,
            f"no set {name!r}{nearest(name, file.sets)}",
            f"It has {', '.join(file.sets)}.",
        )
    return file.sets.get(name)


def _are_texts(content: Any) -> bool:
    return isinstance(content, dict) and all(isinstance(text, str) for text in content.values())
