"""Shards one after the other in this process, which has all of its devices."""

import time
from collections.abc import Callable, Sequence

from jaxmargin.jobs.run.executors._pool import AbstractPool, ShardOutcome

__all__ = ["LocalPool"]


class LocalPool(AbstractPool):
    """This process itself: it has no other worker, so an error ends the run at once."""

    def __init__(self, work: Callable[[int], object]) -> None:
        self._work = work

    @property
    def workers(self) -> int:
        """See `AbstractPool.workers`."""
        return 1

    def submit(self, shard: int) -> tuple[int, float]:
        """See `AbstractPool.submit`; the shard is computed here."""
        start = time.perf_counter()
        self._work(shard)
        return shard, time.perf_counter() - start

    def wait(
        self, tickets: Sequence[tuple[int, float]]
    ) -> list[tuple[tuple[int, float], ShardOutcome | None]]:
        """See `AbstractPool.wait`."""
        return [(ticket, ShardOutcome(*ticket)) for ticket in tickets]
