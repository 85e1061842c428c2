"""Workers that end, and shards that go to others."""

import random
from contextlib import contextmanager

import pytest
import run_steps
from run_steps import start

from jaxmargin.jobs.run import WorkerFailedError
from jaxmargin.jobs.run.executors import AbstractPool, ShardOutcome, computed_shards


@pytest.fixture
def out(tmp_path):
    return tmp_path / "out"


class Ticket:
    """What to wait for; two of one shard are two."""

    def __init__(self, shard):
        self.shard = shard


class DyingPool(AbstractPool):
    """Workers that end as often as a table says for each shard, and come in any order."""

    def __init__(self, ends):
        self._ends, self._random, self.most = dict(ends), random.Random(7), 0

    @property
    def workers(self):
        return 3

    def submit(self, shard):
        return Ticket(shard)

    def wait(self, tickets):
        self.most = max(self.most, len(tickets))
        ticket = self._random.choice(tickets)
        shard = ticket.shard
        if self._ends.get(shard, 0):
            self._ends[shard] -= 1
            return [(ticket, None)]
        return [(ticket, ShardOutcome(shard, 0.0))]


def test_shards_of_workers_that_end_go_to_others():
    pool, again = DyingPool({2: 1, 5: 2}), []
    found = list(computed_shards(pool, range(8), retries=2, on_retry=again.append))
    assert sorted(outcome.shard for outcome in found) == list(range(8))
    assert sorted(again) == [2, 5, 5]
    assert pool.most == 3


def test_a_shard_whose_workers_end_too_often_ends_the_run():
    with pytest.raises(WorkerFailedError, match="shard 4 ended 3 times") as caught:
        list(computed_shards(DyingPool({4: 3}), range(6), retries=2))
    assert caught.value.exit_code == 6


@contextmanager
def no_pool():
    raise AssertionError("nothing is missing")
    yield


def test_a_complete_run_opens_no_workers(out, monkeypatch):
    start(out)
    monkeypatch.setattr(run_steps, "contextmanager", lambda pool: no_pool)
    assert start(out).found == 3
