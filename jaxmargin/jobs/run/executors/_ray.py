"""Workers of Ray on this machine."""

import logging
import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from jaxmargin.errors import InvalidInputError
from jaxmargin.jobs.run.executors._pool import AbstractPool, RemotePool, ShardOutcome

__all__ = ["ray_pool"]

_STORE_BYTES = 80_000_000  # tasks and outcomes are small; files carry the results
_QUIET = {"RAY_USAGE_STATS_ENABLED": "0", "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0"}


def _wait(tickets: list[Any]) -> list[tuple[Any, ShardOutcome | None]]:
    import ray

    done, _ = ray.wait(tickets, num_returns=1)
    return [(ticket, _outcome(ticket)) for ticket in done]


def _outcome(ticket: Any) -> ShardOutcome | None:
    import ray
    from ray.exceptions import NodeDiedError, OutOfMemoryError, WorkerCrashedError

    try:
        return ray.get(ticket)
    except (NodeDiedError, OutOfMemoryError, WorkerCrashedError):
        return None


@contextmanager
def ray_pool(task: Callable[[int], ShardOutcome], workers: int) -> Iterator[AbstractPool]:
    """Start Ray on this machine with so many workers, and stop it after the body.

    Ray listens on all interfaces of the machine whatever it is told; its tokens (on unless
    RAY_AUTH_MODE says otherwise) keep others out, so the machine should have a firewall too.

    Args:
        task: computes one shard; must be picklable.
        workers: their number.

    Raises:
        InvalidInputError: Ray is not installed.
    """
    for name, value in _QUIET.items():
        os.environ.setdefault(name, value)
    try:
        import ray
    except ImportError:
        raise InvalidInputError(
            "executor ray needs the package ray. Install jaxmargin[ray]."
        ) from None

    with tempfile.TemporaryDirectory(prefix="jm", ignore_cleanup_errors=True) as folder:
        ray.init(
            address="local",
            num_cpus=workers,
            include_dashboard=False,
            object_store_memory=_STORE_BYTES,
            log_to_driver=False,
            logging_level=logging.ERROR,
            _node_ip_address="127.0.0.1",
            _temp_dir=folder,
        )
        try:
            shared = ray.put(task)
            # a worker that ends is this package's to count, not Ray's
            remote = ray.remote(max_retries=0, num_cpus=1)(_computed)
            # each process has one device unless the environment says otherwise
            yield RemotePool(lambda shard: remote.remote(shared, shard), _wait, workers)
        finally:
            ray.shutdown()


def _computed(task: Callable[[int], ShardOutcome], shard: int) -> ShardOutcome:
    return task(shard)
