"""What do 100,000 accounts x 30 positions x 10,000 scenarios cost, in seconds and memory?

Expected shortfall of every account with its standard error, from tables of numbers to requirements,
in single precision and in a process of its own, so that its peak memory is the answer; it must stay
under 8 GB. A sample of accounts is checked against NumPy.
Run: python benchmarks/margin_many_accounts.py
"""

import resource
import time

import account_inputs as inputs
import jax
import numpy as np
from harness import others_seconds, shown, write_result

from jaxmargin.book import Book, build_positions
from jaxmargin.margin import RiskMeasureRulebook
from jaxmargin.risk import ExpectedShortfall
from jaxmargin.scenarios import GivenScenarios
from jaxmargin.valuation import contract_pnl

ACCOUNTS, WIDTH, SCENARIOS, OPTIONS, LEVEL = 100_000, 30, 10_000, 2_000, 0.975
MOST_MEGABYTES, TOLERANCE = 8_000, 1e-6  # of memory; of gross notional


def peak_megabytes():
    """Most memory that this process has held so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def rows(content):
    """Rows of the README's table, of the numbers in `content` alone."""
    size = (
        f"{content['accounts']:,} accounts x {content['positions_per_account']} positions x "
        f"{content['scenarios']:,} scenarios"
    )
    memory = f"{content['peak_memory_megabytes'] / 1000:.1f} GB"
    figure = f"{shown(content['seconds'])} s with compilation, {memory}"
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
    assert peak < MOST_MEGABYTES, peak

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
        "accounts_at_once": requirement.execution.chunk_rows,
        "devices": requirement.execution.devices,
        "cores_busy_with_others": busy,
    }
    write_result("margin_many_accounts", content | {"readme": rows(content)})


if __name__ == "__main__":
    main()
