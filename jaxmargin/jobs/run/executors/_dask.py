"""Workers of Dask on this machine."""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from jaxmargin.errors import InvalidInputError
from jaxmargin.jobs.run.executors._pool import AbstractPool, RemotePool, ShardOutcome

__all__ = ["dask_pool"]

_SETTINGS = {
    "distributed.scheduler.allowed-failures": 0,  # this package counts them, shard by shard
    "distributed.comm.timeouts.connect": "60s",  # of a worker that imports on a busy machine
}


def _wait(tickets: list[Any]) -> list[tuple[Any, ShardOutcome | None]]:
    from distributed import wait

    found: Any = wait(tickets, return_when="FIRST_COMPLETED")
    return [(ticket, _outcome(ticket)) for ticket in found.done]


def _outcome(ticket: Any) -> ShardOutcome | None:
    from distributed import KilledWorker

    try:
        return ticket.result()
    except KilledWorker:
        return None


@contextmanager
def dask_pool(task: Callable[[int], ShardOutcome], workers: int) -> Iterator[AbstractPool]:
    """Start a scheduler and so many workers on this machine, and stop them after the body.

    They listen on 127.0.0.1 alone. A script that calls this must have its code under
    `if __name__ == "__main__":`, as workers import it.

    Args:
        task: computes one shard; must be picklable.
        workers: their number.

    Raises:
        InvalidInputError: Dask's distributed is not installed.
    """
    try:
        import dask.config
        from distributed import Client, LocalCluster
    except ImportError:
        raise InvalidInputError(
            "executor dask needs the package distributed. Install jaxmargin[dask]."
        ) from None

    with (
        dask.config.set(_SETTINGS),
        LocalCluster(
            n_workers=workers,
            threads_per_worker=1,
            host="127.0.0.1",
            dashboard_address="127.0.0.1:0",  # None would open port 8787
            memory_limit=None,  # chunks are sized by free memory already
            silence_logs=logging.CRITICAL,
        ) as cluster,
        Client(cluster) as client,
    ):
        # processes that Dask starts anew when they end
        yield RemotePool(lambda shard: client.submit(task, shard, pure=False), _wait, workers)
