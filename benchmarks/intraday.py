"""What does an intraday update cost, against margining the whole book again?

20,000 accounts x 30 positions x 1,024 scenarios, 2,000 contracts: 200 trades in 200 accounts, then
one new contract and a trade in it. The margins are those of a full run bit for bit, checked first.
Run: python benchmarks/intraday.py
"""

import account_inputs as inputs
import jax
import jax.numpy as jnp
import numpy as np
from harness import shown, time_in_turn, write_result

from jaxmargin.book import Book, after_trades, build_positions, pad_instruments
from jaxmargin.margin import RiskMeasureRulebook, start_run, update_run
from jaxmargin.risk import ExpectedShortfall
from jaxmargin.scenarios import GivenScenarios

ACCOUNTS, WIDTH, SCENARIOS, OPTIONS, TRADES = 20_000, 30, 1_024, 2_000, 200


def checked(run, book, market):
    """`run`, after its margins were compared with those of a full run."""
    full = run.rulebook.requirement(book, market)
    np.testing.assert_array_equal(run.requirement.initial, full.initial)
    np.testing.assert_array_equal(run.requirement.standard_error, full.standard_error)
    return run


def rows(content):
    """Rows of the README's table, of the numbers in `content` alone."""
    median = {name: spent["median"] for name, spent in content["seconds"].items()}
    trades, contract = (median["full"] / median[name] for name in ("trades", "contract"))
    return [
        {
            "question": f"update {content['accounts']:,} accounts x {content['scenarios']:,} "
            f"scenarios for {content['trades']} trades, times a full run; for a new contract",
            "figure": f"{shown(trades)}x; {shown(contract)}x",
        }
    ]


def main():
    random = np.random.default_rng(3)
    market = inputs.market()
    unpadded = inputs.options(random, OPTIONS + 1, market)
    first = jax.tree.map(lambda leaf: leaf[:OPTIONS], unpadded)
    options, longer = pad_instruments(first), pad_instruments(unpadded)
    held = inputs.held(random, ACCOUNTS, WIDTH, OPTIONS)
    book = Book((options,), build_positions(*held, accounts=ACCOUNTS))
    source = GivenScenarios(inputs.shocks(random, SCENARIOS))
    rulebook = RiskMeasureRulebook(source, jax.random.key(0), ExpectedShortfall(0.975))
    run = start_run(rulebook, book, market)

    who = random.choice(ACCOUNTS, TRADES, replace=False)
    what, size = random.integers(0, OPTIONS, TRADES), random.normal(size=TRADES)
    traded = Book((options,), after_trades(book.positions, who, what, size))
    one = after_trades(book.positions, who[:1], np.array([OPTIONS]), np.ones(1))
    listed = Book((longer,), one)
    assert checked(update_run(run, traded), traded, market).charged == TRADES
    updated = checked(update_run(run, listed), listed, market)
    assert (updated.priced, updated.charged) == (1, 1)
    seconds = time_in_turn(
        {
            "full": lambda: rulebook.requirement(traded, market).initial,
            "trades": lambda: update_run(run, traded).requirement.initial,
            "contract": lambda: update_run(run, listed).requirement.initial,
            "layout of the trades": lambda: jnp.asarray(
                after_trades(book.positions, who, what, size).row
            ),
        }
    )
    content = {
        "question": "update of a margin run, against a full run with the same result",
        "accounts": ACCOUNTS,
        "positions_per_account": WIDTH,
        "scenarios": SCENARIOS,
        "options": OPTIONS,
        "trades": TRADES,
        "dtype": str(market.spot.dtype),
        "seconds": seconds,
    }
    write_result("intraday", content | {"readme": rows(content)})


if __name__ == "__main__":
    main()
