"""What a run says while it is at work: events with counts, never what a book holds."""

import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

__all__ = ["LOGGER", "log_event", "log_to"]

LOGGER = logging.getLogger("jaxmargin.jobs")
LOGGER.addHandler(logging.NullHandler())  # or warnings would be printed where nobody asked


def log_event(event: str, *, level: int = logging.INFO, **facts: Any) -> None:
    """Log an event and facts of it: numbers of shards, counts, hashes and seconds.

    Accounts, quantities, prices and margins are no facts of an event, nor are messages of errors,
    which may name them.
    """
    LOGGER.log(level, event, extra={"facts": facts})


@contextmanager
def log_to(path: Path | None, form: Literal["text", "json"] = "text") -> Iterator[None]:
    """Append the events of the body to a file, a line each; nothing without one.

    Raises:
        OSError: it cannot be written.
    """
    if path is None:
        yield
        return
    handler, level = logging.FileHandler(path, encoding="utf-8"), LOGGER.level
    handler.setFormatter(_Json() if form == "json" else _Text())
    LOGGER.addHandler(handler)
    LOGGER.setLevel(logging.INFO)
    try:
        yield
    finally:
        LOGGER.removeHandler(handler)
        LOGGER.setLevel(level)
        handler.close()


def _parts(record: logging.LogRecord) -> tuple[str, str, dict[str, Any]]:
    time = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
    return time, record.getMessage(), getattr(record, "facts", {})


class _Text(logging.Formatter):
    """`2026-01-02T08:00:00.000+00:00 INFO shard done shard=3 accounts=10000`."""

    def format(self, record: logging.LogRecord) -> str:
        time, event, facts = _parts(record)
        return " ".join([time, record.levelname, event, *(f"{k}={v}" for k, v in facts.items())])


class _Json(logging.Formatter):
    """The same as an object of JSON."""

    def format(self, record: logging.LogRecord) -> str:
        time, event, facts = _parts(record)
        return json.dumps({"time": time, "level": record.levelname, "event": event, **facts})
