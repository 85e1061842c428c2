"""A run whose worker ends by SIGKILL between two files of a shard: EXECUTOR JOB OUT PER_SHARD.

Prints how often a shard went to another worker.
"""

import os
import signal
import sys
from dataclasses import dataclass
from pathlib import Path

import jaxmargin.jobs.run._run as run_module
from jaxmargin.jobs.run import run_job
from jaxmargin.jobs.run.executors import ShardTask

SHARD = 1


@dataclass(frozen=True)
class DyingTask(ShardTask):
    """A task whose process ends the first time that it computes one of the shards."""

    def __call__(self, shard):
        mark = Path(f"{self.out}.killed")
        if shard == SHARD and not mark.exists():
            mark.touch()
            replace, done = os.replace, []

            def once(*names):
                if done:
                    os.kill(os.getpid(), signal.SIGKILL)
                done.append(names)
                return replace(*names)

            os.replace = once
        return ShardTask.__call__(self, shard)


def main(executor, job, out, per_shard):
    """Run it."""
    run_module.ShardTask = DyingTask
    result = run_job(
        Path(job), Path(out), accounts_per_shard=int(per_shard), executor=executor, workers=2
    )
    assert result.manifest is not None
    print("retries", result.retries)


if __name__ == "__main__":
    from run_killed_worker import main as importable  # so that workers find the class by its name

    importable(*sys.argv[1:])
