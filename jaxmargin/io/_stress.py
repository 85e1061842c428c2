"""Stress files: named scenarios, from history or invented, one TOML file each."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from jaxmargin.io._problems import Problems, nearest
from jaxmargin.io._shipped import shipped_files
from jaxmargin.io._stress_keys import (
    ADDITIVE,
    DEFAULTS,
    REQUIRED,
    RULES,
    SOURCE,
    STEP,
    TABLES,
    TOP,
    choices,
)
from jaxmargin.io._toml import is_number, read_toml

__all__ = ["StressScenario", "StressStep", "read_stress", "stress_library"]


@dataclass(frozen=True)
class StressStep:
    """One scenario of a stress file; assets are named as in the tables.

    Attributes:
        label: the file's name, or "name: step" in a file of several steps.
        days: days that pass.
        volatility_power: a move of volatility is scaled by (30 / days to expiry) to this power.
        spot: relative changes of prices of coins, above -1.
        volatility: relative changes of volatilities at 30 days.
        basis: changes of the annual carry of forwards (0.01 is one percentage point).
        perpetual: relative changes of perpetuals against their asset's price.
        funding: changes of annual funding rates.
        depeg: relative changes of stablecoins, and of wrapped assets against what they follow.
        depth: share of the normal depth of order books that is left; not used in revaluation.
        spread: multiple of the normal bid-ask spread; not used in revaluation.
    """

    label: str
    days: float
    volatility_power: float
    spot: Mapping[str, float]
    volatility: Mapping[str, float]
    basis: Mapping[str, float]
    perpetual: Mapping[str, float]
    funding: Mapping[str, float]
    depeg: Mapping[str, float]
    depth: float
    spread: float


@dataclass(frozen=True)
class StressScenario:
    """A stress file as read and checked.

    Attributes:
        name: short name, in lower case with hyphens.
        title: name for people.
        kind: historical or hypothetical.
        date: day of the event; None if hypothetical.
        description: what happens, in a few sentences.
        default_beta: beta to BTC of coins for which no move is stated and no beta is known.
        betas: "history" prefers a beta known from history, "default" always takes `default_beta`.
        assumed: tables ("basis"), entries ("depeg.USDT") or keys that no source gives.
        sources: what figure comes from where, as texts.
        steps: the scenarios; one unless the file has steps.
    """

    name: str
    title: str
    kind: str
    date: date | None
    description: str
    default_beta: float
    betas: str
    assumed: tuple[str, ...]
    sources: tuple[str, ...]
    steps: tuple[StressStep, ...]


def stress_library() -> dict[str, Path]:
    """The stress files that come with the package, by name."""
    return shipped_files("stress")


def read_stress(path: Path, problems: Problems) -> StressScenario | None:
    """Read and check a stress file; None if it cannot be used.

    Args:
        path: the file; `scenarios/README.md` describes its format.
        problems: where problems go.
    """
    content = read_toml(path, "stress file", problems)
    if content is None:
        return None
    before = len(problems.found)
    scenario = _Reader(path.name, problems).scenario(content)
    return scenario if len(problems.found) == before else None


class _Reader:
    """Checks one stress file."""

    def __init__(self, file: str, problems: Problems) -> None:
        self.file, self.problems = file, problems

    def scenario(self, content: dict[str, Any]) -> StressScenario:
        stepped = "step" in content
        top = self.keys(self.file, content, TOP, ("source", "step", *TABLES))
        if top["kind"] == "historical" and top["date"] is None:
            self.problems.add(
                self.file,
                "key 'date' is missing",
                "Give the day of the event, or kind hypothetical.",
            )
        steps = []
        if stepped:
            for table in (key for key in TABLES if key in content):
                self.problems.add(
                    f"{self.file}, [{table}]",
                    "moves outside the steps of a file with [[step]]",
                    f"Write [step.{table}] below each step.",
                )
            inherited = {key: top[key] for key in ("days", "volatility_power")}
            for where, step in self.entries("step", content["step"]):
                own = self.keys(where, {**inherited, **step}, STEP, TABLES)
                steps.append(self.step(where, f"{top['name']}: {own['name']}", own, step))
        else:
            steps.append(self.step(self.file, top["name"], top, content))
        labels = [step.label for step in steps]
        for label in sorted({label for label in labels if labels.count(label) > 1}):
            self.problems.add(self.file, f"two steps make {label!r}", "Give each its own name.")
        self.check_assumed(top["assumed"], steps)
        return StressScenario(
            **{key: top[key] for key in ("name", "title", "kind", "date", "description", "betas")},
            default_beta=top["default_beta"],
            assumed=tuple(top["assumed"]),
            sources=self.sources(content.get("source", [])),
            steps=tuple(steps),
        )

    def keys(
        self, where: str, content: dict[str, Any], keys: tuple[str, ...], others: tuple[str, ...]
    ) -> dict[str, Any]:
        """The values of `keys`, checked; every other key but `others` is a problem."""
        known = (*keys, *others)
        for key in content:
            if key not in known:
                self.problems.add(
                    where,
                    f"unknown key {key!r}{nearest(key, known)}",
                    f"The keys are {', '.join(known)}.",
                )
        values: dict[str, Any] = {key: content.get(key, DEFAULTS[key]) for key in keys}
        for key, value in values.items():
            fits, words = RULES[key]
            if key not in content and key in REQUIRED:
                self.problems.add(where, f"key {key!r} is missing", f"Give {words}.")
            elif key in content and not fits(value):
                self.problems.add(
                    f"{where}, {key}",
                    f"got {value!r}{nearest(str(value), choices(key))}",
                    f"Give {words}.",
                )
                values[key] = DEFAULTS[key]
            elif is_number(value):
                values[key] = float(value)
        return values

    def entries(self, name: str, content: Any) -> list[tuple[str, dict[str, Any]]]:
        """The tables of an array of tables, each with where it is."""
        listed = isinstance(content, list) and all(isinstance(item, dict) for item in content)
        if not (listed and content):
            self.problems.add(self.file, f"{name!r} is not a list of tables", f"Write [[{name}]].")
            return []
        return [(f"{self.file}, [[{name}]] {row}", item) for row, item in enumerate(content, 1)]

    def step(
        self, where: str, label: str, own: dict[str, Any], content: dict[str, Any]
    ) -> StressStep:
        moves = {
            table: self.moves(where, table, content.get(table, {}))
            for table in TABLES
            if table != "liquidity"
        }
        liquidity = content.get("liquidity", {})
        if not isinstance(liquidity, dict):
            self.problems.add(where, "liquidity is not a table", "Write [liquidity].")
            liquidity = {}
        left = self.keys(f"{where}, [liquidity]", liquidity, ("depth", "spread"), ())
        if not any(moves.values()):
            self.problems.add(where, "no move at all", f"Give one of {', '.join(moves)}.")
        power = own["volatility_power"]
        for asset, move in moves["volatility"].items():
            if move * 30.0**power <= -1.0:
                self.problems.add(
                    f"{where}, [volatility] {asset}",
                    f"{move} with volatility_power {power} takes one day's volatility below zero",
                    "Give a smaller fall or power.",
                )
        return StressStep(label, own["days"], power, **moves, **left)

    def moves(self, where: str, table: str, content: Any) -> dict[str, float]:
        """The moves of one table by asset, checked."""
        if not isinstance(content, dict):
            self.problems.add(where, f"{table} is not a table", f"Write [{table}].")
            return {}
        moves = {}
        for asset, move in content.items():
            place = f"{where}, [{table}] {asset}"
            if not is_number(move):
                self.problems.add(place, f"{move!r} is not a number", "Give a number.")
            elif table not in ADDITIVE and move <= -1.0:
                self.problems.add(
                    place,
                    f"got {move!r}, a fall to zero or below",
                    "Give a relative change above -1; write a fall of 37 % as -0.37.",
                )
            else:
                moves[asset] = float(move)
        return moves

    def check_assumed(self, assumed: list[str], steps: list[StressStep]) -> None:
        """What is called assumed must be there."""
        there = {"volatility_power", "days", "liquidity", "liquidity.depth", "liquidity.spread"}
        for step in steps:
            for table in TABLES:
                moves = getattr(step, table, {})
                there |= {table for _ in moves} | {f"{table}.{asset}" for asset in moves}
        for name in assumed:
            if name not in there:
                self.problems.add(
                    f"{self.file}, assumed",
                    f"{name!r} is not in the file{nearest(name, there)}",
                    "Name a table such as basis, or an entry such as depeg.USDT.",
                )

    def sources(self, content: Any) -> tuple[str, ...]:
        """The sources as texts; at least one."""
        if content == []:
            self.problems.add(
                self.file,
                "no [[source]]",
                "Say with figure and origin where the figures come from, or how they were chosen.",
            )
            return ()
        read = [
            self.keys(where, item, SOURCE, ()) for where, item in self.entries("source", content)
        ]
        return tuple(
            f"{source['figure']}: {source['origin']}"
            + (f" ({source['url']})" if source["url"] else "")
            for source in read
        )
