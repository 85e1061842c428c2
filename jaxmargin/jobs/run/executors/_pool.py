"""What computes shards: one interface, and one loop that gives a shard to another worker."""

import abc
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from jaxmargin.errors import JobError

__all__ = ["AbstractPool", "RemotePool", "ShardOutcome", "WorkerFailedError", "computed_shards"]


class WorkerFailedError(JobError):
    """Workers ended while they computed a shard, more often than is allowed."""

    exit_code = 6


@dataclass(frozen=True)
class ShardOutcome:
    """One shard that was computed and written, or not.

    Attributes:
        shard: its number.
        seconds: that its worker took.
        error: why it could not be computed or written; None if it was.
    """

    shard: int
    seconds: float
    error: Exception | None = None


class AbstractPool(abc.ABC):
    """Workers that compute shards and write their files."""

    @property
    @abc.abstractmethod
    def workers(self) -> int:
        """Shards that are computed at once."""

    @abc.abstractmethod
    def submit(self, shard: int) -> Any:
        """Have a shard computed; what to wait for."""

    @abc.abstractmethod
    def wait(self, tickets: Sequence[Any]) -> list[tuple[Any, ShardOutcome | None]]:
        """Those of the tickets that are done, one at least; None where the worker ended."""


class RemotePool(AbstractPool):
    """Processes of a package that starts them, takes tasks and says which are done."""

    def __init__(
        self,
        submit: Callable[[int], Any],
        wait: Callable[[list[Any]], list[tuple[Any, ShardOutcome | None]]],
        workers: int,
    ) -> None:
        self._submit, self._wait, self._workers = submit, wait, workers

    @property
    def workers(self) -> int:
        """See `AbstractPool.workers`."""
        return self._workers

    def submit(self, shard: int) -> Any:
        """See `AbstractPool.submit`."""
        return self._submit(shard)

    def wait(self, tickets: Sequence[Any]) -> list[tuple[Any, ShardOutcome | None]]:
        """See `AbstractPool.wait`."""
        return self._wait(list(tickets))


def computed_shards(
    pool: AbstractPool,
    shards: Sequence[int],
    *,
    retries: int,
    on_retry: Callable[[int], None] = lambda shard: None,
) -> Iterator[ShardOutcome]:
    """Outcomes of shards as they come; no more are with the pool than it has workers.

    Args:
        pool: what computes them.
        shards: their numbers.
        retries: times that one shard is given to another worker because its worker ended.
        on_retry: called with the shard each time.

    Raises:
        WorkerFailedError: workers ended more often. What other shards wrote stays.
    """
    left, with_pool, failures = list(reversed(shards)), {}, Counter()
    while left or with_pool:
        while left and len(with_pool) < pool.workers:
            shard = left.pop()
            with_pool[pool.submit(shard)] = shard
        for ticket, outcome in pool.wait(list(with_pool)):
            shard = with_pool.pop(ticket)
            if outcome is not None:
                yield outcome
                continue
            failures[shard] += 1
            if failures[shard] > retries:
                raise WorkerFailedError(
                    f"The worker of shard {shard} ended {failures[shard]} times without a result, "
                    "perhaps for want of memory. What is done stays; run again to go on, with "
                    "fewer --workers or --accounts-per-shard."
                )
            on_retry(shard)
            left.append(shard)
