"""How far a run is: the one file of its folder with times in it, and what it tells."""

import os
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Literal

from jaxmargin.io import write_json
from jaxmargin.jobs.run._metrics import write_metrics
from jaxmargin.jobs.run._plan import RunPlan
from jaxmargin.jobs.run._shard_files import problem_of, read_record

__all__ = ["STATUS_FILE", "RunProgress", "State"]

STATUS_FILE = "status.json"
_PAUSE = 1.0  # seconds between two files, but for the first and the last
State = Literal["running", "share done", "done", "failed"]


@dataclass
class RunProgress:
    """What one process knows of a run while it is at work.

    Attributes:
        out: the folder.
        plan: the run.
        metrics: file of metrics; None for none.
        report: called with accounts done and accounts in all.
        start: when this process began, by `time.perf_counter`.
        shared: whether other processes compute shards of the run too, whose records then count.
        done: shards whose results are there.
        found: those of them that were there before this process computed any.
        computed: those of them that this process computed.
        damaged: shards whose files were damaged or missing.
        retries: shards given to another worker because theirs ended.
    """

    out: Path
    plan: RunPlan
    metrics: Path | None = None
    report: Callable[[int, int], None] | None = None
    start: float = field(default_factory=time.perf_counter)
    shared: bool = False
    done: set[int] = field(default_factory=set)
    found: set[int] = field(default_factory=set)
    computed: set[int] = field(default_factory=set)
    damaged: set[int] = field(default_factory=set)
    retries: int = 0
    _computing: float = 0.0
    _written: float = -_PAUSE

    @property
    def seconds(self) -> float:
        """Since this process began."""
        return time.perf_counter() - self.start

    def begin(self) -> None:
        """What is there has been verified, and computing begins."""
        self.found, self._computing = set(self.done), self.seconds
        self.write("running", now=True)

    def add(self, shard: int) -> None:
        """One more shard is there."""
        self.done.add(shard)
        self.computed.add(shard)
        self.write("running")

    def look(self) -> None:
        """Count what other processes have written since; of what was damaged, only if it is sound.

        A record is written after the files that it names, so it is enough for others.
        """
        for shard in set(range(self.plan.shards)) - self.done:
            record = read_record(self.out, self.plan, shard)
            if record is None:
                continue
            if shard not in self.damaged or problem_of(self.out, self.plan, shard) is None:
                self.done.add(shard)

    def write(self, state: State, *, now: bool = False) -> None:
        """Write the files and report; not more than once a second unless it must be `now`."""
        due = now or self.seconds - self._written >= _PAUSE
        if due and self.shared:
            self.look()
        if self.report is not None:
            self.report(self._accounts(self.done), self.plan.accounts)
        if not due:
            return
        self._written = self.seconds
        time_now, rate = datetime.now(UTC), self._rate()
        left = self.plan.accounts - self._accounts(self.done)
        eta = None if not rate or state != "running" else time_now + timedelta(minutes=left / rate)
        content = {
            "state": state,
            "stale": state != "done",
            "identity": self.plan.identity,
            "shards_done": len(self.done),
            "shards_total": self.plan.shards,
            "accounts_done": self._accounts(self.done),
            "accounts_total": self.plan.accounts,
            "damaged": len(self.damaged),
            "retries": self.retries,
            "accounts_per_minute": None if rate is None else round(rate, 1),
            "started": _text(time_now - timedelta(seconds=self.seconds)),
            "updated": _text(time_now),
            "eta": None if eta is None else _text(eta),
            "pid": os.getpid(),
            "host": socket.gethostname(),
        }
        write_json(content, self.out / STATUS_FILE)
        if self.metrics is not None:
            names = ("shards_done", "shards_total", "accounts_done", "accounts_total")
            figures = {name: float(content[name]) for name in names} | {
                "seconds": self.seconds,
                "damaged": float(len(self.damaged)),
                "retries": float(self.retries),
                "failed": float(state == "failed"),
            }
            success = time_now.timestamp() if state == "done" else None
            write_metrics(self.metrics, figures, success)

    def _accounts(self, shards: set[int]) -> int:
        return sum(last - first for first, last in map(self.plan.rows, shards))

    def _rate(self) -> float | None:
        """Accounts a minute of what all have computed since this process began to compute."""
        minutes = (self.seconds - self._computing) / 60.0
        computed = self._accounts(self.done - self.found)
        return computed / minutes if computed and minutes > 0.0 else None


def _text(moment: datetime) -> str:
    return moment.isoformat(timespec="seconds")
