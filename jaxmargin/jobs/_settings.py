"""The job file: which tables, which scenarios, which rulebook."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import pandas as pd

from jaxmargin.io import ADD_ONS, Problems, TableSource, nearest, read_toml
from jaxmargin.jobs._governance_keys import GOVERNANCE
from jaxmargin.jobs._keys import (
    ALLOCATION,
    BOOK,
    MARKET,
    RULEBOOKS,
    SAFEGUARDS,
    SYSTEMIC,
    TOP,
    VENUE_KINDS,
)
from jaxmargin.jobs._paths import ROOT_VARIABLE, outside
from jaxmargin.jobs._scenario_keys import SCENARIOS
from jaxmargin.jobs._sources import Snapshots, fix_sources, shown
from jaxmargin.jobs._types import END, REQUIRED, TIME, TYPES, Key

__all__ = ["OF_THE_RULEBOOK", "Job", "read_job"]

OF_THE_RULEBOOK = "of-the-rulebook"


@dataclass(frozen=True)
class Job:
    """A job file as read: every key present, times in UTC, paths resolved.

    Attributes:
        path: the job file.
        settings: the keys outside tables.
        market: files of the market tables, and their conventions.
        book: files of the book tables.
        scenarios: kind and settings of the scenario source; kind `OF_THE_RULEBOOK` where the
            rulebook has scenarios of its own.
        rulebook: kind and settings of the rulebook.
        allocation: files and settings of an allocation of collateral; None without the section.
        safeguards: which safeguards margins have; None without the section.
        add_ons: tables of charges on top of the rulebook's margin, each of a known kind.
        given: keys of [scenarios] that the file gives.
        systemic: what stress tests of the venue as a whole need; None without the section.
        governance: reviews of the model, for framework checks; None without the section.
        snapshots: files among these that stand for tables of databases.
    """

    path: Path
    settings: Mapping[str, Any]
    market: Mapping[str, Any]
    book: Mapping[str, Path]
    scenarios: Mapping[str, Any]
    rulebook: Mapping[str, Any]
    allocation: Mapping[str, Any] | None
    safeguards: Mapping[str, Any] | None
    add_ons: tuple[Mapping[str, Any], ...]
    given: tuple[str, ...]
    systemic: Mapping[str, Any] | None = None
    governance: Mapping[str, Any] | None = None
    snapshots: Snapshots = field(default_factory=Snapshots)

    def inputs(self) -> list[Path]:
        """Every file that a margin depends on, the job file first."""
        sections = (self.market, self.book, self.scenarios, self.rulebook)
        values = [v for s in sections for each in s.values() for v in _each(each)]
        values.append((self.safeguards or {}).get("file"))
        return [self.path] + [v for v in values if isinstance(v, Path)]

    def resolved(self) -> dict[str, Any]:
        """The settings in plain types, for the manifest.

        Paths are relative to the job file; tables of databases as it names them, less passwords.
        """
        return {
            **{key: self._plain(value) for key, value in self.settings.items()},
            **{
                name: {key: self._plain(v) for key, v in section.items()}
                for name, section in (
                    ("market", self.market),
                    ("book", self.book),
                    ("scenarios", self.scenarios),
                    ("rulebook", self.rulebook),
                    ("allocation", self.allocation),
                    ("safeguards", self.safeguards),
                    ("systemic", self.systemic),
                )
                if section is not None
            },
            **({"add_on": [dict(table) for table in self.add_ons]} if self.add_ons else {}),
        }

    def _plain(self, value: Any) -> Any:
        if isinstance(value, tuple):
            return [self._plain(item) for item in value]
        if isinstance(value, Path):
            inside = value.is_relative_to(self.path.parent)
            place = value.relative_to(self.path.parent) if inside else value
            return self.snapshots.labels.get(value, place.as_posix())
        return value.isoformat() if isinstance(value, pd.Timestamp) else value


def read_job(path: Path, problems: Problems, *, snapshots: Path | None = None) -> Job | None:
    """Read and check a job file; None if it cannot be used.

    Args:
        path: job file.
        problems: where problems go.
        snapshots: folder for tables of databases as they are now, or as they were if it has them;
            a temporary one unless given.
    """
    before = len(problems.found)
    content = read_toml(path, "job file", problems)
    if content is None:
        return None
    sections = {
        name: content.pop(name, None)
        for name in (
            "market",
            "book",
            "scenarios",
            "rulebook",
            "allocation",
            "safeguards",
            "governance",
            "systemic",
            "add_on",
        )
    }
    reader = _Reader(path, problems)
    settings = reader.read("", content, TOP, extra=tuple(sections))
    market = reader.section("market", sections["market"], MARKET)
    book = reader.section("book", sections["book"], BOOK)
    given = tuple(sections["scenarios"]) if isinstance(sections["scenarios"], dict) else ()
    rulebook = reader.section_by_kind("rulebook", sections["rulebook"], RULEBOOKS)
    if rulebook.get("kind") in VENUE_KINDS:
        scenarios: dict[str, Any] = {"kind": OF_THE_RULEBOOK}
        if sections["scenarios"] is not None:
            problems.add(
                f"{path.name}, [scenarios]",
                f"the rulebook {rulebook['kind']} has scenarios of its own",
                "Take the section out.",
            )
    else:
        scenarios = reader.section_by_kind("scenarios", sections["scenarios"], SCENARIOS)
    allocation = None
    if sections["allocation"] is not None:
        allocation = reader.section("allocation", sections["allocation"], ALLOCATION)
    safeguards = None
    if sections["safeguards"] is not None:
        safeguards = reader.section("safeguards", sections["safeguards"], SAFEGUARDS)
    systemic = None
    if sections["systemic"] is not None:
        systemic = reader.section("systemic", sections["systemic"], SYSTEMIC)
    governance = None
    if sections["governance"] is not None:
        governance = reader.section("governance", sections["governance"], GOVERNANCE)
    add_ons = reader.tables_by_kind("add_on", sections["add_on"] or [], ADD_ONS)
    if len(problems.found) > before:
        return None
    read = {
        "market": market, "book": book, "scenarios": scenarios, "allocation": allocation,
        "systemic": systemic,
    }  # fmt: skip
    fixed, files = fix_sources(read, snapshots, path.name, problems)
    if len(problems.found) > before:
        return None
    return Job(
        path, settings, rulebook=rulebook, safeguards=safeguards, add_ons=add_ons, given=given,
        governance=governance, snapshots=files, **fixed,
    )  # fmt: skip


class _Reader:
    """Checks keys and types of one job file."""

    def __init__(self, path: Path, problems: Problems) -> None:
        self.path, self.problems = path, problems

    def section(self, name: str, content: Any, keys: Mapping[str, Key]) -> dict[str, Any]:
        if not isinstance(content, dict):
            self.problems.add(
                self.path.name,
                f"section [{name}] is missing",
                f"Add it with the keys {', '.join(keys)}.",
            )
            return {}
        return self.read(name, content, keys)

    def section_by_kind(
        self, name: str, content: Any, kinds: Mapping[str, Mapping[str, Key]]
    ) -> dict[str, Any]:
        if not isinstance(content, dict) or "kind" not in content:
            self.problems.add(
                self.path.name,
                f"section [{name}] with its key kind is missing",
                f"Add it; kind is one of {', '.join(kinds)}.",
            )
            return {}
        kind = content["kind"]
        if not isinstance(kind, str) or kind not in kinds:
            self.problems.add(
                f"{self.path.name}, [{name}] kind",
                f"unknown kind {kind!r}{nearest(str(kind), kinds)}",
                f"Use one of {', '.join(kinds)}.",
            )
            return {}
        return self.read(name, content, kinds[kind])

    def tables_by_kind(
        self, name: str, content: Any, kinds: Mapping[str, Any]
    ) -> tuple[dict[str, Any], ...]:
        """Tables [[name]], each of another kind; their settings are checked where they are used."""
        where, seen = f"{self.path.name}, [[{name}]]", []
        if not (isinstance(content, list) and all(isinstance(table, dict) for table in content)):
            self.problems.add(where, "not a list of tables", f"Write [[{name}]] above each.")
            return ()
        for table in content:
            kind = table.get("kind")
            if str(kind) not in kinds:
                what = f"unknown kind {kind!r}{nearest(str(kind), kinds)}"
                self.problems.add(where, what, f"Use one of {', '.join(kinds)}.")
            elif kind in seen:
                self.problems.add(where, f"kind {kind!r} twice", "Put the settings into one.")
            seen.append(kind)
        return tuple(content)

    def read(
        self,
        name: str,
        content: dict[str, Any],
        keys: Mapping[str, Key],
        extra: tuple[str, ...] = (),
    ) -> dict[str, Any]:
        where = f"{self.path.name}, [{name}]" if name else self.path.name
        for key in content:
            if key not in keys:
                self.problems.add(
                    where,
                    f"unknown key {key!r}{nearest(key, (*keys, *extra))}",
                    f"The keys are {', '.join((*keys, *extra))}.",
                )
        values = {}
        for key, rule in keys.items():
            if key in content:
                values[key] = self.value(f"{where} {key}", content[key], rule)
            elif rule.default is REQUIRED:
                self.problems.add(where, f"key {key!r} is missing", f"Give {rule.type}.")
            else:
                values[key] = rule.default
        return values

    def value(self, where: str, value: Any, key: Key) -> Any:
        kind = key.type
        if kind in (TIME, END) and isinstance(value, datetime) and value.tzinfo is None:
            self.problems.add(
                where,
                f"a time without a zone ({value.isoformat()})",
                f"Write {value.isoformat()}Z for UTC.",
            )
            return None
        fits, convert = TYPES[kind]
        if fits(value):
            result = convert(value)
            if not key.rule(result):
                self.problems.add(where, f"got {value!r}", f"Give {key.cure}.")
            self.require_inside(where, result)
            return _below(self.path.parent, result)
        hint = ""
        if kind in (TIME, END):
            hint = " such as 2026-02-05T08:00:00Z, without quotes, from 1901 to 2199"
        self.problems.add(where, f"{shown(value)} is not {kind}", f"Give {kind}{hint}.")
        return None

    def require_inside(self, where: str, value: Any) -> None:
        """Note paths that a job file in its folder may not read."""
        for item in _each(value):
            if isinstance(item, Path) and (why := outside(self.path.parent, item)):
                cure = f"Copy the file there, or set {ROOT_VARIABLE} to a folder above it."
                self.problems.add(where, f"{item.as_posix()!r} {why}", cure)


def _each(value: Any) -> tuple[Any, ...]:
    return value if isinstance(value, tuple) else (value,)


def _below(folder: Path, value: Any) -> Any:
    """Paths and database files counted from `folder`; anything else as it is."""
    if isinstance(value, tuple):
        return tuple(_below(folder, item) for item in value)
    if isinstance(value, TableSource):
        return replace(value, folder=folder)
    return folder / value if isinstance(value, Path) else value
