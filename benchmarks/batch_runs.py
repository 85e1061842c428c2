"""What does a job in shards cost over one in one go, and what does it survive?

200,000 accounts x 30 positions x 1,000 scenarios by the real commands, compiled programs kept:
accounts a minute of `jaxmargin run` and of `jaxmargin margin`. Then the run is killed 20 times at
random moments and must end with the same bytes; spoiled files must be caught, each of them; and the
memory of a process that runs 50 jobs one after the other must stay flat.
Run: python benchmarks/batch_runs.py [ACCOUNTS]
"""

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd
from harness import others_seconds, write_result

ROOT = Path(__file__).parents[1]
ACCOUNTS, WIDTH, SCENARIOS, SHARDS = 200_000, 30, 1_000, 20
ROUNDS, KILLS, RUNS, SPOILED = 2, 20, 50, 1_000
SMALL = 2_000  # accounts of each of the runs one after the other
MOST_GROWTH = 0.05  # of memory, from the tenth run to the last
MOVING = ("status.json", "lock", "locks")  # times, and who holds the folder


def make_job(folder, accounts):
    """The synthetic demo with accounts of 30 positions and 1,000 drawn scenarios; its job file."""
    from jaxmargin.jobs import write_demo

    job = write_demo(folder, accounts=3)
    names = pd.read_parquet(folder / "instruments.parquet")["instrument"].to_numpy()
    numbers = np.random.default_rng(5)
    step = numbers.integers(1, len(names) // WIDTH + 1, (accounts, WIDTH))
    first = numbers.integers(0, len(names), (accounts, 1))
    contract = (first + np.cumsum(step, axis=1)) % len(names)
    pd.DataFrame(
        {
            "account": np.repeat([f"account-{n:07d}" for n in range(accounts)], WIDTH),
            "instrument": names[contract.reshape(-1)],
            "quantity": numbers.normal(size=accounts * WIDTH).round(3),
        }
    ).to_parquet(folder / "positions.parquet", index=False)
    text = job.read_text()
    text = text.replace('kind = "historical"', f'kind = "gaussian"\nscenarios = {SCENARIOS}')
    job.write_text(text[: text.index("[allocation]")])
    return job


def command(cache, *words):
    """The real command, started."""
    environment = os.environ | {"PYTHONPATH": str(ROOT), "JAXMARGIN_CACHE": str(cache)}
    return subprocess.Popen(
        [sys.executable, "-m", "jaxmargin", *map(str, words)],
        env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


def timed(process):
    """Seconds until it ends, which must be well."""
    start = time.perf_counter()
    _, errors = process.communicate()
    assert process.returncode == 0, errors
    return time.perf_counter() - start


def files(folder):
    """Bytes of every file of a run but those with times."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and path.relative_to(folder).parts[0] not in MOVING
    }


def compare_times(work, job, cache, words):
    """Seconds of both commands, the best of some rounds in turn, after one that compiles."""
    seconds = {"margin": [], "run": []}
    for number in range(ROUNDS + 1):
        for name, more in (("margin", ()), ("run", words)):
            out = work / f"{name}{number}"
            took = timed(command(cache, name, job, "--out", out, *more))
            seconds[name] += [took] * (number > 0)
            if number < ROUNDS:
                shutil.rmtree(out)
    parts, whole = (work / f"{name}{ROUNDS}" for name in ("run", "margin"))
    for table in ("requirements", "components"):
        pd.testing.assert_frame_equal(
            pd.read_parquet(parts / f"{table}.parquet"),
            pd.read_parquet(whole / f"{table}.parquet"),
            check_exact=True,
        )
    return seconds, parts


def killed(work, job, cache, words, reference, seconds):
    """Kill a run again and again at random moments; kills, and folders that ended the same."""
    moments, expected, kills, folders = random.Random(11), files(reference), 0, 0
    while kills < KILLS:
        out, ended = work / "killed", False  # as deep as the other, whose job counts from there
        while not ended:
            process = command(cache, "run", job, "--out", out, *words)
            if kills < KILLS:
                try:
                    process.wait(moments.uniform(0.0, 0.6 * seconds))
                except subprocess.TimeoutExpired:
                    process.send_signal(signal.SIGKILL)
            _, errors = process.communicate()
            assert process.returncode in (0, -signal.SIGKILL), errors
            kills += process.returncode != 0
            ended = process.returncode == 0
        assert files(out) == expected
        folders += 1
        shutil.rmtree(out)
    return kills, folders


def spoiled(reference, copy):
    """Flip a bit of, or cut off, random files of a run; how many were tried and caught."""
    from jaxmargin.jobs.run._plan import read_plan
    from jaxmargin.jobs.run._sealed import read_sealed
    from jaxmargin.jobs.run._shard_files import problem_of

    shutil.copytree(reference, copy)
    plan, choices, caught = read_plan(copy), random.Random(12), 0
    paths = sorted(path for path in copy.rglob("*") if path.is_file() and path.suffix != ".lock")
    paths = [path for path in paths if path.relative_to(copy).parts[0] not in MOVING]
    for number in range(SPOILED):
        path = choices.choice(paths)
        content = path.read_bytes()
        place = choices.randrange(len(content))
        flipped = bytearray(content)
        flipped[place] ^= 1 << choices.randrange(8)
        path.write_bytes(content[:place] if number % 2 else bytes(flipped))
        if path.parent == copy:
            caught += read_sealed(path) is None
        else:
            shard = int(path.stem.removeprefix("part-"))
            caught += bool(problem_of(copy, plan, shard))
        path.write_bytes(content)
    return SPOILED, caught


def memory_of_runs(folder):
    """Megabytes held by this process after each of some runs of a small job."""
    from jaxmargin.jobs.run import run_job

    job, held = make_job(folder / "job", SMALL), []
    page = os.sysconf("SC_PAGE_SIZE") / 1e6
    for number in range(RUNS):
        run_job(job, folder / f"{number}", accounts_per_shard=SMALL // 4)
        shutil.rmtree(folder / f"{number}")
        held.append(int(Path("/proc/self/statm").read_text().split()[1]) * page)
    print(json.dumps(held))


def rows(content):
    """Rows of the README's table, of the numbers in `content` alone."""
    size = (
        f"{content['accounts']:,} accounts x {content['positions_per_account']} positions x "
        f"{content['scenarios']:,} scenarios"
    )
    rates = content["accounts_per_minute"]
    figure = f"{rates['run']:,.0f} accounts a minute; margin in one go {rates['margin']:,.0f}"
    return [
        {"question": f"jaxmargin run, {size}, f32, whole command", "figure": figure},
        {
            "question": "runs killed at random moments and gone on with",
            "figure": f"{content['kills']} kills, the same bytes each time; "
            f"{content['spoiled_caught']:,} of {content['spoiled_files']:,} spoiled files caught",
        },
    ]


def main(accounts):
    work = Path(tempfile.mkdtemp(prefix="batch"))
    try:
        job, cache = make_job(work / "job", accounts), work / "cache"
        words = ("--accounts-per-shard", max(1, accounts // SHARDS))
        start, others = time.perf_counter(), others_seconds()
        seconds, reference = compare_times(work, job, cache, words)
        busy = (others_seconds() - others) / (time.perf_counter() - start)
        best = {name: min(taken) for name, taken in seconds.items()}
        kills, folders = killed(work, job, cache, words, reference, best["run"])
        tried, caught = spoiled(reference, work / "spoiled")
        ran = subprocess.run(
            [sys.executable, __file__, "--memory", work / "memory"],
            env=os.environ | {"PYTHONPATH": str(ROOT)}, capture_output=True, text=True, check=True,
        )  # fmt: skip
        held = json.loads(ran.stdout.splitlines()[-1])
        growth = held[-1] / held[9] - 1.0
        assert caught == tried, (caught, tried)
        assert growth < MOST_GROWTH, held
    finally:
        shutil.rmtree(work)
    content = {
        "question": "whole commands, compiled programs kept: a job in shards and in one go",
        "accounts": accounts,
        "positions_per_account": WIDTH,
        "scenarios": SCENARIOS,
        "shards": SHARDS,
        "dtype": "float32",
        "seconds": seconds,
        "accounts_per_minute": {name: 60.0 * accounts / best[name] for name in best},
        "kills": kills,
        "folders_that_ended_with_the_same_bytes": folders,
        "spoiled_files": tried,
        "spoiled_caught": caught,
        "memory_megabytes_after_run": {"1": held[0], "10": held[9], str(RUNS): held[-1]},
        "memory_growth_from_run_10": growth,
        "cores_busy_with_others": busy,
    }
    write_result("batch_runs", content | {"readme": rows(content)})


if __name__ == "__main__":
    if "--memory" in sys.argv:
        memory_of_runs(Path(sys.argv[-1]))
    else:
        main(int(sys.argv[1]) if len(sys.argv) > 1 else ACCOUNTS)
