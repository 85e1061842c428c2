"""Which way to select tails, and to add up positions, is the fastest on this device?

Tails: VaR 99 % and ES 97.5 % of rows of losses. Positions: P&L of accounts x 1,024 scenarios from
30 of 2,000 contracts each. Then both, as jaxmargin does them, by the accounts that are handled at
once, beside one kernel of our own. A sample of every answer is checked against NumPy in double
precision before anything is timed; all programs are compiled beforehand, side by side.
Run: python benchmarks/gpu_kernels.py [--small]
"""

import sys
import time
from concurrent.futures import ThreadPoolExecutor

import account_inputs as inputs
import jax
import jax.numpy as jnp
import kernel_candidates as candidates
import numpy as np
import risk_peers as peers
from harness import shown, time_in_turn, write_result

SMALL = "--small" in sys.argv
TAIL_SIZES = ((10_000, 1_000), (10_000, 10_000), (1_000, 100_000))  # rows, scenarios
ACCOUNTS, WIDTH, SCENARIOS, CONTRACTS = (10_000, 100_000), 30, 1_024, 2_000
TOGETHER = (1_024, 4_096, 8_192, 16_384, 49_152)  # accounts at once
TOLERANCE = {"float32": 1e-6, "float64": 1e-12}  # of the largest loss, or of gross notional
EVERY = 97  # each so many rows are checked
if SMALL:
    TAIL_SIZES, ACCOUNTS, TOGETHER = ((100, 1_000),), (256,), (64, 128)


def compiled(calls):
    """Programs of all calls, and why some could not be made; compiled side by side."""

    def one(item):
        function, arguments = item
        try:
            return jax.jit(function).lower(*arguments).compile(), None
        except Exception as error:  # of a compiler: any kind
            return None, f"{type(error).__name__}: {error}".splitlines()[0][:200]

    with ThreadPoolExecutor(12) as threads:
        made = dict(zip(calls, threads.map(one, calls.values()), strict=True))
    return (
        {name: program for name, (program, _) in made.items() if program is not None},
        {name: why for name, (program, why) in made.items() if program is None},
    )


def measure(calls, with_torch, error_of, tolerance):
    """Errors, seconds and what did not run of `calls` (functions, arguments) and of torch."""
    programs, not_run = compiled(calls)
    ready = {name: (lambda p=p, a=calls[name][1]: p(*a)) for name, p in programs.items()}
    try:
        ready |= with_torch()
    except Exception as problem:  # torch may fail to start beside JAX
        not_run["torch"] = f"{type(problem).__name__}: {problem}".splitlines()[0][:200]
    errors, kept = {}, {}
    for name, call in ready.items():
        try:
            error = error_of(np.asarray(peers.on_host(call())))
        except Exception as problem:  # out of memory, or a kernel that the device refuses
            not_run[name] = f"{type(problem).__name__}: {problem}".splitlines()[0][:200]
            continue
        errors[name] = error
        if error < tolerance:  # TF32 products are not
            kept[name] = call
        else:
            not_run[name] = f"error {error:.1e}"
    seconds = time_in_turn(kept, rounds=9)
    for name, program in programs.items():
        if name in seconds:
            memory = program.memory_analysis()
            seconds[name]["temporary_megabytes"] = memory.temp_size_in_bytes / 1e6
    return {"errors": errors, "seconds": seconds, "not_run": not_run}


def tails(rows, scenarios, dtype):
    """Tail selections on heavy-tailed losses."""
    key = jax.random.key(3)
    loss = (
        1000.0
        * jax.jit(
            lambda: (
                jax.random.normal(key, (rows, scenarios), dtype)
                * (1.0 + jax.random.exponential(jax.random.key(4), (rows, scenarios), dtype))
            )
        )()
    )
    sample, at = -np.sort(-np.asarray(loss[::EVERY], np.float64), axis=1), peers.ranks(scenarios)
    wanted = np.stack(
        [
            sample[:, at.var],
            (sample[:, : at.whole].sum(axis=1) + at.part * sample[:, at.whole]) / at.mass,
        ],
        axis=1,
    )
    largest = np.abs(sample).max(axis=1, keepdims=True)
    calls = {name: (f, (loss,)) for name, f in candidates.tail_selections(at, scenarios).items()}
    found = measure(
        calls,
        lambda: candidates.torch_tails(at, loss),
        lambda answer: float((np.abs(answer[::EVERY] - wanted) / largest).max()),
        TOLERANCE[loss.dtype.name],
    )
    return {"rows": rows, "scenarios": scenarios, "dtype": loss.dtype.name, **found}


