"""Collects every problem of the inputs, so that all are shown at once."""

from collections.abc import Callable, Iterable, Sequence
from difflib import get_close_matches
from typing import Any

import numpy as np
import pandas as pd

from jaxmargin.errors import InvalidInputError, UnavailableInputError

__all__ = ["Problems", "list_some", "nearest"]

_LISTED = 10  # names or rows written out; the rest is counted
_MOST_NAMES = 1_000  # unknown names written out
_MOST_COMPARED = 100_000  # pairs of names, for the nearest ones
_MOST_LETTERS = 50_000  # of one part of a problem
_LONGEST_NAME = 200  # that is compared with others


class Problems:
    """Problems found so far; each names where it is, what is wrong and the cure."""

    def __init__(self) -> None:
        self.found: list[str] = []
        self._passing = 0

    def add(self, where: str, what: str, cure: str, *, passing: bool = False) -> None:
        """Note a problem of a file, or of a place within one; what is very long is cut.

        Args:
            where: it is.
            what: is wrong.
            cure: what to do about it.
            passing: whether it may be gone in a while although nobody does anything.
        """
        self.found.append(f"{_cut(where)}: {_cut(what)}. {_cut(cure)}")
        self._passing += passing

    def add_rows(
        self,
        table: str,
        column: str,
        bad: pd.Series | np.ndarray,
        what: str,
        cure: str,
        *,
        values: pd.Series | None = None,
    ) -> None:
        """Note rows of a table that break a rule; nothing if none does.

        Args:
            table: file name.
            column: column name.
            bad: which rows are bad.
            what: the rule that is broken, to follow "column close".
            cure: what to do about it.
            values: the column, to show the first bad value.
        """
        rows = np.flatnonzero(np.asarray(bad, bool))
        if rows.size:
            listed = list_some(rows + 1)
            first = "" if values is None else f"; the first is {_shown(values.iloc[rows[0]])}"
            noun = "row" if rows.size == 1 else "rows"
            self.add(
                f"{table}, column {column}",
                f"{what} in {rows.size:,} of {len(bad):,} rows ({noun} {listed}{first})",
                cure,
            )

    def add_unknown(
        self, table: str, column: str, found: Iterable[str], known: Iterable[str], cure: str
    ) -> None:
        """Note names that are not known: all up to 1,000, with the nearest known ones.

        Nearest names are looked for as far as that takes no longer than a moment.
        """
        known = sorted(set(known))
        unknown = sorted(set(found) - set(known))
        if unknown:
            hinted = max(_LISTED, _MOST_COMPARED // max(len(known), 1))
            listed = ", ".join(f"{name!r}{nearest(name, known)}" for name in unknown[:hinted])
            rest = unknown[hinted:_MOST_NAMES]
            listed += "".join(f", {name!r}" for name in rest)
            if len(unknown) > max(hinted, _MOST_NAMES):
                listed += f" and {len(unknown) - max(hinted, _MOST_NAMES):,} more"
            noun = "name" if len(unknown) == 1 else "names"
            self.add(
                f"{table}, column {column}", f"{len(unknown):,} unknown {noun}: {listed}", cure
            )

    def add_unknown_keys(self, where: str, content: Iterable[str], known: Iterable[str]) -> None:
        """Note keys of a table that are not known, each with the nearest known one."""
        known = list(known)
        for key in content:
            if key not in known:
                hint = nearest(key, known)
                self.add(where, f"unknown key {key!r}{hint}", f"Its keys are {', '.join(known)}.")

    def raise_if_any(self) -> None:
        """Raise `InvalidInputError` with every problem, if there is one.

        It is an `UnavailableInputError` where all of them may pass.
        """
        if self.found:
            all_pass = self._passing == len(self.found)
            raise (UnavailableInputError if all_pass else InvalidInputError)(self.found)


def list_some(
    things: Sequence[Any] | np.ndarray | pd.Index, say: Callable[[Any], str] = str
) -> str:
    """The first ten with commas, each as `say` words it, and how many more there are."""
    more = f" and {len(things) - _LISTED:,} more" if len(things) > _LISTED else ""
    return ", ".join(say(thing) for thing in things[:_LISTED]) + more


def _cut(text: str) -> str:
    if len(text) <= _MOST_LETTERS:
        return text
    return f"{text[:_MOST_LETTERS]} ... ({len(text) - _MOST_LETTERS:,} letters more)"


def _shown(value: object) -> str:
    return repr(value) if isinstance(value, str) else str(value)


def nearest(name: str, known: Iterable[str]) -> str:
    """`" (did you mean 'x'?)"` for the known name closest to `name`, or nothing."""
    if len(name) > _LONGEST_NAME:
        return ""
    near = [other for other in known if len(other) <= _LONGEST_NAME][:_MOST_COMPARED]
    match = get_close_matches(name, near, n=1, cutoff=0.6)
    return f" (did you mean {match[0]!r}?)" if match else ""
