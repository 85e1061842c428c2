"""What do 10,000 accounts x 30 positions x 1,000 scenarios cost, in seconds and memory?

Expected shortfall of every account, from tables of numbers to requirements, in a process of its
own, so that its peak memory is the answer. A sample of accounts is checked against NumPy first, and
a changed quantity and an added position are shown to compile nothing.
Run: python benchmarks/margin_accounts.py
"""

import resource
import statistics
import time

import jax
import jax.numpy as jnp
import numpy as np
from harness import write_result

from jaxmargin.book import Book, build_positions, pad_instruments
from jaxmargin.instruments import InverseOptions
from jaxmargin.margin import ExpectedShortfallRulebook
from jaxmargin.market import Market, QuotedVolatilities
from jaxmargin.scenarios import HistoricalSimulation, price_history
from jaxmargin.valuation import contract_pnl
from jaxmargin.valuation._accounts import _on_block

ACCOUNTS, WIDTH, SCENARIOS, OPTIONS, PILLARS = 10_000, 30, 1_000, 2_000, 24
LEVEL = 0.975


def inputs(random):
    years = np.linspace(0.02, 0.9, PILLARS)
    forward = 60_000.0 * np.exp(0.04 * years)
    strikes = forward[:, None] * np.linspace(0.5, 1.8, 40)
    market = Market(
        spot=jnp.array([60_000.0]),
        perpetual=jnp.array([60_000.0]),
        asset=jnp.zeros(PILLARS, jnp.int32),
        time=jnp.asarray(years),
        forward=jnp.asarray(forward),
        rate=jnp.zeros(PILLARS),
        surface=QuotedVolatilities(
            jnp.asarray(strikes), jnp.full(strikes.shape, 0.6), jnp.ones(PILLARS)
        ),
    )
    pillar = np.sort(random.integers(0, PILLARS, OPTIONS)).astype(np.int32)
    options = InverseOptions(
        pillar=jnp.asarray(pillar),
        strike=jnp.asarray(strikes[pillar, random.integers(0, 40, OPTIONS)]),
        sign=jnp.asarray(random.choice([-1.0, 1.0], OPTIONS)),
        settlement=jnp.zeros(OPTIONS, jnp.int32),
        multiplier=jnp.ones(OPTIONS),
    )
    returns = random.standard_t(4, SCENARIOS) * 0.025
    close = 60_000.0 * np.exp(np.concatenate([[0.0], np.cumsum(returns)]))
    source = HistoricalSimulation(price_history(close[:, None], market, [0]), horizon_days=1)
    rulebook = ExpectedShortfallRulebook(source, jax.random.key(0), level=LEVEL)
    return market, pad_instruments(options), rulebook


def held(random):
    account = np.repeat(np.arange(ACCOUNTS), WIDTH)
    instrument = np.concatenate(
        [random.choice(OPTIONS, WIDTH, replace=False) for _ in range(ACCOUNTS)]
    )
    return account, instrument, random.normal(0.0, 1.0, account.size)


def largest_error(rulebook, book, market, positions, requirement):
    """Against sorted NumPy sums over the same contract P&L, for every hundredth account."""
    account, instrument, quantity = positions
    shocks = rulebook.source.shocks(market, rulebook.key)
    pnl = np.asarray(contract_pnl(book, market, shocks), np.float64)
    worst, tail = 0.0, SCENARIOS * 25 // 1000
    for row in range(0, ACCOUNTS, 100):
        mine = account == row
        losses = np.sort(-(quantity[mine] @ pnl[instrument[mine]]))[::-1]
        gross = np.abs(quantity[mine]).sum() * 60_000.0
        shown = float(requirement.components["expected_shortfall"][row])
        worst = max(worst, abs(shown - losses[:tail].mean()) / gross)
    return worst


def compiled_programs():
    """Programs of the account stage compiled so far in this process."""
    return _on_block._cached._cache_size()


def main():
    random = np.random.default_rng(11)
    market, options, rulebook = inputs(random)
    positions = account, instrument, quantity = held(random)
    book = Book((options,), build_positions(*positions, accounts=ACCOUNTS))

    def run(book):
        start = time.perf_counter()
        result = jax.block_until_ready(rulebook.requirement(book, market))
        return result, time.perf_counter() - start

    requirement, cold = run(book)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    error = largest_error(rulebook, book, market, positions, requirement)
    assert error < 1e-6, error
    warm = statistics.median(run(book)[1] for _ in range(7))

    programs = compiled_programs()
    changed = quantity.copy()
    changed[5] += 1.0
    run(Book((options,), build_positions(account, instrument, changed, accounts=ACCOUNTS)))
    unheld = np.setdiff1d(np.arange(OPTIONS), instrument[account == 0])[0]
    more = (np.append(account, 0), np.append(instrument, unheld), np.append(quantity, 1.0))
    run(Book((options,), build_positions(*more, accounts=ACCOUNTS)))
    new_programs = compiled_programs() - programs
    assert new_programs == 0, new_programs
    write_result(
        "margin_accounts",
        {
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
            "programs_compiled_by_a_changed_quantity_or_an_added_position": new_programs,
        },
    )


if __name__ == "__main__":
    main()
