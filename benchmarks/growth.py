"""How do seconds grow with accounts, positions per account, scenarios and contracts?

The whole margin, warm: pricing, then ES and its standard error of every account; single precision.
One size at a time is doubled twice and halved twice around a base; of every book a sample of
accounts is checked against NumPy first. Draws `results/growth.png` with
`plot_growth.py`, which reads the JSON.
Run: python benchmarks/growth.py
"""

import time

import account_inputs as inputs
import jax
import numpy as np
import plot_growth
from harness import others_seconds, time_in_turn, write_result

from jaxmargin.book import Book, build_positions
from jaxmargin.margin import RiskMeasureRulebook
from jaxmargin.risk import ExpectedShortfall
from jaxmargin.scenarios import GivenScenarios
from jaxmargin.valuation import contract_pnl

BASE = {"accounts": 4_000, "positions": 32, "scenarios": 1_000, "contracts": 2_000}
FACTORS = (0.25, 0.5, 1, 2, 4)
LEVEL, TOLERANCE = 0.975, 1e-6  # of gross notional


def margin_of(sizes):
    """The rulebook, the book and the market of these sizes, and the positions as tables."""
    random = np.random.default_rng(13)
    market = inputs.market()
    options = inputs.options(random, sizes["contracts"], market)
    source = GivenScenarios(inputs.shocks(random, sizes["scenarios"]))
    rulebook = RiskMeasureRulebook(source, jax.random.key(0), ExpectedShortfall(LEVEL))
    held = inputs.held(random, sizes["accounts"], sizes["positions"], sizes["contracts"])
    book = Book((options,), build_positions(*held, accounts=sizes["accounts"]))
    return rulebook, book, market, held


def largest_error(rulebook, book, market, held):
    """Of each 64th account, against sorted NumPy sums over the same contract P&L."""
    shortfall = rulebook.requirement(book, market).components["expected_shortfall"]
    shocks = rulebook.source.shocks(market, rulebook.key)
    pnl = contract_pnl(book, market, shocks)
    return inputs.shortfall_error(shortfall, pnl, held, every=64, level=LEVEL)


def rows(content):
    """Rows of the README's table, of the numbers in `content` alone."""
    base, seconds = content["base"], content["seconds_at_base"]

    def growth(name):
        points = content[name]
        return f"{name} {points[-1]['seconds'] / points[0]['seconds']:.1f}x"

    size = (
        f"{base['accounts']:,} accounts x {base['positions']} positions x {base['scenarios']:,} "
        f"scenarios x {base['contracts']:,} contracts"
    )
    question = f"margin {size}, f32; times as long where one of them is 16 times as large"
    figure = f"{1000 * seconds:.0f} ms; {', '.join(growth(name) for name in BASE)}"
    return [{"question": question, "figure": figure}]


def main():
    sizes = {(): BASE} | {
        (name, int(base * factor)): {**BASE, name: int(base * factor)}
        for name, base in BASE.items()
        for factor in FACTORS
        if factor != 1
    }
    calls, errors = {}, []
    for key, size in sizes.items():
        rulebook, book, market, held = margin_of(size)
        errors.append(largest_error(rulebook, book, market, held))
        assert errors[-1] < TOLERANCE, (key, errors[-1])
        calls[key] = lambda r=rulebook, b=book, m=market: r.requirement(b, m).initial
    start, others = time.perf_counter(), others_seconds()
    seconds = time_in_turn(calls, rounds=9)
    busy = (others_seconds() - others) / (time.perf_counter() - start)
    median = {key: each["median"] for key, each in seconds.items()}
    points = {
        name: [
            {"size": int(base * f), "seconds": median.get((name, int(base * f)), median[()])}
            for f in FACTORS
        ]
        for name, base in BASE.items()
    }
    content = {
        "question": "warm seconds of the margin of every account, pricing included",
        "dtype": "float32",
        "base": BASE,
        "seconds_at_base": median[()],
        "largest_error_over_gross_notional": max(errors),
        "cores_busy_with_others": busy,
        **points,
    }
    write_result("growth", content | {"readme": rows(content)})
    plot_growth.main()


if __name__ == "__main__":
    main()
