"""Reads folders of results, whichever command wrote them."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from jaxmargin.io import Problems, read_json
from jaxmargin.jobs._result_keys import key_problems
from jaxmargin.jobs._result_kinds import KINDS
from jaxmargin.jobs._result_tables import AGAIN, read_days, read_result_table, written_tables
from jaxmargin.report import ResultFolder

__all__ = ["read_results"]

_PATHS = 2  # accounts whose days are read, those with the largest mean margins
_MANY = ("checks",)  # kinds of which there may be several folders


def read_results(folders: Sequence[Path], problems: Problems) -> list[ResultFolder]:
    """Every result in the folders, told apart by the JSON files that commands write.

    Tables are those that the JSON file names, each with the SHA-256 that it states.

    Args:
        folders: as `jaxmargin margin`, `run`, `watch`, `sensitivities`, `allocate`, `backtest`,
            `checks`, `stress` and `compare` write them.
        problems: where problems go: no results in a folder, two of the same kind, a file that is
            missing, damaged or of another run.
    """
    found: list[ResultFolder] = []
    for folder in dict.fromkeys(folders):
        for each in _read(folder, problems):
            known = next((e for e in found if e.kind == each.kind), None)
            if known is not None and each.kind not in _MANY:
                what = f"results of {each.kind}, as {known.path} has too"
                problems.add(each.path, what, "Give one of the two.")
                continue
            found.append(each)
    return found


def _read(folder: Path, problems: Problems) -> list[ResultFolder]:
    if not folder.is_dir():
        problems.add(str(folder), "no such folder", "Give folders of results.")
        return []
    status = {}
    if (folder / "status.json").exists():
        status = _json(folder / "status.json", {}, problems)
    place = folder / "current" if (folder / "current").is_dir() else folder  # of watch
    kinds = [name for name, kind in KINDS.items() if (place / kind.facts).is_file()]
    if not kinds:
        problems.add(str(folder), *_nothing(folder))
    tables = [name for kind in kinds for name in KINDS[kind].tables]
    if len(set(tables)) < len(tables):
        problems.add(
            str(folder),
            f"results of {' and '.join(kinds)}, whose tables have the same names",
            "Run each again with an --out of its own.",
        )
        return []
    read = [_read_kind(kind, folder, place, status or {}, problems) for kind in kinds]
    return [each for each in read if each is not None]


def _nothing(folder: Path) -> tuple[str, str]:
    """What is wrong with a folder without results, and the cure."""
    if (folder / "plan.json").is_file():
        return "a run that has not come to its end", "Give jaxmargin run the same --out again."
    names = tuple(kind.facts for kind in KINDS.values())
    inner = sorted({file.parent for name in names for file in folder.glob(f"*/{name}")})
    if inner:
        return "no results, but folders with some", f"Give {' '.join(map(str, inner[:9]))}."
    return "no results of a command", f"Give a folder with one of {', '.join(names)}."


def _read_kind(
    name: str, folder: Path, place: Path, status: dict[str, Any], problems: Problems
) -> ResultFolder | None:
    kind, before = KINDS[name], len(problems.found)
    facts = _json(place / kind.facts, kind.keys, problems)
    if facts is None:
        return None
    written = written_tables(facts)
    there = kind.tables | {name: kind.optional[name] for name in kind.optional if name in written}
    tables = {
        table: read_result_table(table, columns, place, written.get(table, {}), kind, problems)
        for table, columns in there.items()
    }
    if len(problems.found) > before:
        return None
    if name == "backtest":
        kpis, file = tables["kpis"], "backtest.parquet"
        if not (kpis["account"] == "all").any():
            problems.add(str(place / "kpis.parquet"), "no row of all accounts", AGAIN)
        own = kpis[kpis["account"] != "all"].nlargest(_PATHS, "mean_margin", keep="first")
        stated = written.get(name, {}).get(file, "")
        tables[name] = read_days(place / file, own["account"].tolist(), stated, kind, problems)
    return ResultFolder(name, str(folder), tables, facts, status)


def _json(path: Path, keys: dict[str, str], problems: Problems) -> dict[str, Any] | None:
    """The content of a JSON file whose keys are as they should be; else None."""
    own = Problems()
    content = read_json(path, "file of results", own)
    for each in own.found:  # which name the file alone, and a cure for those who wrote it
        problems.add(str(path.parent), each.partition(". ")[0].rstrip("."), AGAIN)
    before = len(problems.found)
    if content is not None:
        key_problems(content, keys, str(path), AGAIN, problems)
    return None if len(problems.found) > before else content
