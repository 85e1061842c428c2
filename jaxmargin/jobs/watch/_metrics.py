"""Figures of a loop for Prometheus, as the text file that its node exporter reads."""

from datetime import datetime
from pathlib import Path
from typing import Any

from jaxmargin.io import written_whole
from jaxmargin.jobs.watch._calls import open_calls
from jaxmargin.jobs.watch._standing import Standing

__all__ = ["write_watch_metrics"]

_GAUGES = {
    "checked_timestamp_seconds": "When inputs were last looked at.",
    "margins_timestamp_seconds": "When the inputs of the current margins were looked at.",
    "stale": "1 if newer inputs cannot be used, else 0.",
    "failures": "Looks in a row that found problems.",
    "update": "Number of the last update.",
    "market_age_minutes": "Age of the oldest mark of the market that margins are of.",
    "calls_open": "Accounts with an open margin call.",
    "calls_amount": "What they are called for, in the numeraire.",
    "running": "0 if the loop ended, else 1.",
}


def write_watch_metrics(path: Path, standing: Standing, status: dict[str, Any]) -> None:
    """Write gauges `jaxmargin_watch_...`, all at once; those that are not known yet are left out.

    Args:
        path: ends in .prom for a node exporter to find it.
        standing: of the loop.
        status: content of status.json.
    """
    from prometheus_client import CollectorRegistry, Gauge, generate_latest

    registry: Any = CollectorRegistry()
    figures = {
        "checked_timestamp_seconds": _seconds(status["checked"]),
        "margins_timestamp_seconds": _seconds(status.get("margins_as_of")),
        "stale": float(status["stale"]),
        "failures": status["failures"],
        "update": status["update"],
        "market_age_minutes": status["market_age_minutes"],
        "calls_open": len(open_calls(standing.calls)),
        "calls_amount": status["calls"]["amount"],
        "running": float(status["state"] == "running"),
    }
    for name, text in _GAUGES.items():
        if figures[name] is not None:
            Gauge(f"jaxmargin_watch_{name}", text, registry=registry).set(figures[name])
    with written_whole(path) as file:
        file.write(generate_latest(registry))


def _seconds(time: str | None) -> float | None:
    """Since 1970."""
    return None if time is None else datetime.fromisoformat(time).timestamp()
