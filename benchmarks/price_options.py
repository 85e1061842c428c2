"""How fast are 2,000 options priced in 2,000 scenarios, against six other ways to do it?

All get the same shocks and return the P&L of every contract in every scenario, in USD; each answer
is checked against NumPy's before anything is timed. A peer that does not import is listed as not
run. With all peers, on Python 3.11 (TensorFlow comes with tf-keras; neither is in the extra):

    pip install -e '.[benchmark]' tf-keras tf-quant-finance && python benchmarks/price_options.py
"""

import os
import time
from importlib.metadata import PackageNotFoundError, version

os.environ["PROTOCOL_BUFFERS_PYTHON_IMPLEMENTATION"] = "python"  # tf-quant-finance needs it
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "2"
os.environ["OMP_WAIT_POLICY"] = "PASSIVE"  # or idle threads of torch and numba spin into the next

import jax
import jax.numpy as jnp
import numpy as np
from harness import others_seconds, shown, time_in_turn, write_result
from price_peers import EVERY, Case, build_peers, with_numpy
from risk_peers import on_host

from jaxmargin.book import Book, build_positions
from jaxmargin.instruments import InverseOptions
from jaxmargin.market import Market, QuotedVolatilities
from jaxmargin.scenarios import Shocks
from jaxmargin.valuation import contract_pnl
from jaxmargin.valuation._option_price import price
from jaxmargin.valuation._options import _hoist, _nodes, _prepare

OPTIONS, SCENARIOS, PILLARS = 2_000, 2_000, 24
SPOT, DAYS = 60_000.0, 1
TOLERANCE = {"f64": 1e-14, "f32": 1e-6}  # of the spot
REFERENCE = "numpy_scipy_f64"


def inputs():
    """The case, and the strikes and volatilities that the market quotes by expiry."""
    random = np.random.default_rng(7)
    years = np.linspace(0.02, 0.9, PILLARS)
    forward = SPOT * np.exp(0.04 * years)
    strikes = forward[:, None] * np.linspace(0.5, 1.8, 40)
    quotes = 0.5 + 0.3 * np.log(strikes / forward[:, None]) ** 2
    pillar = np.sort(random.integers(0, PILLARS, OPTIONS)).astype(np.int32)
    node = random.integers(0, 40, OPTIONS)
    case = Case(
        spot=SPOT,
        forward=forward,
        years=years,
        left=years - DAYS / 365,
        carry=np.log(forward / SPOT) * (DAYS / 365) / years,
        pillar=pillar,
        strike=strikes[pillar, node],
        sign=random.choice([-1.0, 1.0], OPTIONS),
        volatility=quotes[pillar, node],
        spot_move=random.normal(0.0, 0.05, (1, SCENARIOS)),
        volatility_move=random.normal(0.0, 0.1, (PILLARS, SCENARIOS)),
    )
    return case, strikes, quotes


def with_jaxmargin(case, strikes, quotes, dtype):
    """The same as a call without arguments, and its kernel alone, all arrays in `dtype`."""
    array = jnp.asarray
    market = Market(
        spot=array([SPOT]),
        perpetual=array([SPOT]),
        asset=jnp.zeros(PILLARS, jnp.int32),
        time=array(case.years),
        forward=array(case.forward),
        rate=jnp.zeros(PILLARS),
        surface=QuotedVolatilities(array(strikes), array(quotes), jnp.ones(PILLARS)),
    )
    batch = InverseOptions(
        pillar=array(case.pillar),
        strike=array(case.strike),
        sign=array(case.sign),
        settlement=jnp.zeros(OPTIONS, jnp.int32),
        multiplier=jnp.ones(OPTIONS),
    )
    still = jnp.zeros((PILLARS, SCENARIOS))
    moves = Shocks(
        spot=array(case.spot_move),
        perpetual=jnp.zeros((1, SCENARIOS)),
        funding=jnp.zeros((1, SCENARIOS)),
        basis=still,
        volatility=array(case.volatility_move),
        rate=still,
        time=jnp.full(SCENARIOS, DAYS / 365),
        weight=jnp.ones(SCENARIOS),
        overlap=jnp.ones(()),
    )
    batch, market, moves = jax.tree.map(
        lambda x: x.astype(dtype) if jnp.issubdtype(x.dtype, jnp.floating) else x,
        (batch, market, moves),
    )
    nobody = np.zeros(0, np.int64)
    book = Book((batch,), build_positions(nobody, nobody, np.zeros(0), accounts=0))
    pillar, settlement, node = _nodes(batch)
    contracts = _prepare(batch, market, node)
    shared = _hoist(market, moves, pillar, settlement, inverse=True)
    return lambda: contract_pnl(book, market, moves), lambda: price(contracts, shared)


