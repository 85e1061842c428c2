"""What do derivatives of all accounts' ES cost, beside the ES alone?

1,000 accounts x 30 positions x 1,024 scenarios of 2,000 options, priced each time. By all
quantities at once; by all quantities and every number of the market; the same by plain autodiff of
plain JAX; and by bumping. Gradients are checked against plain autodiff before anything is timed,
and against bumps in double precision. "In one program" are the same calls under `jax.jit`, closed
over the book and its scenarios: they are traced once. "In the same pass" is `estimate_slopes`.
Run: python benchmarks/gradients.py
"""

import time

import account_inputs as inputs
import equinox as eqx
import gradient_peers as peers
import jax
import jax.numpy as jnp
import numpy as np
from harness import others_seconds, shown, time_in_turn, write_result

from jaxmargin.book import Book, build_positions
from jaxmargin.risk import ExpectedShortfall, estimate_risk, estimate_slopes
from jaxmargin.valuation import contract_pnl

ACCOUNTS, WIDTH, SCENARIOS, OPTIONS, LEVEL = 1_000, 30, 1_024, 2_000, 0.975
BUMPS, BUMPED = 5, 100  # central bumps that are run, and that the figure is for
TOLERANCE = {"f64": 1e-9, "f32": 2e-3}  # of the largest derivative by numbers of one kind
DTYPES = {"f64": jnp.float64, "f32": jnp.float32}
PLAIN = {
    "plain_matmul": peers.account_pnl_by_matmul,
    "plain_segment_sum": peers.account_pnl_by_segment_sum,
}


def parts_of(dtype):
    """Market, options, shocks, and positions as tables [account, position], in `dtype`."""
    random = np.random.default_rng(3)
    market = inputs.market()
    options = inputs.options(random, OPTIONS, market)
    shocks = inputs.shocks(random, SCENARIOS)
    _, instrument, quantity = inputs.held(random, ACCOUNTS, WIDTH, OPTIONS)
    tables = (instrument.reshape(-1, WIDTH), quantity.reshape(-1, WIDTH))
    return *inputs.as_type((market, options, shocks), dtype), *tables


def with_jaxmargin(options, shocks, instrument, quantity, fixed):
    """Total ES as a function of the blocks' quantities and the market's numbers; the quantities."""
    account = np.repeat(np.arange(ACCOUNTS), WIDTH)
    flat = (account, instrument.reshape(-1), quantity.reshape(-1))
    positions = build_positions(*flat, accounts=ACCOUNTS)
    measures, weight, overlap = (ExpectedShortfall(LEVEL),), shocks.weight, shocks.overlap

    def blocks(positions):
        return [block.quantity for block in positions.blocks]

    def total(quantities, numbers):
        held = eqx.tree_at(blocks, positions, quantities)
        pnl = contract_pnl(Book((options,), held), eqx.combine(numbers, fixed), shocks)
        return jnp.sum(estimate_risk(measures, pnl, held, weight, overlap=overlap).value)

    def with_slopes(quantities, numbers):
        """The total, and the derivatives by quantities that the same pass finds."""
        held = eqx.tree_at(blocks, positions, quantities)
        pnl = contract_pnl(Book((options,), held), eqx.combine(numbers, fixed), shocks)
        losses, slopes = estimate_slopes(measures[0], pnl, held, weight)
        return sum(jnp.sum(loss) for loss in losses), slopes

    return total, with_slopes, blocks(positions), np.asarray(positions.row)


def with_plain_jax(account_pnl, options, shocks, instrument, fixed):
    """The same as a function of a table of quantities and the market's numbers."""
    total = peers.total_shortfall(account_pnl, LEVEL, jnp.asarray(instrument), options, shocks)
    return lambda quantity, numbers: total(quantity, eqx.combine(numbers, fixed))


def bumped(market, pillar, dtype):
    """The market's numbers with a forward moved up and down, and the distance between the two."""
    step = 1e-6 * float(market.forward[pillar])
    both = [
        eqx.tree_at(lambda m: m.forward, market, market.forward.at[pillar].add(sign * step))
        for sign in (1.0, -1.0)
    ]
    distance = float(both[0].forward[pillar] - both[1].forward[pillar])
    assert both[0].forward.dtype == dtype
    return [eqx.filter(each, eqx.is_inexact_array) for each in both], distance


def largest_difference(found, expected):
    """Of any leaf, over that leaf's largest number; both have the same structure."""
    errors = [0.0]
    pairs = zip(*(map(np.asarray, jax.tree.leaves(x)) for x in (found, expected)), strict=True)
    for one, other in pairs:
        assert one.shape == other.shape and one.dtype == other.dtype
        errors.append(float(np.abs(one - other).max() / max(np.abs(other).max(), 1e-30)))
    return max(errors)


