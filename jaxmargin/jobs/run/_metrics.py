"""Figures of a run for Prometheus, as the text file that its node exporter reads."""

from pathlib import Path
from typing import Any

from jaxmargin.errors import InvalidInputError
from jaxmargin.io import written_whole

__all__ = ["require_metrics", "write_failure", "write_metrics"]

_SUCCESS = "jaxmargin_run_last_success_timestamp_seconds"
_GAUGES = {
    "shards_done": "Shards whose results are there.",
    "shards_total": "Shards of the run.",
    "accounts_done": "Accounts whose margins are there.",
    "accounts_total": "Accounts of the book.",
    "seconds": "Seconds that this process has been at work.",
    "damaged": "Shards whose files were damaged or missing and that are computed again.",
    "retries": "Shards given to another worker because theirs ended.",
    "failed": "1 if the run ended with an error, else 0.",
}


def require_metrics() -> None:
    """Raise `InvalidInputError` if the package that metrics need is not there."""
    try:
        import prometheus_client  # noqa: F401
    except ImportError:
        raise InvalidInputError(
            "--metrics needs prometheus-client. Install jaxmargin[metrics]."
        ) from None


def write_metrics(path: Path, figures: dict[str, float], success: float | None) -> None:
    """Write gauges `jaxmargin_run_...`, all at once.

    Args:
        path: ends in .prom for a node exporter to find it.
        figures: by the names of `_GAUGES`.
        success: seconds since 1970 at which the run was complete; what the file said before if
            None.
    """
    from prometheus_client import CollectorRegistry, Gauge, generate_latest

    registry: Any = CollectorRegistry()
    for name, text in _GAUGES.items():
        Gauge(f"jaxmargin_run_{name}", text, registry=registry).set(figures[name])
    last = _last_success(path) if success is None else success
    if last is not None:
        Gauge(_SUCCESS, "When a run was last complete.", registry=registry).set(last)
    with written_whole(path) as file:
        file.write(generate_latest(registry))


def write_failure(path: Path) -> None:
    """Write that a run ended before it was known how far it is; see `write_metrics`."""
    write_metrics(path, dict.fromkeys(_GAUGES, 0.0) | {"failed": 1.0}, None)


def _last_success(path: Path) -> float | None:
    from prometheus_client.parser import text_string_to_metric_families

    try:
        families = list(text_string_to_metric_families(path.read_text(encoding="utf-8")))
    except (OSError, ValueError):
        return None
    values = [s.value for family in families for s in family.samples if s.name == _SUCCESS]
    return values[0] if values else None
