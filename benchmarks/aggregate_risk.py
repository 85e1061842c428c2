"""How fast are VaR 99 % and ES 97.5 % of accounts found, given the P&L of every contract?

30 positions each: 9,600 accounts x 1,024 scenarios and 2,400 x 10,240, in single precision. All
candidates get the same table of contract P&L, and each answer is checked against NumPy in double
precision before anything is timed. A second process has two host devices, as `jax_num_cpu_devices`
makes them; only jaxmargin shares accounts out over those, so its peers are timed there again.
Run: python benchmarks/aggregate_risk.py (with numba and torch, if installed)
"""

import json
import os
import subprocess
import sys
import time

os.environ["OMP_WAIT_POLICY"] = "PASSIVE"  # or idle threads of torch and numba spin into the next

import account_inputs as inputs
import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import risk_peers as peers
from harness import others_seconds, shown, time_in_turn, write_result

from jaxmargin.book import Book, build_positions
from jaxmargin.risk import ExpectedShortfall, ValueAtRisk, estimate_risk
from jaxmargin.risk._base import joint_parts
from jaxmargin.valuation import contract_pnl, stream_losses

CONTRACTS, WIDTH = 2_000, 30
SIZES = ((9_600, 1_024), (2_400, 10_240))  # accounts, scenarios
MEASURES = (ValueAtRisk(0.99), ExpectedShortfall(0.975))
TOLERANCE = 1e-6  # of gross notional
LABELS = {
    "scipy_sort": "scipy + sort",
    "scipy_partition": "scipy + partition",
    "numba": "numba",
    "torch": "torch",
    "plain_jax": "plain JAX",
}


class MeasuresAlone(eqx.Module):
    """Weights of the measures, as `estimate_risk` has them, and nothing else kept."""

    weight: jax.Array

    def __call__(self, pnl):
        """See `Weighting`."""
        return joint_parts(MEASURES, pnl, self.weight), ()


def case_of(accounts, scenarios):
    """The table and positions, for the peers and for jaxmargin."""
    random = np.random.default_rng(5)
    market = inputs.market()
    options = inputs.options(random, CONTRACTS, market)
    account, instrument, quantity = inputs.held(random, accounts, WIDTH, CONTRACTS)
    positions = build_positions(account, instrument, quantity, accounts=accounts)
    pnl = contract_pnl(Book((options,), positions), market, inputs.shocks(random, scenarios))
    assert pnl.dtype == positions.blocks[0].quantity.dtype == jnp.float32
    held = (instrument.reshape(-1, WIDTH), quantity.astype(np.float32).reshape(-1, WIDTH))
    return peers.Case(*held, np.asarray(pnl)), positions, pnl


def with_jaxmargin(positions, pnl):
    """The measures alone, and with all that `estimate_risk` adds to them."""
    weight, one = jnp.ones(pnl.shape[1]), jnp.ones(())
    most = tuple(measure.most_inside(np.asarray(weight)) for measure in MEASURES)
    alone = MeasuresAlone(weight)
    return {
        "jaxmargin": lambda: stream_losses(alone, pnl, positions, most_inside=most)[0],
        "jaxmargin_with_errors_and_worst_scenario": lambda: (
            estimate_risk(MEASURES, pnl, positions, weight, overlap=one).value
        ),
    }


def exact(case):
    """VaR and ES in double precision, of the same single-precision table and quantities."""
    at, pnl = peers.ranks(case.pnl.shape[1]), case.pnl.astype(np.float64)
    answers = np.empty((len(case.quantity), 2))
    for row, (instrument, quantity) in enumerate(zip(case.instrument, case.quantity, strict=True)):
        total = np.sort(quantity.astype(np.float64) @ pnl[instrument])
        answers[row, 0] = -total[at.var]
        answers[row, 1] = -(total[: at.whole].sum() + at.part * total[at.whole]) / at.mass
    return answers


