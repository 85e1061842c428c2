"""What do 100,000 accounts x 30 positions x 10,000 scenarios cost, in seconds and memory?

Expected shortfall of every account with its standard error, from tables of numbers to requirements,
in single precision and in a process of its own, so that its peak memory is the answer; it must stay
under 8 GB. A sample of accounts is checked against NumPy; on a GPU the same call is timed again
when it is warm. Other sizes are written to a file of their own.
Run: python benchmarks/margin_many_accounts.py [ACCOUNTS SCENARIOS]
"""

import resource
import statistics
import sys
import time

import account_inputs as inputs
import jax
import numpy as np
from harness import device_megabytes, others_seconds, shown, write_result

from jaxmargin.book import Book, build_positions
from jaxmargin.margin import RiskMeasureRulebook
from jaxmargin.risk import ExpectedShortfall
from jaxmargin.scenarios import GivenScenarios
from jaxmargin.valuation import contract_pnl

ACCOUNTS, WIDTH, SCENARIOS, OPTIONS, LEVEL = 100_000, 30, 10_000, 2_000, 0.975
MOST_MEGABYTES, TOLERANCE = 8_000, 1e-6  # of memory; of gross notional
NAME = "margin_many_accounts"
if len(sys.argv) > 1:
    ACCOUNTS, SCENARIOS = map(int, sys.argv[1:])
    NAME = f"{NAME}_{ACCOUNTS}_{SCENARIOS}"


def peak_megabytes():
    """Most memory that this process has held so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def warm_figures(rulebook, book, market):
    """Seconds of the margin of a book that is there, median of five, and whether bits repeat."""
    seconds, answers = [], []
    for _ in range(5):
        start = time.perf_counter()
        answers.append(rulebook.requirement(book, market).components["expected_shortfall"])
        jax.block_until_ready(answers[-1])
        seconds.append(time.perf_counter() - start)
    assert all(np.array_equal(answers[0], each) for each in answers)
    return {"warm_seconds": statistics.median(seconds), "bits_repeat": True}


def rows(content):
    """Rows of the README's table, of the numbers in `content` alone."""
    size = (
        f"{content['accounts']:,} accounts x {content['positions_per_account']} positions x "
        f"{content['scenarios']:,} scenarios"
    )
    memory = f"{content['peak_memory_megabytes'] / 1000:.1f} GB"
    figure = f"{shown(content['seconds'])} s with compilation, {memory}"
    if "warm_seconds" in content:
        rate = content["accounts"] / content["warm_seconds"]
        device = f"{content['peak_device_megabytes'] / 1000:.1f} GB of the device"
        figure += f"; {shown(content['warm_seconds'])} s warm ({rate:,.0f} accounts/s), {device}"
    return [{"question": f"margin {size}, f32", "figure": figure}]


def main():
    random = np.random.default_rng(17)
    market = inputs.market()
    options = inputs.options(random, OPTIONS, market)
    source = GivenScenarios(inputs.shocks(random, SCENARIOS))
    rulebook = RiskMeasureRulebook(source, jax.random.key(0), ExpectedShortfall(LEVEL))
    held = inputs.held(random, ACCOUNTS, WIDTH, OPTIONS)

    start, others = time.perf_counter(), others_seconds()
    book = Book((options,), build_positions(*held, accounts=ACCOUNTS))
    built = time.perf_counter() - start
    requirement = jax.block_until_ready(rulebook.requirement(book, market))
    seconds = time.perf_counter() - start
    busy = (others_seconds() - others) / seconds
    peak = peak_megabytes()
    assert peak < MOST_MEGABYTES or len(sys.argv) > 1, peak
    warm = {} if jax.default_backend() == "cpu" else warm_figures(rulebook, book, market)

    shortfall = requirement.components["expected_shortfall"]
    assert shortfall.shape == (ACCOUNTS,) and shortfall.dtype == np.float32
    pnl = contract_pnl(book, market, source.given)
    error = inputs.shortfall_error(shortfall, pnl, held, every=500, level=LEVEL)
    assert error < TOLERANCE, error
    content = {
        "question": "expected shortfall of every account, from tables to requirements, first call",
        "accounts": ACCOUNTS,
        "positions_per_account": WIDTH,
        "scenarios": SCENARIOS,
        "options": OPTIONS,
        "dtype": "float32",
        "largest_error_over_gross_notional": error,
        "seconds": seconds,
        "seconds_of_building_positions": built,
        "peak_memory_megabytes": peak,
        "peak_device_megabytes": device_megabytes(),
        **warm,
        "accounts_at_once": requirement.execution.chunk_rows,
        "devices": requirement.execution.devices,
        "cores_busy_with_others": busy,
    }
    write_result(NAME, content | {"readme": rows(content)})


if __name__ == "__main__":
    main()