def largest_error(name, pnl, expected):
    """Over the spot, after the type is checked; QuantLib's answer is of each twentieth option."""
    pnl = on_host(pnl)
    assert pnl.dtype == (np.float64 if name.endswith("f64") else np.float32), name
    if name.startswith("quantlib"):
        expected = expected[::EVERY]
    error = float(np.abs(pnl - expected).max() / SPOT)
    assert error < TOLERANCE[name[-3:]], (name, error)
    return error


def versions():
    """Of the packages of the peers, as far as they are installed."""
    found = {}
    for package in (
        "numpy",
        "scipy",
        "numba",
        "torch",
        "tensorflow",
        "tf-quant-finance",
        "QuantLib",
    ):
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def rows(content):
    """Rows of the README's table, of the numbers in `content` alone."""
    speed = content["times_numpy"]

    def against(peer, names):
        found = [
            f"{precision} {shown(speed[f'jaxmargin_{precision}'] / speed[f'{peer}_{precision}'])}x"
            for precision in ("f64", "f32")
            if f"{peer}_{precision}" in speed
        ]
        return [f"{names} {', '.join(found)}"] if found else []

    def times(name):
        return f"{shown(speed[name])}x"

    size = f"{content['options']:,} options x {content['scenarios']:,} scenarios"
    kernel = f"{times('jaxmargin_kernel_f64')}, {times('jaxmargin_kernel_f32')}"
    whole = f"f64 {times('jaxmargin_f64')}, f32 {times('jaxmargin_f32')}"
    peers = [
        *against("numba", "numba"),
        *against("torch", "torch"),
        *against("tf_quant_finance", "tf-quant-finance (XLA)"),
        *against("quantlib", "QuantLib"),
    ]
    first = {
        "question": f"price {size}, times NumPy + scipy f64",
        "figure": f"{whole}; kernel alone {kernel}",
    }
    second = {
        "question": "the same, times others of the same precision",
        "figure": "; ".join(peers),
    }
    return [first, second] if peers else [first]


def main():
    jax.config.update("jax_enable_x64", True)
    case, strikes, quotes = inputs()
    calls = {
        REFERENCE: with_numpy(case, np.float64),
        "numpy_scipy_f32": with_numpy(case, np.float32),
    }
    peers, not_run = build_peers(case)
    calls |= peers
    for suffix, dtype in (("f64", jnp.float64), ("f32", jnp.float32)):
        whole, kernel = with_jaxmargin(case, strikes, quotes, dtype)
        calls |= {f"jaxmargin_{suffix}": whole, f"jaxmargin_kernel_{suffix}": kernel}
    expected, errors, first = calls[REFERENCE](), {}, {}
    jax.clear_caches()  # so that the first call compiles
    for name, call in calls.items():
        start = time.perf_counter()
        pnl = jax.block_until_ready(call())
        first[name] = time.perf_counter() - start
        errors[name] = largest_error(name, pnl, expected)
    start, others = time.perf_counter(), others_seconds()
    seconds = time_in_turn(calls, rounds=15)
    others = (others_seconds() - others) / (time.perf_counter() - start)
    for name, each in seconds.items():
        each["first"] = first[name]
    whole = {
        name: each["median"] * (EVERY if name.startswith("quantlib") else 1)
        for name, each in seconds.items()
    }
    content = {
        "question": "P&L in USD of inverse options x scenarios, from shocks to numbers",
        "included": "today's values, what expiries share, and memory for the answer as the "
        "system's allocator gives it; arrays in the peer's type beforehand. jaxmargin_kernel: from "
        "what expiries share, computed beforehand",
        "first": "the call that was checked, with compilation; the kernel's is part of the whole's",
        "options": OPTIONS,
        "scenarios": SCENARIOS,
        "quantlib": f"each {EVERY}th option was run, {OPTIONS // EVERY} in all; 'seconds' are as "
        f"measured, all figures below times {EVERY}",
        "threads": "jax, tensorflow, torch, numba: a pool each of one thread a core; others one",
        "omp_wait_policy": os.environ["OMP_WAIT_POLICY"],
        "versions": versions(),
        "cores_busy_with_others": others,
        "not_run": not_run,
        "largest_error_over_spot": errors,
        "seconds": seconds,
        "million_prices_per_second": {n: OPTIONS * SCENARIOS / s / 1e6 for n, s in whole.items()},
        "times_numpy": {name: whole[REFERENCE] / s for name, s in whole.items()},
    }
    write_result("price_options", content | {"readme": rows(content)})


if __name__ == "__main__":
    main()