def largest_error(case, expected, answer):
    """Of both measures, over the gross notional of the account."""
    every = peers.EVERY if len(answer) < len(expected) else 1
    assert answer.dtype == np.float32 and answer.shape == expected[::every].shape
    gross = np.abs(case.quantity.astype(np.float64)).sum(axis=1)[::every, None] * inputs.SPOT
    return float((np.abs(answer - expected[::every]) / gross).max())


def measure(accounts, scenarios, rounds):
    """Errors and seconds of all candidates on the devices of this process."""
    case, positions, pnl = case_of(accounts, scenarios)
    calls = with_jaxmargin(positions, pnl) | {
        "scipy_sort": peers.with_scipy(case, partition=False),
        "scipy_partition": peers.with_scipy(case, partition=True),
        "numba": peers.with_numba(case),
        "torch": peers.with_torch(case),
        "plain_jax": peers.with_plain_jax(case),
    }
    calls = {name: call for name, call in calls.items() if call is not None}
    expected, errors, first = exact(case), {}, {}
    for name, call in calls.items():
        start = time.perf_counter()
        answer = np.asarray(call())
        first[name] = time.perf_counter() - start
        errors[name] = largest_error(case, expected, answer)
        assert errors[name] < TOLERANCE, (name, errors[name])
    start, others = time.perf_counter(), others_seconds()
    seconds = time_in_turn(calls, rounds=rounds)
    busy = (others_seconds() - others) / (time.perf_counter() - start)
    for name, each in seconds.items():
        each["first"] = first[name]
    if "plain_jax" in seconds:
        seconds["plain_jax"] = {n: s * peers.EVERY for n, s in seconds["plain_jax"].items()}
    own = seconds["jaxmargin"]["median"]
    return {
        "accounts": accounts,
        "scenarios": scenarios,
        "largest_error_over_gross_notional": errors,
        "seconds": seconds,
        "cores_busy_with_others": busy,
        "jaxmargin_times_as_fast_as": {n: each["median"] / own for n, each in seconds.items()},
    }


def rows(content):
    """Rows of the README's table, of the numbers in `content` alone."""
    found = []
    second = content.get("two_devices", content["one_device"])
    for one, two in zip(content["one_device"], second, strict=True):
        speed, shared = (x["jaxmargin_times_as_fast_as"] for x in (one, two))
        names = [name for name in LABELS if name in speed]
        size = f"{one['accounts']:,} accounts x {WIDTH} positions x {one['scenarios']:,} scenarios"
        labels = ", ".join(LABELS[name] for name in names)
        alone = ", ".join(f"{shown(speed[name])}x" for name in names)
        both = ", ".join(f"{shown(shared[name])}x" for name in names)
        found.append(
            {
                "question": f"VaR and ES of {size} from contract P&L, f32, times {labels}",
                "figure": f"{alone}; two host devices {both}" if one is not two else alone,
            }
        )
    return found


def main():
    if "--here" in sys.argv:
        jax.config.update("jax_num_cpu_devices", int(sys.argv[-1]))
        print(json.dumps([measure(*size, rounds=9) for size in SIZES]))
        return
    results = {}
    processes = {"one_device": "1", "two_devices": "2"}
    if jax.default_backend() != "cpu":
        del processes["two_devices"]
    for name, devices in processes.items():
        command = [sys.executable, __file__, "--here", devices]
        done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
        results[name] = json.loads(done.stdout)
    content = {
        "question": "VaR 99 % and ES 97.5 % of every account, from contract P&L to numbers",
        "positions_per_account": WIDTH,
        "contracts": CONTRACTS,
        "dtype": "float32",
        "threads": "jax, numba, torch: one a core, jax and torch on a GPU if there is one; scipy "
        "and NumPy: one",
        "plain_jax": f"each {peers.EVERY}th account was run; all its figures times {peers.EVERY}",
        "chunks": f"scipy and torch: {peers.CHUNK} accounts at a time; torch on a GPU "
        f"{peers.GPU_CHUNK:,}",
        "first": "the call that was checked, with compilation",
        **results,
    }
    write_result("aggregate_risk", content | {"readme": rows(content)})


if __name__ == "__main__":
    main()
