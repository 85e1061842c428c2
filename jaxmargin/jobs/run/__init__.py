"""Runs a job in shards that are there whole or not at all, so that it may be stopped any time."""

from jaxmargin.jobs.run._folder import RunResult as RunResult
from jaxmargin.jobs.run._lock import FolderInUseError as FolderInUseError
from jaxmargin.jobs.run._log import log_to as log_to
from jaxmargin.jobs.run._run import ACCOUNTS_PER_SHARD as ACCOUNTS_PER_SHARD
from jaxmargin.jobs.run._run import run_job as run_job
from jaxmargin.jobs.run._status import RunStatus as RunStatus
from jaxmargin.jobs.run._status import run_status as run_status
from jaxmargin.jobs.run.executors import WorkerFailedError as WorkerFailedError
