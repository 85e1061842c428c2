"""Settings of safeguards from TOML files, each with its source and date."""

from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import jax.numpy as jnp
import numpy as np

from jaxmargin.io._plain_settings import build_settings, refuse_unknown, settings_table
from jaxmargin.io._problems import Problems, nearest
from jaxmargin.io._shipped import shipped_files
from jaxmargin.io._toml import is_number, read_toml
from jaxmargin.margin.procyclicality import (
    AbstractProcyclicalityTool,
    EwmaFloor,
    LookbackFloor,
    SpeedLimit,
    StressBuffer,
    StressedWeight,
)
from jaxmargin.margin.safeguards import BreakerSettings, LeverageLimits, PriceBands, StepLimit

__all__ = ["SafeguardFile", "read_safeguards", "safeguard_library"]

_TOOLS: dict[str, type[AbstractProcyclicalityTool]] = {
    "stress_buffer": StressBuffer,
    "stressed_weight": StressedWeight,
    "lookback_floor": LookbackFloor,
    "ewma_floor": EwmaFloor,
    "speed_limit": SpeedLimit,
}
_TEXTS = ("title", "date", "assumed", "source")
_TABLES = ("leverage", "least_share", "close_out", "most_offset", "tools")
_OBJECTS = {"step": StepLimit, "bands": PriceBands, "breaker": BreakerSettings}


@dataclass(frozen=True)
class SafeguardFile:
    """Settings as read and checked; what the file does not have is None or empty.

    Attributes:
        title: what they are.
        date: day of the figures.
        sources: what each figure is, and where it comes from.
        assumed: figures that no source gives, such as "tools.stress_buffer.rebuild".
        client_classes: names of the rows of `leverage`.
        asset_classes: names of its columns.
        leverage: least margins.
        most_offset: cap on offsets by name of a group of products.
        tools: against procyclicality, by name, to choose from.
        step: largest change of margin between runs.
        bands: around a reference price.
        breaker: settings of a circuit breaker.
    """

    title: str
    date: date
    sources: tuple[tuple[str, str], ...]
    assumed: tuple[str, ...]
    client_classes: tuple[str, ...]
    asset_classes: tuple[str, ...]
    leverage: LeverageLimits | None
    most_offset: dict[str, float]
    tools: dict[str, AbstractProcyclicalityTool]
    step: StepLimit | None
    bands: PriceBands | None
    breaker: BreakerSettings | None


def safeguard_library() -> dict[str, Path]:
    """The files of settings that come with the package, by name."""
    return shipped_files("safeguards")


def read_safeguards(path: Path, problems: Problems) -> SafeguardFile | None:
    """Read and check a file of settings; None if it cannot be used."""
    content = read_toml(path, "file of safeguards", problems)
    if content is None:
        return None
    before, where = len(problems.found), path.name
    refuse_unknown(where, content, (*_TEXTS, *_TABLES, *_OBJECTS), problems)
    title, day, assumed = content.get("title"), content.get("date"), content.get("assumed")
    if not (isinstance(title, str) and title):
        problems.add(f"{where}, title", f"got {title!r}", "Say what the settings are.")
    if not isinstance(day, date):
        problems.add(f"{where}, date", f"got {day!r}", "Give the day of the figures: 2026-01-21.")
    if not (isinstance(assumed, list) and all(isinstance(item, str) for item in assumed)):
        problems.add(f"{where}, assumed", f"got {assumed!r}", "Give a list of names, or [].")
    sources = _sources(content.get("source"), where, problems)
    leverage, clients, assets = _leverage(content, where, problems)
    offsets = _numbers(content.get("most_offset", {}), f"{where}, [most_offset]", 1.0, problems)
    tools = {}
    for name, table in settings_table(
        content.get("tools", {}), f"{where}, [tools]", problems
    ).items():
        if name in _TOOLS:
            tools[name] = build_settings(_TOOLS[name], table, f"{where}, [tools.{name}]", problems)
        else:
            cure = f"Give some of {', '.join(_TOOLS)}."
            problems.add(f"{where}, [tools]", f"no {name!r}{nearest(name, _TOOLS)}", cure)
    objects = {
        name: build_settings(kind, content[name], f"{where}, [{name}]", problems)
        for name, kind in _OBJECTS.items()
        if name in content
    }
    if len(problems.found) > before or not isinstance(day, date):
        return None
    step, bands, breaker = (objects.get(name) for name in _OBJECTS)
    return SafeguardFile(
        str(title), day, sources, tuple(assumed or ()), clients, assets, leverage, offsets, tools,
        step, bands, breaker,
    )  # fmt: skip


def _sources(rows: Any, where: str, problems: Problems) -> tuple[tuple[str, str], ...]:
    """Figure and origin of every source."""
    found = []
    for row in rows if isinstance(rows, list) else []:
        pair = (row.get("figure"), row.get("origin")) if isinstance(row, dict) else (None, None)
        if all(isinstance(text, str) and text for text in pair):
            found.append(pair)
    if not found or len(found) < len(rows):
        problems.add(
            f"{where}, [[source]]", "a figure or an origin is missing",
            "Say for every source which figure it gives, and where it is found.",
        )  # fmt: skip
    return tuple(found)


def _leverage(
    content: dict[str, Any], where: str, problems: Problems
) -> tuple[LeverageLimits | None, tuple[str, ...], tuple[str, ...]]:
    """Limits, classes of clients and classes of assets."""
    before = len(problems.found)
    tables = {
        (name, client): _numbers(table, f"{where}, [{name}.{client}]", most, problems)
        for name, most in (("leverage", np.inf), ("least_share", 1.0))
        for client, table in settings_table(
            content.get(name, {}), f"{where}, [{name}]", problems
        ).items()
    }
    close_out = _numbers(content.get("close_out", {}), f"{where}, [close_out]", 1.0, problems)
    clients = tuple(dict.fromkeys(client for _, client in tables))
    assets = tuple(dict.fromkeys(asset for table in tables.values() for asset in table))
    for (name, client), table in tables.items():
        place, missing = f"{where}, [{name}.{client}]", [x for x in assets if x not in table]
        if missing:
            cure = "Give every class of assets to every class of clients."
            problems.add(place, f"lacks {', '.join(missing)}", cure)
        if name == "leverage" and 0.0 in table.values():
            problems.add(place, "a leverage of 0", "Give notional over equity, such as 5.")
    if set(clients) != set(close_out):
        cure = "Give it to the same classes of clients as leverage and least_share."
        problems.add(f"{where}, [close_out]", f"has {', '.join(close_out) or 'none'}", cure)
    if len(problems.found) > before or not clients:
        return None, clients, assets
    leverage, share = (
        [
            [tables.get((name, client), {}).get(asset, none) for asset in assets]
            for client in clients
        ]
        for name, none in (("leverage", np.inf), ("least_share", 0.0))
    )
    grids = (leverage, share, [close_out[client] for client in clients])
    return LeverageLimits(*(jnp.asarray(grid, float) for grid in grids)), clients, assets


def _numbers(table: Any, where: str, most: float, problems: Problems) -> dict[str, float]:
    """A table of numbers from 0 to `most`."""
    found = {}
    for name, value in settings_table(table, where, problems).items():
        if is_number(value) and 0.0 <= value <= most:
            found[name] = float(value)
        else:
            limits = "at least 0" if np.isinf(most) else f"from 0 to {most:g}"
            problems.add(f"{where}, {name}", f"got {value!r}", f"Give a number {limits}.")
    return found
