"""The head of a page: what to know before anything else."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np

from jaxmargin.report._words import exact, name_whole, rounded, rounded_error
from jaxmargin.report.page._calls import calls_tiles
from jaxmargin.report.page._parts import (
    Cell,
    Heading,
    ResultFolder,
    Section,
    Table,
    Tile,
    figure_cell,
    name,
    plain,
)

__all__ = ["alarms", "headline"]

_HASH = 16  # characters of a SHA-256 that are shown; all of them in full


def headline(folders: Sequence[ResultFolder]) -> Section:
    """Totals with their uncertainty, warnings of every command, and what went in."""
    margin = next((each for each in folders if each.kind == "margin"), None)
    return Section(
        "headline",
        "At a glance",
        tiles=_tiles(margin, folders),
        tables=[_inputs(folders), *([] if margin is None else [_run(margin)])],
        warnings=[*_apart(folders), *_said(folders)],
        missing="" if margin else "No margins: run jaxmargin margin or run, and name its folder.",
    )


def alarms(folders: Sequence[ResultFolder]) -> list[str]:
    """What makes the figures doubtful as a whole: stale, failed or unfinished runs."""
    lines = []
    for each in folders:
        state, stale = each.status.get("state"), each.status.get("stale")
        where = name_whole(each.path)
        if stale:
            since = each.status.get("since")
            lines.append(
                f"STALE: {where} is the last good result, not the newest"
                + (f", since {name_whole(since)}." if since else ".")
            )
            lines += [name_whole(problem) for problem in _list(each.status.get("problems"))[:10]]
        in_shards = "identity" in each.facts  # a watch is always running
        if state == "failed" or (state == "running" and in_shards):
            lines.append(f"The last run in {where} is {state}; its results may be older.")
    return lines


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


def _tiles(margin: ResultFolder | None, folders: Sequence[ResultFolder]) -> list[Tile]:
    tiles = []
    if margin is not None:
        tiles += calls_tiles(margin)
        table, currency = margin.tables["requirements"], margin.currency
        total = float(table["initial"].sum())
        tiles += [
            Tile("Initial margin", figure_cell(total, currency), _error(table, currency)),
            Tile("Maintenance margin", figure_cell(float(table["maintenance"].sum()), currency)),
            Tile("Accounts", Cell(f"{len(table):,}"), _counts(margin.facts.get("counts", {}))),
        ]
        states = margin.tables.get("states")
        if states is not None:
            short = int((states["status"] != "covered").sum())
            tiles.append(
                Tile(
                    "Accounts not covered",
                    Cell(f"{short:,}", tone="bad" if short else "good"),
                    "equity below initial margin",
                )
            )
    if folders:
        settings = (margin or folders[0]).facts.get("settings", {})
        tiles.append(Tile("As of", Cell(_time(settings)), "valuation time, UTC"))
    return tiles


def _error(table: Any, currency: str) -> str:
    """The standard error of the total: no more than the sum, as accounts share scenarios.

    Which is rounded up. There is no such bound where accounts have none.
    """
    error = table["standard_error"].to_numpy(np.float64)
    known = np.isfinite(error)
    if not known.any():
        return "no standard error: none is defined for this rule" if len(table) else ""
    most = f"{rounded_error(float(error[known].sum()), up=True)} {currency}"
    if known.all():
        return f"standard error at most {most}: the sum of the accounts', which share scenarios"
    return (
        f"standard error not known: {int((~known).sum()):,} of {len(known):,} accounts have none; "
        f"those of the others add up to {most}"
    )


def _counts(counts: dict[str, Any]) -> str:
    words = (("positions", "positions"), ("instruments", "contracts"), ("scenarios", "scenarios"))
    return ", ".join(
        f"{counts[key]:,} {word}" for key, word in words if isinstance(counts.get(key), int)
    )


def _time(settings: dict[str, Any]) -> str:
    return name_whole(settings.get("valuation_time", "not known"))[:16].replace("T", " ")


def _apart(folders: Sequence[ResultFolder]) -> list[str]:
    """Warnings where folders are of different times or inputs."""
    lines = []
    times = {_time(e.facts["settings"]): e.path for e in folders if "settings" in e.facts}
    if len(times) > 1:
        said = ", ".join(f"{name_whole(path)}: {time}" for time, path in times.items())
        lines.append(f"The folders are of different valuation times ({said}).")
    first: dict[tuple[str, int], tuple[str, str]] = {}
    for each in folders:
        seen: Counter[str] = Counter()  # a job may have files of one name, in one order
        for entry in each.facts["inputs"]:
            file, digest = entry["file"], entry["sha256"]
            known, path = first.setdefault((file, seen[file]), (digest, each.path))
            seen[file] += 1
            if known != digest:
                lines.append(
                    f"{name_whole(each.path)} was computed from another {name_whole(file)} than "
                    f"{name_whole(path)}."
                )
    return lines


def _said(folders: Sequence[ResultFolder]) -> list[str]:
    return [
        f"{name_whole(each.path)}: {name_whole(text, 1_000)}"
        for each in folders
        for text in _list(each.facts.get("warnings"))
    ]


def _inputs(folders: Sequence[ResultFolder]) -> Table:
    rows: dict[tuple[str, str], list[str]] = {}
    for each in folders:
        for entry in each.facts["inputs"]:
            rows.setdefault((str(entry["file"]), str(entry["sha256"])), []).append(each.path)
    return Table(
        "Inputs",
        [Heading("file", False), Heading("SHA-256", False), Heading("read by", False)],
        [
            (name(file), Cell(f"{name_whole(digest[:_HASH])}…", name_whole(digest)),
             plain(", ".join(name_whole(path) for path in dict.fromkeys(paths))))
            for (file, digest), paths in rows.items()
        ],
        note="The first digits of each hash are shown; all of them stand in its title.",
        folded=True,
    )  # fmt: skip


def _run(margin: ResultFolder) -> Table:
    facts = margin.facts
    rulebook = facts["settings"].get("rulebook", {})
    scenarios = facts.get("scenarios", {})
    said = {
        "title": facts.get("title", ""),
        "rule": ", ".join(f"{key} {_said_value(value)}" for key, value in rulebook.items()),
        "scenarios": ", ".join(
            f"{key} {_said_value(value)}"
            for key, value in scenarios.items()
            if value is not None and not isinstance(value, list | dict)
        ),
        "precision": facts["settings"].get("precision", ""),
        "device": (facts.get("device") or {}).get("kind", ""),
        "versions": ", ".join(f"{key} {v}" for key, v in (facts.get("versions") or {}).items()),
        "written": facts.get("created", ""),
        "run": facts.get("identity", ""),
    }
    rows = [(plain(key), Cell(name_whole(value, 500))) for key, value in said.items() if value]
    return Table("How the margins came about", [Heading("", False)] * 2, rows, folded=True)


def _said_value(value: object) -> str:
    if isinstance(value, float):
        return exact(value) if abs(value) >= 1e6 else f"{value:g}"
    if isinstance(value, int) and 1e6 <= abs(value) < 1e15:  # above, it is no count
        return rounded(value)
    return str(value)
