"""Quotes that cannot be: negative, infinite, crossed, of no day, of the future."""

import copy
import json

import pandas as pd
import pytest
from fuzz.readers import BYBIT, CHAIN, DERIBIT, OKX, QUOTES
from job_files import edit_table, make_job

from jaxmargin.errors import InvalidInputError
from jaxmargin.io import (
    read_bybit,
    read_deribit,
    read_deribit_summary,
    read_okx,
    read_quotes,
    write_chain,
)
from jaxmargin.jobs import load_inputs

READ = {
    "deribit": (DERIBIT, read_deribit_summary),
    "okx": (OKX, lambda path: read_okx(path, prices={"BTC": 6e4})),
    "bybit": (BYBIT, lambda path: read_bybit(path, prices={"USDT": 1.0})),
}


def read_with(folder, venue, **fields):
    """What is read of a venue's answer whose first row has these fields."""
    answer, read = READ[venue]
    answer = copy.deepcopy(answer)
    rows = answer.get("data") or answer["result"]
    (rows["list"] if venue == "bybit" else rows)[0].update(fields)
    path = folder / "answer.json"
    path.write_text(json.dumps(answer))
    return read(path)


@pytest.mark.parametrize(
    ("venue", "field", "value", "part"),
    [
        ("deribit", "mark_price", -0.01, "price is -0.01, negative"),
        ("deribit", "mark_price", float("inf"), "mark_price is inf, not a number"),
        ("deribit", "estimated_delivery_price", 0.0, "index price is 0.0, not positive"),
        ("deribit", "underlying_price", -1.0, "forward is -1.0, not positive"),
        ("deribit", "creation_timestamp", 1e30, "cannot be read"),
        ("deribit", "mark_iv", float("nan"), "mark_iv is nan, not a number"),
        ("deribit", "instrument_name", "BTC-31FEB26-60000-C", "cannot be read"),
        ("deribit", "instrument_name", "BTC-27MAR26-0-C", "strike is 0.0, not positive"),
        ("deribit", "instrument_name", f"BTC-27MAR26-{'9' * 400}-C", "strike is inf, not positive"),
        ("okx", "fwdPx", "0", "forward is 0.0, not positive"),
        ("okx", "markVol", 10**400, "not a number"),
        ("bybit", "indexPrice", "-5", "index price is -5.0, not positive"),
        ("bybit", "markPrice", "1e400", "markPrice is '1e400', not a number"),
    ],
)
def test_a_quote_that_cannot_be_is_refused_with_its_row(tmp_path, venue, field, value, part):
    with pytest.raises(InvalidInputError) as caught:
        read_with(tmp_path, venue, **{field: value})
    (problem,) = caught.value.problems
    assert problem.startswith("answer.json, row 1, ") and part in problem


@pytest.mark.parametrize("time", [None, "noon", 1e300, [], "inf"])
def test_an_answer_of_no_time_is_refused(tmp_path, time):
    path = tmp_path / "answer.json"
    path.write_text(json.dumps({**BYBIT, "time": time}))
    with pytest.raises(InvalidInputError, match=r"answer\.json, time: .* is no time"):
        read_bybit(path, prices={"USDT": 1.0})


@pytest.mark.parametrize(
    ("bid", "ask", "kept"),
    [(0.06, 0.05, 3), (0.05, 0.05, 4), (0.01, 0.09, 4), (0.06, None, 4), (0.06, 0.0, 4),
     ("x", 0.05, 4)],
)  # fmt: skip
def test_a_crossed_option_is_left_out_by_name_and_locked_wide_or_one_sided_ones_are_not(
    tmp_path, bid, ask, kept
):
    chain = read_with(tmp_path, "deribit", bid_price=bid, ask_price=ask)
    assert len(chain.rows) == kept
    note = "left out 1 options whose bid is above their ask: BTC-27MAR26-50000-C"
    assert chain.notes == ([note] if kept == 3 else [])


def test_an_answer_of_crossed_options_alone_is_refused(tmp_path):
    with pytest.raises(InvalidInputError, match="no options but crossed ones"):
        read_with(tmp_path, "bybit", bid1Price="5000", ask1Price="4000")


@pytest.mark.parametrize(
    ("table", "column", "read"),
    [
        (QUOTES, "price", lambda path: read_quotes(path, time="2026-02-05T09:00Z", prices={})),
        (CHAIN, "mark_price", read_deribit),
    ],
)
def test_a_negative_price_of_a_table_is_refused_and_a_zero_price_is_not(
    tmp_path, table, column, read
):
    path = tmp_path / "quotes.csv"
    table.assign(**{column: [-0.01, 0.0]}).to_csv(path, index=False)
    with pytest.raises(InvalidInputError, match=f"column {column}: negative in 1 of 2 rows"):
        read(path)


def test_options_that_expired_by_the_snapshot_are_left_out_by_name(tmp_path):
    rows = pd.concat([QUOTES, QUOTES.assign(instrument=["old", "older"])], ignore_index=True)
    rows.loc[2:, "expiry"] = "2026-02-05T09:00Z"  # at the very moment
    rows.to_csv(tmp_path / "quotes.csv", index=False)
    chain = read_quotes(tmp_path / "quotes.csv", time="2026-02-05T09:00Z", prices={})
    lines = write_chain(chain, tmp_path / "out")
    assert any("left out 2 options expired at the snapshot: old, older" in line for line in lines)


def test_forwards_marked_after_the_valuation_time_are_refused(tmp_path):
    job = make_job(tmp_path, accounts=3)
    time = load_inputs(job).job.settings["valuation_time"]
    for minutes, refused in ((59, False), (61, True)):
        later = time + pd.Timedelta(minutes=minutes)
        edit_table(job, "forwards", lambda t, later=later: t.assign(as_of=later))
        if not refused:
            load_inputs(job)
            continue
        with pytest.raises(InvalidInputError, match="column as_of: later than the valuation time"):
            load_inputs(job)
