"""What a section of a page consists of, and cells that people can read."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from jaxmargin.report._words import (
    exact,
    full,
    name_whole,
    rounded,
    rounded_error,
    short_name,
)

__all__ = [
    "Cell",
    "Heading",
    "Picture",
    "ResultFolder",
    "Section",
    "Table",
    "Tile",
    "count",
    "error_cell",
    "figure_cell",
    "left_out",
    "money",
    "name",
    "plain",
    "rows_of",
    "share",
    "signed_money",
]


@dataclass(frozen=True)
class ResultFolder:
    """What one command wrote to a folder, read and checked.

    Attributes:
        kind: name of the command.
        path: of the folder, as it is shown.
        tables: by name; those that the folder does not have are left out.
        facts: of the command's JSON file.
        status: of `status.json`; empty where there is none.
    """

    kind: str
    path: str
    tables: dict[str, pd.DataFrame]
    facts: dict[str, Any]
    status: dict[str, Any] = field(default_factory=dict)

    @property
    def currency(self) -> str:
        """Of amounts."""
        return name_whole(self.facts.get("currency") or self.facts["settings"]["numeraire"], 12)


@dataclass(frozen=True)
class Cell:
    """Text, what it is in full where it was shortened, and whether it is good, warn or bad."""

    text: str
    full: str = ""
    tone: str = ""


@dataclass(frozen=True)
class Heading:
    """Of a column; numbers stand at the right."""

    text: str
    number: bool = True


@dataclass(frozen=True)
class Tile:
    """A figure to be seen first."""

    label: str
    value: Cell
    note: str = ""


@dataclass(frozen=True)
class Table:
    """Rows under headings; folded until it is opened, or narrow enough to stand beside pictures."""

    caption: str
    headings: Sequence[Heading]
    rows: Sequence[Sequence[Cell]]
    note: str = ""
    folded: bool = False
    beside: bool = False

    @property
    def narrow(self) -> bool:
        """Whether it fits into half of a wide page."""
        return self.beside or (len(self.headings) <= 4 and not self.folded)


@dataclass(frozen=True)
class Picture:
    """An inline SVG, and what it shows."""

    svg: str
    caption: str


@dataclass(frozen=True)
class Section:
    """Of a page; `missing` says how to get what it needs and stands for all else."""

    identifier: str
    title: str
    lead: Sequence[str] = ()
    tiles: Sequence[Tile] = ()
    pictures: Sequence[Picture] = ()
    tables: Sequence[Table] = ()
    warnings: Sequence[str] = ()
    missing: str = ""


def name(value: object) -> Cell:
    """A name; in full where it is long."""
    text, whole = short_name(value), name_whole(value)
    return Cell(text, whole if whole != text else "")


def plain(text: object) -> Cell:
    """Words as they are."""
    return Cell(name_whole(text, 2_000))


def money(value: float | int) -> Cell:
    """An amount: cents, six digits of one below one; in full where that is not all of it."""
    text, whole = exact(value), full(value)
    return Cell(text, whole if whole != text else "")


def signed_money(value: float | int) -> Cell:
    """An amount as `money`, with its sign."""
    cell = money(value)
    sign = "+" if value >= 0.0 else ""
    return Cell(sign + cell.text, sign + cell.full if cell.full else "")


def share(value: float | int) -> Cell:
    """A share in percent."""
    return Cell(f"{value:.2%}" if math.isfinite(value) else "", f"{value:.6%}")


def count(value: float | int) -> Cell:
    """A whole number."""
    return Cell(f"{value:,.0f}" if math.isfinite(value) else "")


def figure_cell(value: float | int, unit: str = "") -> Cell:
    """A rounded figure with its unit, and all of its digits in full."""
    return Cell(f"{rounded(value)} {unit}".rstrip(), full(value, unit))


def error_cell(error: float | int) -> Cell:
    """An uncertainty to two digits; nothing where it is not known."""
    return Cell(f"± {rounded_error(error)}", full(error)) if math.isfinite(error) else Cell("")


def rows_of(table: pd.DataFrame, *columns: tuple[str, Any]) -> list[tuple[Cell, ...]]:
    """Cells of a table: each column by what makes a cell of a value."""
    parts = [[make(value) for value in table[column]] for column, make in columns]
    return list(zip(*parts, strict=True))


def left_out(shown: int, total: int, what: str, file: str) -> str:
    """How many rows more there are, and where; nothing if there are none."""
    more = total - shown
    return f"{more:,} more {what} in {file}." if more > 0 else ""
