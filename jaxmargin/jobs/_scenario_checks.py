"""Checks of [scenarios] that need more than one key, or the other inputs."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from jaxmargin.io import History, MarketTables, Problems, factor_names, nearest
from jaxmargin.jobs._settings import Job

__all__ = ["check_scenarios", "stressed_days"]

_LARGEST = 10_000_000  # scenarios that a job may draw


def check_scenarios(
    job: Job, market: MarketTables, history: History | None, problems: Problems
) -> None:
    """Settings that contradict each other, the market or the history; keys without effect."""
    settings, where = job.scenarios, f"{job.path.name}, [scenarios]"

    def add(key: str, what: str, cure: str) -> None:
        problems.add(f"{where} {key}", what, cure)

    _check_unused(job, add)
    _check_depegs(job, market, add)
    count: int | None = settings.get("scenarios")
    if count is not None and count > _LARGEST:
        add("scenarios", f"{count:,} scenarios", f"Give at most {_LARGEST:,}.")
    if settings.get("sampling") == "sobol" and count is not None and count & (count - 1):
        add(
            "scenarios", f"{count:,} is no power of 2, which Sobol points need",
            f"Give {1 << (count.bit_length() - 1):,} or {1 << count.bit_length():,}.",
        )  # fmt: skip
    if settings.get("sampling") == "antithetic" and count is not None and count % 2:
        add("scenarios", f"{count:,} is odd, and antithetic draws are pairs", "Give an even one.")
    horizon = job.rulebook["horizon_days"]
    if settings["kind"] == "filtered-historical" and count is None and horizon > 1:
        add(
            "scenarios", f"missing for a horizon of {horizon} days, over which dates are drawn",
            "Give the number of scenarios, such as 10_000.",
        )  # fmt: skip
    if history is not None:
        _check_against_history(job, history, add)


def _check_unused(job: Job, add: Callable[[str, str, str], None]) -> None:
    """A key that was given although another one takes away its effect."""
    settings = job.scenarios
    used = {
        "depeg_": bool(settings["depegs"]),
        "stress_weight": bool(settings.get("stress_start") or settings.get("stress_end")),
        "correlation_between": bool(settings.get("correlation_blocks")),
        "tail_distance": settings.get("sampling") == "tail-mixture",
        "skew_": bool(settings.get("skew")),
        "tail_damping": bool(settings.get("tail_moves")),
    }
    if settings["kind"] == "filtered-historical":
        used["decay"] = settings["volatility_model"] == "ewma"
    if "covariance" in settings:
        used["decay"] = settings["covariance"] == "ewma"
    if settings["kind"] == "stress" and settings["history"] is None:
        used |= {"start": False, "end": False, "constant": False}
    needs = {
        "depeg_": "depegs", "stress_weight": "stress_start or stress_end",
        "correlation_between": "correlation_blocks", "tail_distance": 'sampling = "tail-mixture"',
        "skew_": "skew = true", "tail_damping": "tail_moves", "start": "history", "end": "history",
        "constant": "history",
        "decay": 'volatility_model = "ewma"' if "volatility_model" in settings
        else 'covariance = "ewma"',
    }  # fmt: skip
    for key in job.given:
        for name, has_effect in used.items():
            if (key == name or (name.endswith("_") and key.startswith(name))) and not has_effect:
                add(key, "it has no effect here", f"Leave it out, or give {needs[name]}.")


def _check_depegs(job: Job, market: MarketTables, add: Callable[[str, str, str], None]) -> None:
    settings, assets = job.scenarios, list(market.assets["asset"])
    names, numeraire = settings["depegs"], job.settings["numeraire"]
    if not names:
        return
    for name in names:
        if name not in assets:
            add("depegs", f"unknown asset {name!r}{nearest(name, assets)}", "Name market assets.")
        elif name == numeraire:
            add("depegs", f"{name!r} is the numeraire", "It cannot depeg from itself.")
    if len(set(names)) < len(names):
        add("depegs", "an asset more than once", "Name each once.")
    for key in ("depeg_per_year", "depeg_size"):
        if len(settings[key]) != len(names):
            add(
                key, f"{len(settings[key])} numbers for {len(names)} depegs",
                "Give one for each asset in depegs.",
            )  # fmt: skip
    leader = settings["depeg_leader"]
    if settings["depeg_crash_multiple"] > 1.0 and leader not in assets:
        add(
            "depeg_leader", f"unknown asset {leader!r}{nearest(leader, assets)}",
            "Name the asset whose crashes make depegs more frequent.",
        )  # fmt: skip


def _check_against_history(
    job: Job, history: History, add: Callable[[str, str, str], None]
) -> None:
    settings, names = job.scenarios, factor_names(history)
    components = settings.get("components")
    if components is not None and components > len(names):
        add("components", f"{components} for {len(names)} risk factors", f"Give {len(names)}.")
    days = history.closes.index[1:]
    inside = stressed_days(settings, history)
    if inside is not None and len(days) and inside.sum() < 2:
        add(
            "stress_start, stress_end", f"{int(inside.sum())} days of the history lie within",
            f"Name a part of {days[0].date()} to {days[-1].date()}.",
        )  # fmt: skip
    known = [*names, *dict.fromkeys(name.split(" ")[0] for name in names)]
    seen: set[str] = set()
    for entry in (entry for group in settings.get("correlation_blocks", ()) for entry in group):
        if entry not in known:
            add(
                "correlation_blocks", f"{entry!r} is no risk factor{nearest(entry, known)}",
                f"Name assets, or factors: {', '.join(names)}.",
            )  # fmt: skip
        elif entry in seen:
            add("correlation_blocks", f"{entry!r} is in two blocks", "Keep one.")
        seen.add(entry)


def stressed_days(settings: Mapping[str, Any], history: History) -> np.ndarray | None:
    """Which one-day moves of the history lie in the stressed window; None if there is none."""
    start, end = settings.get("stress_start"), settings.get("stress_end")
    if start is None and end is None:
        return None
    days = history.closes.index[1:]
    after = np.ones(len(days), bool) if start is None else np.asarray(days >= start)
    return after if end is None else after & np.asarray(days <= end)
