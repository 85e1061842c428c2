"""Which safeguards a job asks for."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import pandas as pd

from jaxmargin.io import Problems, SafeguardFile, nearest, read_safeguards, safeguard_library
from jaxmargin.jobs._scenario_keys import HISTORY_KINDS
from jaxmargin.jobs._settings import Job
from jaxmargin.margin.safeguards import SafeguardSettings

__all__ = ["JobSafeguards", "read_job_safeguards"]

_WINDOWS = {  # of tools that take a margin over another window of the history: start and end
    "stressed_weight": ("stressed_start", "stressed_end"),
    "lookback_floor": ("lookback_start", None),
}


@dataclass(frozen=True)
class JobSafeguards:
    """Safeguards of a job, checked.

    Attributes:
        path: the file of settings.
        title: of the file.
        settings: in double precision.
        tools: names of `settings.tools`.
        client_class: row of all accounts in `settings.leverage`.
        asset_class: column of all contracts there.
        windows: the job with another window of its history, for each tool that needs one.
        unused: tables of the file that the job does not apply. Whoever prints must name them.
    """

    path: Path
    title: str
    settings: SafeguardSettings
    tools: tuple[str, ...]
    client_class: int
    asset_class: int
    windows: dict[str, Job]
    unused: tuple[str, ...]


def read_job_safeguards(job: Job, accounts: pd.Index, problems: Problems) -> JobSafeguards | None:
    """Read and check what [safeguards] asks for; None without the section, or with problems.

    Args:
        job: the job file.
        accounts: of the book.
        problems: where problems go.
    """
    if job.safeguards is None:
        return None
    before, asked, place = len(problems.found), job.safeguards, f"{job.path.name}, [safeguards]"
    library = safeguard_library()
    if (asked["set"] is None) == (asked["file"] is None):
        problems.add(place, "give one of set and file", f"Sets are {', '.join(library)}.")
        return None
    if asked["set"] is not None:
        _require_known(f"{place} set", [asked["set"]], library, problems)
    _require_known(f"{place} approved", asked["approved"], list(accounts), problems)
    path = asked["file"] or library.get(asked["set"] or "")
    if path is None:
        return None
    with jax.enable_x64(True):  # figures too, whatever the precision of the margins
        read = read_safeguards(path, problems)
        if read is None:
            return None
        tools = _tools(read, asked["tools"], place, problems)
        windows = _windows(job, tools, place, problems)
        leverage = read.leverage is not None
        client = _class(read.client_classes, asked, "client_class", leverage, place, problems)
        asset = _class(read.asset_classes, asked, "asset_class", leverage, place, problems)
        cap = asked["most_offset"]
        if cap is not None:
            _require_known(f"{place} most_offset", [cap], read.most_offset, problems)
        if len(problems.found) > before:
            return None
        settings = SafeguardSettings(
            tools=tuple(read.tools[name] for name in tools),
            most_offset=None if cap is None else jnp.asarray([read.most_offset[cap]]),
            leverage=read.leverage,
            step=read.step,
        )
    there = {
        "most_offset": bool(read.most_offset) and cap is None,
        "bands": read.bands is not None,
        "breaker": read.breaker is not None,
    }
    unused = tuple(name for name, is_unused in there.items() if is_unused)
    return JobSafeguards(path, read.title, settings, tools, client, asset, windows, unused)


def _tools(
    read: SafeguardFile, asked: Iterable[str] | None, place: str, problems: Problems
) -> tuple[str, ...]:
    """Names of the tools, in order; all of the file unless the job names some."""
    names = tuple(read.tools if asked is None else asked)
    place = f"{place} tools"
    _require_known(place, names, read.tools, problems)
    if len(set(names)) < len(names):
        problems.add(place, f"one occurs twice in {', '.join(names)}", "Name each once.")
    if "speed_limit" in names[:-1]:
        problems.add(place, "speed_limit is not the last", "Name it last.")
    return names


def _windows(job: Job, tools: tuple[str, ...], place: str, problems: Problems) -> dict[str, Job]:
    """The job with the window of each tool that needs one."""
    assert job.safeguards is not None
    windows = {}
    for tool, keys in _WINDOWS.items():
        named = [key for key in keys if key is not None]
        given = {key: job.safeguards[key] for key in named if job.safeguards[key] is not None}
        if tool not in tools:
            for key in given:
                problems.add(f"{place} {key}", f"{tool} is not applied", "Take the key out.")
            continue
        if job.scenarios["kind"] not in HISTORY_KINDS:
            problems.add(
                f"{place} tools",
                f"{tool} needs scenarios from a history, and theirs are {job.scenarios['kind']}",
                "Leave it out of tools, or use another kind of scenarios.",
            )
        for key in named:
            if key not in given:
                cure = "Give a time within the history, or leave the tool out of tools."
                problems.add(place, f"key {key!r} is missing, which {tool} needs", cure)
        start, end = (given.get(key) if key else job.scenarios.get("end") for key in keys)
        windows[tool] = replace(job, scenarios={**job.scenarios, "start": start, "end": end})
    return windows


def _class(
    classes: tuple[str, ...],
    asked: Any,
    key: str,
    leverage: bool,
    place: str,
    problems: Problems,
) -> int:
    """Which class all accounts, or contracts, are of; the only one unless the job says."""
    name = asked[key]
    if name is None and len(classes) > 1:
        problems.add(place, f"key {key!r} is missing", f"Give one of {', '.join(classes)}.")
    elif name is not None and not leverage:
        problems.add(f"{place} {key}", "the set has no leverage", "Take the key out.")
    elif name is not None:
        _require_known(f"{place} {key}", [name], classes, problems)
        return classes.index(name) if name in classes else 0
    return 0


def _require_known(
    place: str, names: Iterable[str], known: Collection[str], problems: Problems
) -> None:
    for name in names:
        if name not in known:
            listed = ", ".join(list(known)[:20]) or "none"
            problems.add(place, f"unknown {name!r}{nearest(name, known)}", f"There are {listed}.")
