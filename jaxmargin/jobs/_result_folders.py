"""Reads folders of results, whichever command wrote them."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow.parquet as pq

from jaxmargin.io import Problems
from jaxmargin.jobs._result_kinds import KINDS, ResultKind, column_problems, has_key
from jaxmargin.report import ResultFolder

__all__ = ["read_results"]

_AGAIN = "Run the command that wrote it again."
_MOST_BYTES = 2**28  # of a JSON file: that of a run names all of its inputs, no more
_PATHS = 2  # accounts whose days are read, those with the largest mean margins
_MANY = ("checks",)  # kinds of which there may be several folders


def read_results(folders: Sequence[Path], problems: Problems) -> list[ResultFolder]:
    """Every result in the folders, told apart by the JSON files that commands write.

    Args:
        folders: as `jaxmargin margin`, `run`, `watch`, `sensitivities`, `allocate`, `backtest`,
            `checks`, `stress` and `compare` write them.
        problems: where problems go: no results in a folder, two of the same kind, a file that is
            missing or that cannot be read.
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
    status = _json(folder / "status.json", problems) if (folder / "status.json").exists() else {}
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
    facts = _json(place / kind.facts, problems)
    if facts is None:
        return None
    missing = [key for key in kind.keys if not has_key(facts, key)]
    if missing or not _are_inputs(facts.get("inputs")):
        what = f"not of jaxmargin {name}: no {', '.join(missing) or 'usable inputs'}"
        problems.add(str(place / kind.facts), what, _AGAIN)
        return None
    tables = {}
    for table, columns in kind.tables.items():
        tables[table] = _table(place / f"{table}.parquet", columns, kind, problems)
    for table, columns in kind.optional.items():
        if (place / f"{table}.parquet").exists():
            tables[table] = _table(place / f"{table}.parquet", columns, kind, problems)
    if len(problems.found) > before:
        return None
    if name == "backtest":
        tables["backtest"] = _paths(place / "backtest.parquet", tables["kpis"], problems)
    if name == "backtest" and not (tables["kpis"]["account"] == "all").any():
        problems.add(str(place / "kpis.parquet"), "no row of all accounts", _AGAIN)
    return ResultFolder(name, str(folder), tables, facts, status)


def _are_inputs(inputs: Any) -> bool:
    return isinstance(inputs, list) and all(
        isinstance(each, dict) and {"file", "sha256"} <= set(each) for each in inputs
    )


def _json(path: Path, problems: Problems) -> dict[str, Any] | None:
    try:
        if path.stat().st_size > _MOST_BYTES:
            raise ValueError(f"larger than {_MOST_BYTES:,} bytes")
        content = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(content, dict):
            raise ValueError("not an object")
    except (OSError, ValueError, RecursionError) as error:
        problems.add(str(path), f"cannot be read ({error})", _AGAIN)
        return None
    return content


def _table(
    path: Path, columns: dict[str, str], kind: ResultKind, problems: Problems
) -> pd.DataFrame:
    """The needed columns of a file or folder of Parquet; all of some that have more by job."""
    every = path.stem in ("fund", "liquidation")
    try:
        table = pd.read_parquet(path, columns=None if every else list(columns))
        lacking = [name for name in columns if name not in table.columns]
        if lacking:
            raise ValueError(f"no column {', '.join(lacking)}")
    except (OSError, ValueError, KeyError) as error:
        said = str(error).splitlines()[0][:200] if str(error) else type(error).__name__
        problems.add(str(path), f"cannot be read as {kind.facts} says ({said})", _AGAIN)
        return pd.DataFrame({name: [] for name in columns})
    column_problems(table, columns, str(path), _AGAIN, problems)
    return table


def _paths(path: Path, kpis: pd.DataFrame, problems: Problems) -> pd.DataFrame:
    """Days of the accounts with the largest mean margins; those of all may be millions."""
    own = kpis[kpis["account"] != "all"]
    accounts = own.nlargest(_PATHS, "mean_margin", keep="first")["account"].tolist()
    columns = ["account", "time", "margin", "realized"]
    try:
        table = pq.read_table(path, columns=columns, filters=[("account", "in", accounts)])
    except (OSError, ValueError, KeyError) as error:
        problems.add(str(path), f"cannot be read ({error})", _AGAIN)
        return pd.DataFrame({name: [] for name in columns})
    return table.to_pandas()
