"""Oracle files: cases of a rulebook with the numbers that its own source publishes."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jaxmargin.errors import InvalidInputError, require
from jaxmargin.io._json import read_json
from jaxmargin.io._problems import Problems, nearest
from jaxmargin.io._toml import is_number

__all__ = ["OracleFile", "read_oracle"]

_SCHEMA = "jaxmargin-oracle/1"
_ABSOLUTE = ("absolute", "upstream_absolute")
_RELATIVE = ("relative", "upstream_relative")


@dataclass(frozen=True)
class OracleFile:
    """An oracle file as read and checked.

    Attributes:
        rulebook: name of the rulebook, without the remark in brackets that may follow it.
        document: everything the file says; its cases are those that are valid, each with an id.
        skipped: cases that the file itself calls invalid.
        absolute: largest difference allowed, in the units of the file; None if it names none.
        relative: largest difference allowed as a share of max(1, |expected|); None if it names
            none.
    """

    rulebook: str
    document: dict[str, Any]
    skipped: int
    absolute: float | None
    relative: float | None


class _Object(dict[str, Any]):
    """A JSON object that names file and case when a key is missing."""

    def __init__(self, content: dict[str, Any], where: str) -> None:
        super().__init__(content)
        self.where = where

    def __missing__(self, key: str) -> Any:
        near = nearest(key, self)
        raise InvalidInputError(f"{self.where}: key {key!r} is missing{near}. Give it.")


def read_oracle(path: Path) -> OracleFile:
    """Read and check a file of schema jaxmargin-oracle/1.

    A case without an id is called "case" and its number, counted from 1. Later, too, reading a
    key that an object of the document lacks raises `InvalidInputError`.

    Raises:
        InvalidInputError: if the file is not there, is not JSON, has another schema, or lacks a
            key.
    """
    document = _read(path)
    found = document.get("schema")
    require(
        found == _SCHEMA,
        f"{path.name}: schema is {found!r}. Give a file of schema {_SCHEMA!r}.",
    )
    problems = Problems()
    for key, kind, words in (
        ("rulebook", str, "the name of the rulebook"),
        ("tolerance", dict, "a table of tolerances"),
        ("cases", list, "a list of cases"),
    ):
        if key not in document:
            problems.add(path.name, f"key {key!r} is missing", f"Give {words}.")
        elif not isinstance(document[key], kind):
            problems.add(f"{path.name}, {key}", "wrong type", f"Give {words}.")
    problems.raise_if_any()
    cases = _cases(path.name, document["cases"], problems)
    absolute = _tolerance(path.name, document["tolerance"], _ABSOLUTE, problems)
    relative = _tolerance(path.name, document["tolerance"], _RELATIVE, problems)
    problems.raise_if_any()
    valid = [case for case in cases if case.get("valid", True)]
    return OracleFile(
        rulebook=document["rulebook"].split(" (")[0].strip(),
        document=_Object({**_named(document, path.name), "cases": valid}, path.name),
        skipped=len(cases) - len(valid),
        absolute=absolute,
        relative=relative,
    )


def _read(path: Path) -> dict[str, Any]:
    problems = Problems()
    document = read_json(path, "oracle file", problems)
    problems.raise_if_any()
    assert document is not None  # what cannot be read has problems
    return document


def _cases(file: str, listed: list[Any], problems: Problems) -> list[dict[str, Any]]:
    cases, seen = [], set()
    if not listed:
        problems.add(f"{file}, cases", "there is no case", "Give at least one.")
    for number, case in enumerate(listed, 1):
        if not isinstance(case, dict):
            problems.add(f"{file}, case {number}", "not an object", "Write it as {...}.")
            continue
        name = str(case.get("id", f"case {number}"))
        if name in seen:
            problems.add(f"{file}, case {number}", f"id {name!r} is taken", "Give another id.")
        if not isinstance(case.get("valid", True), bool):
            problems.add(f"{file}, {name}, valid", "not a boolean", "Give true or false.")
        seen.add(name)
        cases.append(_named({**case, "id": name}, f"{file}, {name}"))
    return cases


def _named(value: Any, where: str) -> Any:
    """`value` with every object in it replaced by one that knows where it is."""
    if isinstance(value, dict):
        return _Object(
            {key: _named(inner, f"{where}, {key}") for key, inner in value.items()}, where
        )
    return [_named(inner, where) for inner in value] if isinstance(value, list) else value


def _tolerance(
    file: str, tolerance: dict[str, Any], keys: tuple[str, ...], problems: Problems
) -> float | None:
    for key in keys:
        if key in tolerance:
            value = tolerance[key]
            if is_number(value) and value >= 0:
                return float(value)
            problems.add(
                f"{file}, tolerance.{key}", f"got {value!r}", "Give a number, not below 0."
            )
    return None
