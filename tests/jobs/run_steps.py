"""A run of made-up shards, killed at one step or whole: no market, no book, no device.

`python run_steps.py FOLDER` kills a run at its first step, at its second, and so on, each in a
process of its own that is forked here, goes on with it in another, shares a run out among three
processes of which one is killed, and prints what was found as JSON. A step is an open, half a
write, a sync, a rename, a folder made or a lock signed.
"""

import json
import os
import shutil
import signal
import sys
import time
from contextlib import contextmanager
from pathlib import Path

import pandas as pd
from write_steps import stop_at

from jaxmargin.jobs.run._drive import Work
from jaxmargin.jobs.run._failure import failure_told
from jaxmargin.jobs.run._folder import run_in_folder
from jaxmargin.jobs.run._plan import RunPlan
from jaxmargin.jobs.run._shard_files import ShardTables, write_shard
from jaxmargin.jobs.run.executors import LocalPool

TABLES = ("requirements", "components")
MOVING = ("status.json", "lock", "locks")  # files with times, and locks


def makes(content="1", size=2):
    """What makes a run of six accounts or so."""
    return {
        "inputs": [{"file": "positions.parquet", "sha256": content}],
        "settings": {"rulebook": {"level": 0.99}},
        "accounts_per_shard": size,
        "versions": {"jax": "0"},
        "platform": {"platform": "cpu"},
    }


def shard_of(plan, number):
    """Tables that depend on the shard alone."""
    rows = range(*plan.rows(number))
    accounts = [f"account {row}" for row in rows]
    first = pd.DataFrame({"account": accounts, "initial": [row / 7 for row in rows]})
    second = first.assign(component="a").rename(columns={"initial": "amount"})
    return ShardTables(dict(zip(TABLES, (first, second), strict=True)), {"positions": len(rows)})


def start(out, *, of=None, accounts=5, share=None, fail=None, before=None, **settings):
    """Begin or go on with a run; see `run_in_folder`.

    Args:
        out: its folder.
        of: what makes it.
        accounts: of the book.
        share: see `run_in_folder`.
        fail: a shard and the error that it ends in.
        before: called with the plan before each shard is computed.
        settings: see `run_in_folder`.
    """
    given = makes() if of is None else of

    def work(plan):
        def compute(number):
            if before is not None:
                before(plan)
            if fail is not None and number == fail[0]:
                raise fail[1]
            write_shard(out, plan, number, shard_of(plan, number))

        @contextmanager
        def pool():
            yield LocalPool(compute)

        return Work(
            pool=pool,
            manifest=lambda records: {"shards": len(records), "warnings": []},
            tables=lambda: {"stress_moves": pd.DataFrame({"asset": ["BTC"], "move": [-0.5]})},
        )

    with failure_told(settings.get("metrics")) as began:
        return run_in_folder(
            out, given, lambda: RunPlan(given, accounts, TABLES), work, began=began, share=share,
            **settings,
        )  # fmt: skip


def files(folder):
    """Bytes of every file but those that may differ, by name."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.relative_to(folder).parts[0] not in MOVING
    }


def forked(act):
    """Do `act` in a process of its own; how that ended."""
    return ended(fork(act))


def ended(child):
    """How a process ended, once it has."""
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def fork(act):
    """Begin `act` in a process of its own; its number."""
    child = os.fork()
    if child == 0:
        code = 1
        try:
            act()
            code = 0
        finally:
            os._exit(code)
    return child


def share_at_once(folder):
    """Three processes share nine shards at the same time, one is killed; then three again."""
    out, of = folder / "shares", makes(size=1)
    assert forked(lambda: start(folder / "alone", of=of, accounts=9)) == 0

    def share(number, dies):
        def before(plan):
            time.sleep(0.02)  # so that all are at work together
            if dies and (out / "shards/00001.json").exists():
                (out / "components.parquet/.part-00004.parquet.0.partial").touch()
                os.kill(os.getpid(), signal.SIGKILL)

        start(out, of=of, accounts=9, share=(number, 3), before=before)

    def at_once(deadly):
        children = [fork(lambda k=k: share(k, k == deadly)) for k in range(3)]
        return [ended(child) for child in children]

    first, whole = at_once(1), (out / "manifest.json").exists()
    computed = len(list((out / "shards").glob("*.json")))
    (out / ".results.duckdb.0.partial.wal").touch()
    second = at_once(None)
    left = [path.name for path in out.rglob("*.partial*")]
    same = files(out) == files(folder / "alone")
    return {"first": [*first, whole, computed], "second": [*second, same, left]}


def main(folder):
    """Kill at every step, and go on after each."""
    assert forked(lambda: start(folder / "whole", accounts=3)) == 0
    whole = files(folder / "whole")
    killed, same, early, step = 0, 0, 0, 0
    while True:
        step += 1
        out = folder / f"{step}"

        def once(out=out, step=step):
            stop_at(step, lambda: os.kill(os.getpid(), signal.SIGKILL))
            start(out, accounts=3)

        ended = forked(once)
        if ended == 0:
            break
        assert ended == -signal.SIGKILL, ended
        killed += 1
        there = files(out) if out.exists() else {}
        final = {name for name in there if not Path(name).name.startswith(".")}
        early += not all(there[name] == whole[name] for name in final)
        assert forked(lambda out=out: start(out, accounts=3)) == 0
        same += files(out) == whole
        shutil.rmtree(out)
    found = {"killed": killed, "same": same, "half_final": early}
    print(json.dumps(found | share_at_once(folder)))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
