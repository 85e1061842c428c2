"""What computes the shards of a run: this process, or workers of Ray or Dask."""

from jaxmargin.jobs.run.executors._local import LocalPool as LocalPool
from jaxmargin.jobs.run.executors._pool import AbstractPool as AbstractPool
from jaxmargin.jobs.run.executors._pool import ShardOutcome as ShardOutcome
from jaxmargin.jobs.run.executors._pool import WorkerFailedError as WorkerFailedError
from jaxmargin.jobs.run.executors._pool import computed_shards as computed_shards
