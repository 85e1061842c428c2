"""What does the margin after each of 100,000 candidate trades cost?

One account of 30 positions x 1,000 scenarios (padded to 1,024), ES 97.5 %; each trade is of one of
2,000 contracts. Against NumPy with a rank-one update and a partition for each trade, and against a
loop of full runs and of updates, of which a few are run. All answers are compared with NumPy's in
double precision first, some with full runs bit for bit.
Run: python benchmarks/what_if.py
"""

import os
import time
from concurrent.futures import ThreadPoolExecutor

import account_inputs as inputs
import jax
import numpy as np
from harness import others_seconds, ratios, shown, time_in_turn, write_result

from jaxmargin.book import Book, after_trades, build_positions, pad_instruments
from jaxmargin.margin import RiskMeasureRulebook, start_run, update_run
from jaxmargin.risk import ExpectedShortfall
from jaxmargin.scenarios import GivenScenarios
from jaxmargin.sensitivities import what_if

CORES = os.cpu_count() or 1
WIDTH, SCENARIOS, OPTIONS, TRADES, LEVEL = 30, 1_000, 2_000, 100_000, 0.975
TAIL = 25  # scenarios in the tail, a whole number
TOGETHER = 200  # trades of one NumPy call: their P&L stays in the cache
LOOP = 10  # full runs and updates that are run, each for one trade
TOLERANCE = {"f64": 1e-12, "f32": 1e-6}  # of the gross notional
PEERS = {
    "numpy_on_all_cores": f"NumPy, update and partition of {TOGETHER} rows on all cores",
    "numpy": "of a row at a time",
    "updates": "as a loop of update_run",
    "full_runs": "of full runs",
}


def with_numpy(base, pnl, contract, quantity):
    """ES after each trade, a trade at a time."""

    def call():
        found = np.empty(contract.size, pnl.dtype)
        for trade in range(contract.size):
            total = base + quantity[trade] * pnl[contract[trade]]
            total.partition(TAIL - 1)
            found[trade] = -total[:TAIL].mean()
        return found

    return call


def with_numpy_on_all_cores(base, pnl, contract, quantity):
    """ES after each trade, some trades at a time, in a thread for each core."""
    parts = [slice(i, i + TOGETHER) for i in range(0, contract.size, TOGETHER)]

    def of(part):
        total = pnl[contract[part]]
        total *= quantity[part, None]
        total += base
        total.partition(TAIL - 1, axis=1)
        return -total[:, :TAIL].mean(axis=1)

    def call():
        with ThreadPoolExecutor(CORES) as threads:
            return np.concatenate(list(threads.map(of, parts)))

    return call


def run(precision):
    """Errors and seconds in one precision."""
    random = np.random.default_rng(7)
    market = inputs.market()
    options = pad_instruments(inputs.options(random, OPTIONS, market))
    source = GivenScenarios(inputs.shocks(random, SCENARIOS))
    rulebook = RiskMeasureRulebook(source, jax.random.key(0), ExpectedShortfall(LEVEL))
    account, instrument, held = inputs.held(random, 1, WIDTH, OPTIONS)
    book = Book((options,), build_positions(account, instrument, held, accounts=1))
    contract, quantity = random.integers(0, OPTIONS, TRADES), random.normal(size=TRADES)
    owner = np.zeros(TRADES, int)
    start = start_run(rulebook, book, market)

    def traded(trade):
        one = slice(trade, trade + 1)
        return Book(
            (options,), after_trades(book.positions, owner[one], contract[one], quantity[one])
        )

    def loop(of):
        return lambda: [of(traded(trade)) for trade in range(LOOP)]

    pnl = np.asarray(start.pnl)[:, :SCENARIOS]
    assert start.pnl.shape[1] == 1_024
    double = pnl.astype(np.float64)
    peers = (held @ double[instrument]).astype(pnl.dtype), pnl, contract, quantity.astype(pnl.dtype)
    calls = {
        "what_if": lambda: what_if(start, owner, contract, quantity).initial,
        "numpy_on_all_cores": with_numpy_on_all_cores(*peers),
        "numpy": with_numpy(*peers),
        "updates": loop(lambda b: update_run(start, b).requirement.initial),
        "full_runs": loop(lambda b: rulebook.requirement(b, market).initial),
    }
    begin = time.perf_counter()
    answer = np.asarray(calls["what_if"]())
    first = time.perf_counter() - begin
    for name in ("updates", "full_runs"):
        np.testing.assert_array_equal(answer[:LOOP], np.concatenate(calls[name]()))
    exact = with_numpy(held @ double[instrument], double, contract, quantity)()
    gross = np.abs(held).sum() * inputs.SPOT
    errors = {
        name: float(np.abs(found - np.maximum(exact, 0.0)).max() / gross)
        for name, found in (
            ("what_if", answer.astype(np.float64)),
            *((name, np.maximum(calls[name](), 0.0)) for name in ("numpy", "numpy_on_all_cores")),
        )
    }
    assert max(errors.values()) < TOLERANCE[precision], errors
    begin, others = time.perf_counter(), others_seconds()
    seconds = time_in_turn(calls, rounds=7)
    busy = (others_seconds() - others) / (time.perf_counter() - begin)
    seconds["what_if"]["first"] = first
    for name in ("updates", "full_runs"):
        seconds[name] = {key: each * TRADES / LOOP for key, each in seconds[name].items()}
    median = {name: each["median"] for name, each in seconds.items()}
    return {
        "largest_error_over_gross_notional": errors,
        "seconds": seconds,
        "cores_busy_with_others": busy,
        "trades_per_second": TRADES / median["what_if"],
        "times_what_if": {name: each / median["what_if"] for name, each in median.items()},
    }


def rows(content):
    """Rows of the README's table, of the numbers in `content` alone."""
    rates, times = [], []
    for precision in ("f32", "f64"):
        part = content[precision]
        labels, figures = ratios(part["times_what_if"], PEERS)
        rates.append(f"{precision} {shown(part['seconds']['what_if']['median'])} s")
        times.append(f"{precision} {figures}")
    return [
        {
            "question": f"margin of an account of {content['positions']} positions x "
            f"{content['scenarios']:,} scenarios after each of {content['trades']:,} trades",
            "figure": "; ".join(rates),
        },
        {"question": f"those ES, times as fast as {labels}", "figure": "; ".join(times)},
    ]


def main():
    jax.config.update("jax_num_cpu_devices", CORES)  # as the command line does
    results = {}
    for precision in ("f32", "f64"):
        jax.config.update("jax_enable_x64", precision == "f64")
        results[precision] = run(precision)
    content = {
        "question": "expected shortfall of one account after each of many trades in turn",
        "positions": WIDTH,
        "scenarios": SCENARIOS,
        "contracts": OPTIONS,
        "trades": TRADES,
        "threads": CORES,
        "numpy": np.__version__,
        "answers": "what_if gives initial and maintenance margin of any rulebook, and computes "
        "standard errors on the way; NumPy gives the ES alone, of trades in one contract",
        "loops": f"{LOOP} updates and full runs were run; their seconds are times "
        f"{TRADES // LOOP:,}. Full runs price all contracts again, updates and the rest do not.",
        "checked": f"all trades against NumPy in double precision, {LOOP} bit for bit against "
        "updates and full runs",
        **results,
    }
    write_result("what_if", content | {"readme": rows(content)})


if __name__ == "__main__":
    main()