def table_of(accounts, dtype):
    """What accounts hold, the P&L of contracts, and P&L, VaR and ES of a sample of accounts."""
    random = np.random.default_rng(5)
    _, instrument, quantity = inputs.held(random, accounts, WIDTH, CONTRACTS)
    instrument = instrument.reshape(-1, WIDTH).astype(np.int32)
    quantity = quantity.reshape(-1, WIDTH).astype(dtype)
    pnl = (0.02 * inputs.SPOT * random.standard_t(4, (CONTRACTS, SCENARIOS))).astype(dtype)
    sampled = instrument[::EVERY], quantity[::EVERY].astype(np.float64)
    total = np.einsum("aw,aws->as", sampled[1], pnl[sampled[0]].astype(np.float64))
    gross = np.abs(sampled[1]).sum(axis=1, keepdims=True) * inputs.SPOT
    return peers.Case(instrument, quantity, pnl), total, gross


def aggregation(accounts, dtype):
    """Ways to add up positions."""
    case, total, gross = table_of(accounts, dtype)
    found = measure(
        candidates.aggregations(case),
        lambda: candidates.torch_aggregations(case),
        lambda answer: float((np.abs(answer[::EVERY] - total) / gross).max()),
        TOLERANCE[np.dtype(dtype).name],
    )
    return {"accounts": accounts, "dtype": np.dtype(dtype).name, **found}


def together(accounts, dtype):
    """Adding up and selecting, by accounts at once."""
    case, total, gross = table_of(accounts, dtype)
    at = peers.ranks(SCENARIOS)
    ordered = np.sort(total, axis=1)
    tail = ordered[:, : at.whole].sum(axis=1) + at.part * ordered[:, at.whole]
    wanted = np.stack([-ordered[:, at.var], -tail / at.mass], axis=1)
    found = measure(
        candidates.both(at, case, TOGETHER),
        dict,
        lambda answer: float((np.abs(answer[::EVERY] - wanted) / gross).max()),
        TOLERANCE[np.dtype(dtype).name],
    )
    return {"accounts": accounts, "dtype": np.dtype(dtype).name, **found}


def rows(content):
    """Rows of a table, of the numbers in `content` alone."""

    def told(case):
        median = {name: s["median"] for name, s in case["seconds"].items()}
        order = sorted(median, key=median.__getitem__)
        return ", ".join(f"{name} {shown(1e3 * median[name])} ms" for name in order)

    found = []
    for case in content.get("tails", ()):
        size = f"{case['rows']:,} rows x {case['scenarios']:,} scenarios, {case['dtype']}"
        found.append({"question": f"VaR and ES of {size}", "figure": told(case)})
    size = f"{WIDTH} of {CONTRACTS:,} contracts x {SCENARIOS:,} scenarios"
    for part, what in (("aggregation", "add up"), ("together", "add up, VaR and ES:")):
        for case in content.get(part, ()):
            question = f"{what} {case['accounts']:,} accounts x {size}, {case['dtype']}"
            found.append({"question": question, "figure": told(case)})
    return found


def main():
    jax.config.update("jax_enable_x64", True)
    single, double = jnp.float32, jnp.float64
    work = [("together", together, (accounts, single)) for accounts in ACCOUNTS]
    work += [("tails", tails, (*size, dtype)) for size in TAIL_SIZES for dtype in (single, double)]
    work += [("aggregation", aggregation, (accounts, single)) for accounts in ACCOUNTS]
    work += [("aggregation", aggregation, (ACCOUNTS[0], double))]
    content = {
        "question": "ways to select tails and to add up positions, side by side",
        "positions_per_account": WIDTH,
        "contracts": CONTRACTS,
        "checked": f"each {EVERY}th row, against NumPy in double precision, relative to the "
        "largest loss (tails) or gross notional (positions)",
        "not_run": "why a candidate was not timed; an error is one beyond the tolerance",
    }
    for name, of, arguments in work:
        start = time.perf_counter()
        found = of(*arguments)
        found["seconds_in_all"] = time.perf_counter() - start
        content[name] = [*content.get(name, ()), found]
        print(rows({name: [found]})[0], flush=True)
    write_result("gpu_kernels", content | {"readme": rows(content)})


if __name__ == "__main__":
    main()
