"""What does margin by Derive's three rules cost: of one account, and of 10,000 at once?

One account: the pure functions, compiled, on 30 options and the scenarios as traded, in double
precision. 10,000 accounts x 30 positions: the rulebooks in single precision, on the table of
contract P&L, with the time of that table apart; a sample is checked against the pure functions,
which price on their own.
Run: python benchmarks/venue_margins.py
"""

import resource
import time

import account_inputs as inputs
import jax
import jax.numpy as jnp
import numpy as np
from harness import others_seconds, shown, time_in_turn, write_result

from jaxmargin.book import Book, build_positions, pad_instruments
from jaxmargin.instruments import LinearOptions
from jaxmargin.io import Problems, build_derive_rulebook, read_rulebook_file, rulebook_library
from jaxmargin.margin import charged
from jaxmargin.margin.derive import (
    DeriveCollateral,
    DeriveMarket,
    DeriveOptions,
    DerivePositions,
    margin_pmrm1,
    margin_pmrm2,
    margin_standard,
)
from jaxmargin.market import Market
from jaxmargin.valuation import contract_pnl

ACCOUNTS, WIDTH, OPTIONS, CHECKED = 10_000, 30, 2_000, 20
TOLERANCE = 2e-6  # of gross notional, in single precision
KINDS = ("derive-pmrm1", "derive-pmrm2", "derive-standard")
YEAR = 365.0 * 86_400.0


def rulebook_of(kind):
    """The rule as traded, for BTC and the dollar."""
    problems = Problems()
    settings = read_rulebook_file(rulebook_library()[kind], problems).sets["mainnet"]
    rule = build_derive_rulebook(kind, settings, ["BTC", "USD"], {"BTC"}, problems)
    problems.raise_if_any()
    return rule


def inputs_of(random):
    """A market of one coin and the dollar, and linear options on it."""
    state = inputs.market()
    listed = inputs.options(random, OPTIONS, state)
    market = Market(
        spot=jnp.append(state.spot, 1.0),
        perpetual=jnp.append(state.perpetual, 1.0),
        asset=state.asset,
        time=state.time,
        forward=state.forward,
        rate=state.rate + 0.05,
        surface=state.surface,
    )
    settlement = jnp.ones(OPTIONS, jnp.int32)
    return market, LinearOptions(
        listed.pillar, listed.strike, listed.sign, settlement, listed.multiplier
    )


def pure_inputs(market, options, instrument, quantity):
    """One account for the pure functions."""
    pillar, strike = options.pillar[instrument], options.strike[instrument]
    sure, zero = jnp.ones_like(market.forward), jnp.zeros_like(market.forward)
    one = jnp.ones_like(market.spot[0])
    quotes = DeriveMarket(
        market.spot[0], one, one, market.perpetual[0], one, market.time * YEAR, market.forward,
        zero, sure, market.rate, sure, sure,
    )  # fmt: skip
    volatility = market.surface.volatility(pillar, strike)
    held = DeriveOptions(pillar, strike, options.sign[instrument], quantity, volatility)
    return quotes, DerivePositions(0.0 * one, 0.0 * one, held)


def pure_margins(rulebooks):
    """Net margin of one account by each of the pure functions, compiled."""
    first = {
        kind: jax.tree.map(lambda leaf: leaf[0], (rule.parameters, getattr(rule, "scenarios", 0)))
        if kind != "derive-standard"
        else (jax.tree.map(lambda leaf: leaf[:1], rule.parameters), None)
        for kind, rule in rulebooks.items()
    }
    none = DeriveCollateral([0.0], [1.0], [1.0], [False], [0.0], [0.0])
    one_market = jax.jit(
        lambda quotes, held: margin_standard(
            *jax.tree.map(lambda leaf: leaf[None], (quotes, held)),
            jnp.zeros(1),
            first["derive-standard"][0],
        )
    )
    return {
        "derive-pmrm1": jax.jit(
            lambda quotes, held: margin_pmrm1(
                quotes, held, jnp.zeros(()), *reversed(first["derive-pmrm1"])
            )
        ),
        "derive-pmrm2": jax.jit(
            lambda quotes, held: margin_pmrm2(quotes, held, none, *reversed(first["derive-pmrm2"]))
        ),
        "derive-standard": one_market,
    }


