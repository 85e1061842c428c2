"""What computes the shards of a run: this process, or workers of Ray or Dask."""

from jaxmargin.jobs.run.executors._dask import dask_pool as dask_pool
from jaxmargin.jobs.run.executors._local import LocalPool as LocalPool
from jaxmargin.jobs.run.executors._pool import AbstractPool as AbstractPool
from jaxmargin.jobs.run.executors._pool import ShardOutcome as ShardOutcome
from jaxmargin.jobs.run.executors._pool import WorkerFailedError as WorkerFailedError
from jaxmargin.jobs.run.executors._pool import computed_shards as computed_shards
from jaxmargin.jobs.run.executors._ray import ray_pool as ray_pool
from jaxmargin.jobs.run.executors._task import ShardTask as ShardTask
from jaxmargin.jobs.run.executors._task import jax_settings as jax_settings
