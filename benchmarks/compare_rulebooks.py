"""What do six rulebooks on one real book cost, beside the slowest of them alone?

10,000 accounts x 30 positions in all options that Deribit listed on 2026-02-05, revalued in each
rulebook's scenarios; single precision. Margins of all six in one call are checked to be those of
each alone, bit for bit, before anything is timed. Needs the reference data.
Run: python benchmarks/compare_rulebooks.py
"""

import os
import tempfile
import time
from pathlib import Path

import jax
import numpy as np
import pandas as pd
from harness import others_seconds, shown, time_in_turn, write_result

from jaxmargin.book import Book, build_positions
from jaxmargin.io import read_deribit, write_chain, write_table
from jaxmargin.jobs import build_calculation, load_inputs
from jaxmargin.jobs._calculation import risk_measure
from jaxmargin.jobs._venue_rulebooks import build_venue_rulebook
from jaxmargin.margin import RiskMeasureRulebook, charged, require_all
from jaxmargin.valuation import contract_pnl

ACCOUNTS, WIDTH = 10_000, 30
MEASURES = {"expected-shortfall": 0.99, "value-at-risk": 0.99}
VENUES = ("derive-pmrm2", "derive-standard", "deribit-pm", "scan-grid")
JOB = """
valuation_time = 2026-02-05T09:36:47.412509Z
market.assets = "market/assets.parquet"
market.forwards = "market/forwards.parquet"
market.volatilities = "market/volatilities.parquet"
book = { instruments = "instruments.parquet", positions = "positions.parquet" }
scenarios = { kind = "historical", history = "history.parquet" }
rulebook = { kind = "expected-shortfall", level = 0.99, horizon_days = 2, maintenance_ratio = 0.8 }
"""


def write_job(folder, random):
    """The chain, the history, and a first account that a job needs."""
    beside = Path(__file__).resolve().parents[2] / "shared"
    data = Path(os.environ.get("JAXMARGIN_REFERENCE_DATA", beside)) / "data"
    chain = data / "deribit_option_chains_daily.parquet"
    write_chain(read_deribit(chain, snapshot="2026-02-05T09:36"), folder)
    listed = pd.read_parquet(folder / "instruments.parquet")
    options = listed[listed["kind"] == "inverse-option"]
    write_table(options, folder / "instruments.parquet")
    closes = pd.read_parquet(data / "daily_ohlcv_yahoo.parquet", columns=["date", "asset", "close"])
    closes = closes[closes["asset"].isin(["BTC", "ETH"]) & (closes["date"] >= "2017-11-09")]
    closes["time"] = pd.to_datetime(closes.pop("date"), utc=True)
    write_table(closes, folder / "history.parquet")
    first = {"account": "first", "instrument": options["instrument"].head(1), "quantity": 1.0}
    write_table(pd.DataFrame(first), folder / "positions.parquet")
    (folder / "job.toml").write_text(JOB)
    return len(options)


def rulebooks_of(calculation, inputs):
    """The six rules by name."""
    rules = {
        kind: RiskMeasureRulebook(
            calculation.scenarios.source, calculation.scenarios.key, risk_measure(kind, level)
        )
        for kind, level in MEASURES.items()
    }
    for kind in VENUES:
        rules[kind] = build_venue_rulebook(kind, None, None, inputs, "the benchmark")
    return rules


def rows(content):
    """Rows of the README's table, of the numbers in `content` alone."""
    slowest = content["slowest"]
    return [
        {
            "question": f"{len(content['rulebooks'])} rulebooks on {content['accounts']:,} "
            f"accounts x {content['positions_per_account']} positions of a real chain, f32, times "
            f"the slowest alone, {slowest}, beyond pricing",
            "figure": f"{shown(content['times_the_slowest'])}x; all in "
            f"{shown(content['all_seconds'])} s, {shown(content['pricing_seconds'])} s of pricing",
        }
    ]


def main():
    start, others = time.perf_counter(), others_seconds()
    random = np.random.default_rng(8)
    with tempfile.TemporaryDirectory() as folder:
        contracts = write_job(Path(folder), random)
        inputs = load_inputs(Path(folder) / "job.toml")
    calculation = build_calculation(inputs)
    rules = rulebooks_of(calculation, inputs)
    account = np.repeat(np.arange(ACCOUNTS), WIDTH)
    held = np.argsort(random.random((ACCOUNTS, contracts)), axis=1)[:, :WIDTH].reshape(-1)
    quantity = random.normal(0.0, 5.0, account.size).round(1) + 0.05
    positions = build_positions(account, held, quantity, accounts=ACCOUNTS)
    book, market = Book(calculation.book.instruments, positions), calculation.market

    prepared = {name: rule.shocks(market) for name, rule in rules.items()}
    tables = {name: contract_pnl(book, market, shocks) for name, shocks in prepared.items()}
    alone = {
        name: (lambda name=name: charged(rules[name], tables[name], book, market, prepared[name]))
        for name in rules
    }
    together = dict(zip(rules, require_all(list(rules.values()), book, market), strict=True))
    for name, call in alone.items():
        assert np.array_equal(call().initial, together[name].initial), name

    candidates = {
        **alone,
        "pricing": lambda: [
            contract_pnl(book, market, prepared[n]) for n in ("value-at-risk", *VENUES)
        ],
        "all": lambda: [r.initial for r in require_all(list(rules.values()), book, market)],
    }
    times = {name: each["best"] for name, each in time_in_turn(candidates).items()}
    slowest = max(rules, key=lambda name: times[name])
    content = {
        "question": "margin of one book by six rulebooks",
        "rulebooks": list(rules),
        "accounts": ACCOUNTS,
        "positions_per_account": WIDTH,
        "contracts": contracts,
        "scenarios": {name: int(table.shape[1]) for name, table in tables.items()},
        "dtype": str(market.spot.dtype),
        "alone_best_seconds": {name: times[name] for name in rules},
        "pricing_seconds": times["pricing"],
        "all_seconds": times["all"],
        "slowest": slowest,
        "times_the_slowest": (times["all"] - times["pricing"]) / times[slowest],
        "cores_busy_with_others": (others_seconds() - others) / (time.perf_counter() - start),
        "devices": jax.device_count(),
    }
    write_result("compare_rulebooks", content | {"readme": rows(content)})


if __name__ == "__main__":
    main()