def rows(content):
    """Rows of the README's table, of the numbers in `content` alone."""
    one = ", ".join(shown(content["one_account"][kind]["best"] * 1e3) for kind in KINDS)
    many = ", ".join(shown(content["accounts_best_seconds"][kind]) for kind in KINDS)
    return [
        {
            "question": "Derive PMRM v1, PMRM_2, Standard: one account of 30 options, f64",
            "figure": f"{one} ms",
        },
        {
            "question": f"the same for {ACCOUNTS:,} accounts x {WIDTH} positions, f32",
            "figure": f"{many} s, and {shown(content['pricing_best_seconds'])} s of pricing",
        },
    ]


def main():
    start, others = time.perf_counter(), others_seconds()
    random = np.random.default_rng(5)
    rulebooks = {kind: rulebook_of(kind) for kind in KINDS}
    market, options = inputs_of(random)
    account, instrument, quantity = inputs.held(random, ACCOUNTS, WIDTH, OPTIONS)
    book = Book(
        (pad_instruments(options),),
        build_positions(account, instrument, quantity, accounts=ACCOUNTS),
    )

    prepared = {}
    for kind, rule in rulebooks.items():
        shocks = rule.shocks(market)
        prepared[kind] = (shocks, contract_pnl(book, market, shocks))
    margins = {
        kind: (lambda kind=kind: charged(
            rulebooks[kind], prepared[kind][1], book, market, prepared[kind][0]
        ))
        for kind in KINDS
    }  # fmt: skip
    many = time_in_turn(margins)
    pricing = time_in_turn(
        {"contract_pnl": lambda: contract_pnl(book, market, prepared["derive-pmrm2"][0])}
    )
    results = {kind: call() for kind, call in margins.items()}

    errors = {}
    with jax.enable_x64(True):
        exact, double = inputs.as_type((market, options), np.float64)
        wide = {kind: inputs.as_type(rule, np.float64) for kind, rule in rulebooks.items()}
        pure = pure_margins(wide)
        cases = [
            pure_inputs(
                exact, double, instrument[account == row], jnp.asarray(quantity[account == row])
            )
            for row in range(CHECKED)
        ]
        for kind in KINDS:
            gap = []
            for row, case in enumerate(cases):
                net = pure[kind](*case)
                gross = np.abs(quantity[account == row]).sum() * inputs.SPOT
                book_value = float(
                    jnp.asarray(quantity[account == row])
                    @ double.value(exact)[instrument[account == row]]
                )
                needed = max(book_value - float(net.initial_net), 0.0)
                gap.append(abs(needed - float(results[kind].initial[row])) / gross)
            errors[kind] = max(gap)
        assert max(errors.values()) < TOLERANCE, errors
        single = time_in_turn(
            {kind: (lambda kind=kind: pure[kind](*cases[0])) for kind in KINDS}, rounds=101
        )
        for seconds in single.values():
            del seconds["first"]  # compiled above
    content = {
        "question": "margin of one account, and of many on a table of contract P&L",
        "accounts": ACCOUNTS,
        "positions_per_account": WIDTH,
        "options": OPTIONS,
        "expiries": int(market.forward.shape[0]),
        "scenarios": {kind: int(prepared[kind][1].shape[1]) for kind in KINDS},
        "dtype": str(market.spot.dtype),
        "largest_error_over_gross_notional": errors,
        "one_account": single,
        "accounts_best_seconds": {kind: many[kind]["best"] for kind in KINDS},
        "accounts_median_seconds": {kind: many[kind]["median"] for kind in KINDS},
        "first_call_seconds": {kind: many[kind]["first"] for kind in KINDS},
        "pricing_best_seconds": pricing["contract_pnl"]["best"],
        "accounts_at_once": {kind: results[kind].execution.chunk_rows for kind in KINDS},
        "peak_memory_megabytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        "cores_busy_with_others": (others_seconds() - others) / (time.perf_counter() - start),
    }
    write_result("venue_margins", content | {"readme": rows(content)})


if __name__ == "__main__":
    main()
