"""Orders of a table: against full runs with the trades done, and by hand for one coin."""

import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from job_files import TABLES, edit_table, edit_text, make_job, with_scenarios

from jaxmargin.jobs import run_margin, run_what_if

GRID = "spot_moves = [-0.2, 0.0, 0.2]\nvolatility_moves = [-0.3, 0.0, 0.5]"
COIN = 0.2 * 60_000.0  # the worst case of one coin, held or sold


@pytest.fixture(scope="module")
def job(tmp_path_factory):
    """A job whose margin is the worst of a grid, with a combo of two coins less an option."""
    path = with_scenarios(make_job(tmp_path_factory.mktemp("job")), "spot-volatility-grid", GRID)
    edit_text(path, 'kind = "expected-shortfall"\nlevel = 0.975', 'kind = "worst-case"')
    edit_text(path, 'positions = "', 'combos = "combos.csv"\npositions = "')
    (path.parent / "combos.csv").write_text(
        f"combo,instrument,ratio\nPAIR,BTC-SPOT,2\nPAIR,{option_of(path)},-1\n"
    )
    return path


def option_of(job):
    listed = pd.read_parquet(job.parent / TABLES["instruments"])
    return listed.loc[listed["kind"] == "inverse-option", "instrument"].iloc[7]


def orders_file(folder, rows):
    """Rows of order, account, instrument and quantity as a table."""
    path = folder / "orders.csv"
    table = pd.DataFrame(rows, columns=["order", "account", "instrument", "quantity"])
    table.to_csv(path, index=False)
    return path


def test_each_order_has_the_margin_of_a_full_run_with_its_trades_done(job, tmp_path):
    held = pd.read_parquet(job.parent / TABLES["positions"])
    names, option = held["account"].unique(), option_of(job)
    closed = held[held["account"] == names[2]].iloc[0]
    rows = [
        ("sell", names[4], option, -5.0),
        ("close", names[2], closed["instrument"], -closed["quantity"]),
        ("two legs", names[0], "BTC-SPOT", 3.0),
        ("two legs", names[0], option, 2.0),
        ("combo", names[1], "PAIR", -1.5),
        ("combo", names[1], "BTC-SPOT", 1.0),
    ]
    found = run_what_if(job, orders_file(tmp_path, rows), out=tmp_path / "out")
    assert found.margins["order"].tolist() == ["sell", "close", "two legs", "combo"]
    assert found.open_orders is None and found.facts["warnings"] == []

    trades = [*rows[:4], ("combo", names[1], "BTC-SPOT", -2.0), ("combo", names[1], option, 1.5)]
    table = pd.DataFrame(trades, columns=["order", "account", "instrument", "quantity"])
    done = Path(shutil.copytree(job.parent, tmp_path / "done")) / job.name
    edit_table(done, "positions", lambda t: (
        pd.concat([t, table.drop(columns="order")])
        .groupby(["account", "instrument"], as_index=False)["quantity"].sum()
    ))  # fmt: skip
    whole = {
        when: run_margin(each, tmp_path / when).requirements.set_index("account")
        for when, each in (("before", job), ("after", done))
    }
    for margin in ("initial", "maintenance"):
        for when, column in (("before", f"{margin}_before"), ("after", margin)):
            expected = whole[when].loc[found.margins["account"], margin]
            # rounded up to cents: sums of several positions may differ in their last bit
            np.testing.assert_allclose(found.margins[column], expected, atol=0.0101)
    change = found.margins["initial"] - found.margins["initial_before"]
    np.testing.assert_array_equal(found.margins["change"], change)
    pd.testing.assert_frame_equal(pd.read_parquet(tmp_path / "out/what_if.parquet"), found.margins)
    facts = json.loads((tmp_path / "out/what_if.json").read_text())
    assert facts["counts"] == {"orders": 4, "legs": 6, "accounts": 4}  # coins of the combo add up
    assert {"orders.csv", "combos.csv", "job.toml"} <= {each["file"] for each in facts["inputs"]}
    assert facts["orders_per_second"] > 0 and facts["seconds"]["orders_cold"] > 0.0


def test_an_account_without_positions_counts_as_new_and_is_named(job, tmp_path):
    rows = [("buy", "FRESH", "BTC-SPOT", 1.0), ("sell", "FRESH", "BTC-SPOT", -2.0)]
    found = run_what_if(job, orders_file(tmp_path, rows))
    assert found.margins["initial_before"].tolist() == [0.0, 0.0]
    np.testing.assert_allclose(found.margins["initial"], [COIN, 2.0 * COIN])
    np.testing.assert_allclose(found.margins["maintenance"], [0.8 * COIN, 1.6 * COIN])
    (warning,) = found.facts["warnings"]
    assert "orders.csv, column account: 1 account without positions yet ('FRESH')" in warning


def test_open_orders_of_coins_are_worst_when_one_side_fills(job, tmp_path):
    rows = [
        ("one", "FRESH", "BTC-SPOT", 1.0),
        ("two", "FRESH", "BTC-SPOT", 1.0),
        ("less", "FRESH", "BTC-SPOT", -1.0),
        *((f"buy {i}", "MANY", "BTC-SPOT", 1.0) for i in range(12)),
        ("sell", "MANY", "BTC-SPOT", -5.0),
    ]
    found = run_what_if(job, orders_file(tmp_path, rows), out=tmp_path, open_orders=True)
    worst = found.open_orders.set_index("account")
    assert worst["orders"].tolist() == [3, 13] and worst["exact"].tolist() == [True, False]
    np.testing.assert_allclose(worst["initial"], [2.0 * COIN, 12.0 * COIN])
    np.testing.assert_allclose(worst["initial_filled"], [COIN, 7.0 * COIN])
    np.testing.assert_allclose(worst["maintenance"], 0.8 * worst["initial"])
    assert (worst["initial_before"] == 0.0).all()
    written = pd.read_parquet(tmp_path / "open_orders.parquet").set_index("account")
    assert list(written["fills"]["FRESH"]) == ["one", "two"] and written["fills"]["MANY"] is None

    again = run_what_if(job, orders_file(tmp_path, rows[:3]), out=tmp_path)
    assert any("open_orders.parquet is of an earlier run" in w for w in again.facts["warnings"])
