"""Every kind of instrument and combos, from tables to the book."""

import jax.numpy as jnp
import numpy as np
import pandas as pd
import pytest
from job_files import edit_table, edit_text, make_job, set_cell

from jaxmargin.errors import InvalidInputError
from jaxmargin.io import build_book, build_market
from jaxmargin.jobs import load_inputs, run_margin

EXPIRY = pd.Timestamp("2026-01-31T08:00:00Z")  # 29 days: one of the demo's
FURTHER = [
    {"instrument": "Q-FUT", "kind": "quanto-future", "underlying": "BTC", "settlement": "ETH",
     "expiry": EXPIRY, "multiplier": 1e-5},
    {"instrument": "Q-PERP", "kind": "quanto-perpetual", "underlying": "BTC", "settlement": "ETH",
     "multiplier": 1e-5},
    {"instrument": "DIG", "kind": "digital-option", "underlying": "BTC", "settlement": "USDC",
     "expiry": EXPIRY, "strike": 60_000.0, "option_type": "put", "multiplier": 1_000.0},
    {"instrument": "AM", "kind": "american-option", "underlying": "BTC", "settlement": "USDC",
     "expiry": EXPIRY, "strike": 60_000.0, "option_type": "call", "multiplier": 1.0},
    {"instrument": "BAR", "kind": "barrier-option", "underlying": "BTC", "settlement": "USDC",
     "expiry": EXPIRY, "strike": 60_000.0, "option_type": "call", "multiplier": 1.0,
     "barrier": 50_000.0, "barrier_type": "down-out", "watch_days": 1.0},
]  # fmt: skip


@pytest.fixture
def job(tmp_path):
    """A job whose book holds one contract of each further kind in account Z."""
    job = make_job(tmp_path, accounts=3)

    def add(table):
        rows = pd.DataFrame(FURTHER).astype({"expiry": table["expiry"].dtype})
        joined = pd.concat([table, rows], ignore_index=True)
        text = ["option_type", "barrier_type"]
        joined[text] = joined[text].astype(object).where(joined[text].notna(), "")
        return joined

    edit_table(job, "instruments", add)
    held = [{"account": "Z", "instrument": row["instrument"], "quantity": 1.0} for row in FURTHER]
    edit_table(job, "positions", lambda t: pd.concat([t, pd.DataFrame(held)], ignore_index=True))
    return job


def test_terms_of_further_kinds_reach_the_book(job):
    inputs = load_inputs(job)
    batches = {type(b).__name__: b for b in build_book(inputs.book, inputs.market).instruments}
    barrier = batches["BarrierOptions"]
    assert bool(barrier.down[0]) and not bool(barrier.knock_in[0])
    assert float(barrier.barrier[0]) == 50_000.0
    np.testing.assert_allclose(barrier.interval[0], 1.0 / 365.0)
    assert float(batches["DigitalOptions"].sign[0]) == -1.0
    assets = list(inputs.market.assets["asset"])
    assert int(batches["QuantoFutures"].settlement[0]) == assets.index("ETH")
    result = run_margin(job, job.parent / "results")
    assert result.requirements.set_index("account").loc["Z", "initial"] > 0.0


@pytest.mark.parametrize("column", ["barrier", "barrier_type"])
def test_a_barrier_option_without_its_terms_is_refused(job, column):
    row = len(pd.read_parquet(job.parent / "instruments.parquet"))
    set_cell(job, "instruments", column, row, None)
    with pytest.raises(InvalidInputError, match=f"column {column}: no value in 1 of 505 rows"):
        load_inputs(job)


def test_an_unknown_barrier_type_gets_the_nearest(job):
    row = len(pd.read_parquet(job.parent / "instruments.parquet"))
    set_cell(job, "instruments", "barrier_type", row, "down-and-out")
    with pytest.raises(InvalidInputError, match=r"'down-and-out' \(did you mean 'down-out'\?\)"):
        load_inputs(job)


def with_combos(job, rows):
    edit_text(job, 'positions = "', 'combos = "combos.csv"\npositions = "')
    pd.DataFrame(rows, columns=["combo", "instrument", "ratio"]).to_csv(
        job.parent / "combos.csv", index=False
    )


def test_a_combo_is_its_legs_added_to_what_is_held_anyway(job):
    with_combos(job, [("SPREAD", "AM", 1), ("SPREAD", "BAR", -2), ("SPREAD", "BTC-SPOT", 0.5)])
    combo = pd.DataFrame([{"account": "Z", "instrument": "SPREAD", "quantity": 3.0}])
    edit_table(job, "positions", lambda t: pd.concat([t, combo], ignore_index=True))
    positions = load_inputs(job).book.positions
    mine = positions[positions["account"] == "Z"].set_index("instrument")["quantity"]
    assert mine["AM"] == 1.0 + 3.0 and mine["BAR"] == 1.0 - 6.0 and mine["BTC-SPOT"] == 1.5
    assert "SPREAD" not in mine.index and mine["DIG"] == 1.0


def test_unknown_legs_and_combos_named_like_instruments_are_refused(job):
    with_combos(job, [("SPREAD", "AMM", 1), ("BAR", "AM", 1)])
    with pytest.raises(InvalidInputError) as caught:
        load_inputs(job)
    assert any("combos.csv, column instrument" in p and "'AMM'" in p for p in caught.value.problems)
    assert any("the name of an instrument in 1 of 2" in p for p in caught.value.problems)


def test_wrapped_assets_follow_their_base_and_need_one(job):
    def wrap(table, base, kind="wrapped"):
        row = {"asset": "STETH", "spot": 2_980.0, "kind": kind, "base": base}
        return pd.concat([table, pd.DataFrame([row])], ignore_index=True)

    original = pd.read_parquet(job.parent / "market/assets.parquet")
    edit_text(job, 'constant = ["USDC"]', 'constant = ["USDC", "STETH"]')
    edit_table(job, "assets", lambda t: wrap(original, "ETH"))
    market = build_market(load_inputs(job).market)
    np.testing.assert_array_equal(market.base, jnp.array([0, 1, 2, 3, 1, 5]))
    edit_table(job, "assets", lambda t: wrap(original, ""))
    with pytest.raises(InvalidInputError, match="kind wrapped without a base"):
        load_inputs(job)
    edit_table(job, "assets", lambda t: wrap(original, "STETHX"))
    with pytest.raises(InvalidInputError, match="column base: 1 unknown name: 'STETHX'"):
        load_inputs(job)


def test_the_settlement_average_fixes_what_has_passed_of_its_window(job):
    edit_text(job, "[book]", "averaging_minutes = 2880\n[book]")  # two days: the first expiry, 1 d
    market = build_market(load_inputs(job).market)
    np.testing.assert_allclose(np.unique(np.asarray(market.fixed)), [0.0, 0.5], atol=1e-12)
