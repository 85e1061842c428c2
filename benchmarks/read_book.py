"""What do reading and checking 1,000,000 positions take, in CPU seconds and memory?

Parquet and CSV, each in a process of its own, and the refusal of a book whose positions are all in
unknown contracts. Run: python benchmarks/read_book.py
"""

import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd
from harness import write_result

from jaxmargin.io import Problems, read_table, write_table
from jaxmargin.io._schema import POSITIONS

POSITION_COUNT, CONTRACTS, WIDTH, ROUNDS = 1_000_000, 5_000, 10, 3


def positions():
    """Ten positions an account."""
    random = np.random.default_rng(0)
    number = np.arange(POSITION_COUNT)
    step = random.integers(1, CONTRACTS // WIDTH, POSITION_COUNT // WIDTH).repeat(WIDTH)
    contract = (number % WIDTH * step + number // WIDTH) % CONTRACTS
    return pd.DataFrame(
        {
            "account": [f"account-{row // WIDTH:06d}" for row in number],
            "instrument": [f"BTC-27MAR26-{row * 100}-C" for row in contract],
            "quantity": random.normal(size=POSITION_COUNT),
        }
    )


def megabytes():
    """Most memory of this process so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def measure(path):
    """CPU seconds and memory of reading a file, and of naming every contract as unknown."""
    before, seconds = megabytes(), []
    for _ in range(ROUNDS):
        start, problems = time.process_time(), Problems()
        read = read_table(path, POSITIONS, problems)
        seconds.append(time.process_time() - start)
        assert problems.found == [] and read is not None and len(read) == POSITION_COUNT
    after, start = megabytes(), time.process_time()
    problems.add_unknown(path.name, "instrument", read["instrument"], ["ETH-SPOT"] * 9, "Cure.")
    assert len(problems.found) == 1
    return {
        "cpu_seconds": float(np.median(seconds)),
        "megabytes": after - before,
        "file_megabytes": path.stat().st_size / 1e6,
        "cpu_seconds_to_refuse_unknown": time.process_time() - start,
    }


def main():
    if len(sys.argv) > 1:
        print(json.dumps(measure(Path(sys.argv[1]))))
        return
    found, table = {}, positions()
    with tempfile.TemporaryDirectory() as folder:
        write_table(table, Path(folder) / "positions.parquet")
        table.to_csv(Path(folder) / "positions.csv", index=False)
        for path in sorted(Path(folder).iterdir()):
            command = [sys.executable, __file__, str(path)]
            printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
            found[path.suffix[1:]] = json.loads(printed)
    write_result("read_book", {"positions": POSITION_COUNT, "contracts": CONTRACTS, **found})


if __name__ == "__main__":
    main()