def run(precision):
    """Errors and seconds in one precision."""
    dtype = DTYPES[precision]
    market, options, shocks, instrument, quantity = parts_of(dtype)
    numbers, fixed = eqx.partition(market, eqx.is_inexact_array)
    total, with_slopes, blocks, row = with_jaxmargin(options, shocks, instrument, quantity, fixed)
    table = jnp.asarray(quantity, dtype)
    by_positions, by_all = jax.value_and_grad(total), jax.value_and_grad(total, (0, 1))
    functions = {
        "forward": (total, blocks),
        "by_positions": (by_positions, blocks),
        "by_positions_in_the_same_pass": (with_slopes, blocks),
        "by_positions_and_market": (by_all, blocks),
        "forward_in_one_program": (jax.jit(total), blocks),
        "by_positions_in_one_program": (jax.jit(by_positions), blocks),
        "by_positions_and_market_in_one_program": (jax.jit(by_all), blocks),
    }
    for name, account_pnl in PLAIN.items():
        plain = with_plain_jax(account_pnl, options, shocks, instrument, fixed)
        functions[f"{name}_forward"] = (jax.jit(plain), table)
        functions[name] = (jax.jit(jax.value_and_grad(plain, (0, 1))), table)
    bumps = [bumped(market, pillar, dtype) for pillar in range(0, 4 * BUMPS, 4)]

    def bump():
        return [[total(blocks, each) for each in both] for both, _ in bumps]

    calls = {name: lambda f=f, x=x: f(x, numbers) for name, (f, x) in functions.items()}
    calls["bumps"] = bump
    value, expected = calls["plain_matmul"]()
    errors, first = {}, {}
    for name, call in calls.items():
        start = time.perf_counter()
        answer = jax.block_until_ready(call())
        first[name] = time.perf_counter() - start
        if name == "bumps":
            if precision == "f64":  # rounding leaves nothing of a difference in single precision
                errors[name] = _bump_error(answer, [size for _, size in bumps], expected[1])
                assert errors[name] < 1e-6, errors[name]
            continue
        errors[name] = _error(name, answer, value, expected, row)
        assert errors[name] < TOLERANCE[precision], (precision, name, errors[name])
    start, others = time.perf_counter(), others_seconds()
    seconds = time_in_turn(calls, rounds=7)
    busy = (others_seconds() - others) / (time.perf_counter() - start)
    for name, each in seconds.items():
        each["first"] = first[name]
    median = {name: each["median"] for name, each in seconds.items()}
    median["bumping_100_inputs"] = median.pop("bumps") * BUMPED / BUMPS
    return {
        "largest_difference_from_plain_autodiff": errors,
        "seconds": seconds,
        "cores_busy_with_others": busy,
        "market_inputs": sum(leaf.size for leaf in jax.tree.leaves(numbers)),
        "times_forward": {name: each / median["forward"] for name, each in median.items()},
        "times_whole_gradient": {
            name: each / median["by_positions_and_market"] for name, each in median.items()
        },
    }


def _error(name, answer, value, expected, row):
    """Of the value, and of as many derivatives as there are."""
    if "forward" in name:
        return largest_difference(answer, value)
    answer, slopes = answer
    if name.startswith("plain"):
        return largest_difference((answer, slopes), (value, expected))
    quantities = slopes[0] if "market" in name else slopes
    table = np.asarray(quantities[0])[row][:, :WIDTH]
    found, wanted = (answer, table), (value, expected[0])
    if "market" in name:
        found, wanted = (*found, slopes[1]), (*wanted, expected[1])
    return largest_difference(found, wanted)


def _bump_error(answer, distances, expected):
    """Of derivatives by some forwards."""
    slopes = [(up - down) / size for (up, down), size in zip(answer, distances, strict=True)]
    return largest_difference(np.array(slopes), expected.forward[0 : 4 * BUMPS : 4])


def rows(content):
    """Rows of the README's table, of the numbers in `content` alone."""
    size = (
        f"{content['accounts']:,} accounts x {content['positions_per_account']} positions x "
        f"{content['scenarios']:,} scenarios"
    )
    inputs_ = f"{content['f64']['market_inputs']:,} numbers of the market"

    def told(key, names):
        return "; ".join(
            f"{precision} {', '.join(f'{shown(content[precision][key][name])}x' for name in names)}"
            for precision in ("f64", "f32")
        )

    own = ("by_positions_in_the_same_pass", "by_positions", "by_positions_and_market")
    whole = tuple(f"{name}_in_one_program" for name in own[1:])
    others = ("plain_matmul", "plain_segment_sum", "bumping_100_inputs")
    return [
        {
            "question": f"ES of {size} and its gradient by all positions in the same pass, by "
            f"`jax.grad`, by those and {inputs_}, times the ES alone",
            "figure": f"{told('times_forward', own)}; traced once {told('times_forward', whole)}",
        },
        {
            "question": "that whole gradient, times as fast as plain JAX by matmul, by "
            "segment_sum, and as bumping 100 inputs",
            "figure": told("times_whole_gradient", others),
        },
    ]


def main():
    results = {}
    for precision in DTYPES:
        jax.config.update("jax_enable_x64", precision == "f64")
        results[precision] = run(precision)
    content = {
        "question": "the sum of all accounts' ES and its derivatives, from market to numbers",
        "accounts": ACCOUNTS,
        "positions_per_account": WIDTH,
        "scenarios": SCENARIOS,
        "contracts": OPTIONS,
        "eager": "forward, by_positions, by_positions_and_market, bumps: as a user calls them; "
        "derivatives are traced again at each call",
        "bumps": f"{BUMPS} central bumps of forwards were run; bumping_100_inputs is "
        f"{BUMPED // BUMPS} times their time",
        "first": "the call that was checked, with compilation of what no call before it needed",
        **results,
    }
    write_result("gradients", content | {"readme": rows(content)})


if __name__ == "__main__":
    main()
