"""What do 10,000 accounts x 30 positions x 1,000 scenarios cost, in seconds and memory?

Expected shortfall of every account, from tables of numbers to requirements, in a process of its
own, so that its peak memory is the answer. A sample of accounts is checked against NumPy first, and
a changed quantity and an added position are shown to compile nothing.
Run: python benchmarks/margin_accounts.py
"""

import resource
import statistics
import time

import account_inputs as inputs
import jax
import numpy as np
from harness import device_megabytes, others_seconds, shown, write_result

from jaxmargin.book import Book, build_positions, pad_instruments
from jaxmargin.margin import RiskMeasureRulebook
from jaxmargin.risk import ExpectedShortfall
from jaxmargin.scenarios import HistoricalSimulation, price_history
from jaxmargin.valuation import contract_pnl
from jaxmargin.valuation._accounts import _on_block

ACCOUNTS, WIDTH, SCENARIOS, OPTIONS = 10_000, 30, 1_000, 2_000
LEVEL = 0.975


def rulebook_of(random, market):
    """ES over a history of heavy-tailed returns."""
    returns = random.standard_t(4, SCENARIOS) * 0.025
    close = 60_000.0 * np.exp(np.concatenate([[0.0], np.cumsum(returns)]))
    source = HistoricalSimulation(price_history(close[:, None], market, [0]), horizon_days=1)
    return RiskMeasureRulebook(source, jax.random.key(0), ExpectedShortfall(LEVEL))


def compiled_programs():
    """Programs of the account stage compiled so far in this process."""
    return _on_block._cached._cache_size()


def rows(content):
    """Rows of the README's table, of the numbers in `content` alone."""
    size = (
        f"{content['accounts']:,} accounts x {content['positions_per_account']} positions x "
        f"{content['scenarios']:,} scenarios"
    )
    warm, cold = (shown(content[name]) for name in ("warm_median_seconds", "cold_seconds"))
    memory = f"{content['peak_memory_megabytes']:,.0f} MB"
    return [
        {"question": f"margin {size}, f32", "figure": f"{warm} s warm, {cold} s cold, {memory}"}
    ]


def main():
    random = np.random.default_rng(11)
    market = inputs.market()
    options = pad_instruments(inputs.options(random, OPTIONS, market))
    rulebook = rulebook_of(random, market)
    held = inputs.held(random, ACCOUNTS, WIDTH, OPTIONS)
    positions = account, instrument, quantity = [x[1:] for x in held]  # the first has room
    book = Book((options,), build_positions(*positions, accounts=ACCOUNTS))

    def run(book):
        start = time.perf_counter()
        result = jax.block_until_ready(rulebook.requirement(book, market))
        return result, time.perf_counter() - start

    requirement, cold = run(book)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    shortfall = requirement.components["expected_shortfall"]
    pnl = contract_pnl(book, market, rulebook.source.shocks(market, rulebook.key))
    error = inputs.shortfall_error(shortfall, pnl, positions, every=100, level=LEVEL)
    assert error < 1e-6, error
    start, others = time.perf_counter(), others_seconds()
    warm = statistics.median(run(book)[1] for _ in range(9))
    busy = (others_seconds() - others) / (time.perf_counter() - start)

    programs = compiled_programs()
    changed = quantity.copy()
    changed[5] += 1.0
    run(Book((options,), build_positions(account, instrument, changed, accounts=ACCOUNTS)))
    unheld = np.setdiff1d(np.arange(OPTIONS), instrument[account == 0])[0]
    more = (np.append(account, 0), np.append(instrument, unheld), np.append(quantity, 1.0))
    run(Book((options,), build_positions(*more, accounts=ACCOUNTS)))
    new_programs = compiled_programs() - programs
    assert new_programs == 0, new_programs
    content = {
        "question": "expected shortfall of every account, pricing included",
        "accounts": ACCOUNTS,
        "positions_per_account": WIDTH,
        "scenarios": SCENARIOS,
        "options": OPTIONS,
        "dtype": str(market.spot.dtype),
        "largest_error_over_gross_notional": error,
        "cold_seconds": cold,
        "warm_median_seconds": warm,
        "peak_memory_megabytes": peak,
        "peak_device_megabytes": device_megabytes(),
        "cores_busy_with_others": busy,
        "programs_compiled_by_a_changed_quantity_or_an_added_position": new_programs,
    }
    write_result("margin_accounts", content | {"readme": rows(content)})


if __name__ == "__main__":
    main()
