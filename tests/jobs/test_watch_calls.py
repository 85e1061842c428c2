"""Margin calls by hand: article 26 of Regulation (EU) 153/2013 with its 110 %."""

import json
import runpy
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from job_files import edit_table, edit_text
from watch_jobs import content, hold, make_watched, same_as_full, set_balances, watched

from jaxmargin.errors import InvalidInputError
from jaxmargin.jobs.watch import call_table
from jaxmargin.jobs.watch._calls import no_calls


def states(**accounts):
    """States of accounts from their requirement and collateral."""
    required, held = np.array(list(accounts.values()), float).reshape(-1, 2).T
    return pd.DataFrame(
        {"account": list(accounts), "initial": required, "equity": held,
         "available": np.round((held - required) / 0.01) * 0.01}
    )  # fmt: skip


def calls(before=None, number=1, call_at=1.1, **accounts):
    before = no_calls() if before is None else before
    return call_table(states(**accounts), before, call_at=call_at, number=number)


def test_a_call_needs_more_than_110_percent_and_asks_for_all_that_is_missing():
    table = calls(
        edge=(110.0, 100.0), above=(110.01, 100.0), below=(105.0, 100.0), covered=(90.0, 100.0),
        rounded=(77.0, 70.0), cent=(0.12, 0.1), odd=(36.3, 33.0),
    ).set_index("account")  # fmt: skip
    assert list(table.index) == ["above", "cent"]
    np.testing.assert_allclose(table["call"]["above"], 10.01, rtol=1e-12)
    np.testing.assert_allclose(table["ratio"]["above"], 1.1001, rtol=1e-12)
    assert table["call"]["cent"] == 0.02 and set(table["status"]) == {"opened"}
    assert table["reason"]["above"] == "the requirement is 110.01 % of collateral, above 110 %"


def test_without_collateral_every_requirement_is_called_and_the_ratio_is_infinite():
    table = calls(none=(5.0, 0.0), owes=(0.0, -3.0), both=(5.0, -3.0), nothing=(0.0, 0.0))
    assert list(table["account"]) == ["both", "none", "owes"]
    assert list(table["call"]) == [8.0, 5.0, 3.0]
    assert np.isinf(table["ratio"]).all() and set(table["reason"]) == {"no collateral"}


def test_what_is_not_known_is_called():
    table = calls(unknown=(7.0, np.nan), both=(np.nan, 5.0), fine=(1.0, 5.0)).set_index("account")
    assert list(table.index) == ["both", "unknown"] and set(table["status"]) == {"opened"}
    assert table["call"]["unknown"] == 7.0 and np.isnan(table["ratio"]).all()
    assert set(table["reason"]) == {"the requirement or the collateral is not known"}
    later = calls(table.reset_index(), 2, unknown=(7.0, np.nan), both=(5.0, 5.0))
    assert list(later["status"]) == ["closed", "continued"]


def test_a_call_goes_on_until_the_requirement_is_covered_in_full():
    first = calls(a=(120.0, 100.0), b=(100.0, 100.0))
    second = calls(first, 2, a=(120.0, 115.0), b=(111.0, 100.0)).set_index("account")
    assert list(second["status"]) == ["continued", "opened"]
    assert list(second["since"]) == [1, 2] and list(second["call"]) == [5.0, 11.0]
    assert "which an earlier call asked to cover in full" in second["reason"]["a"]
    third = calls(second.reset_index(), 3, a=(120.0, 120.0), b=(111.0, 100.0))
    assert list(third["status"]) == ["closed", "continued"]
    assert third["call"][0] == 0.0 and third["reason"][0] == "covered in full"
    fourth = calls(third, 4, a=(120.0, 110.0), b=(111.0, 111.0))  # above 100 %, below 110 %
    assert list(fourth["account"]) == ["b"] and fourth["status"][0] == "closed"
    assert calls(fourth, 5, a=(120.0, 110.0), b=(111.0, 111.0)).empty


def test_the_call_of_an_account_without_positions_is_closed():
    first = calls(a=(120.0, 100.0), b=(50.0, 100.0))
    second = calls(first, 2, b=(50.0, 100.0))
    assert list(second["account"]) == ["a"] and second["status"][0] == "closed"
    assert np.isnan(second["collateral"][0]) and second["call"][0] == 0.0
    assert second["reason"][0] == "no positions any more"


def test_the_ratio_is_a_setting():
    assert calls(call_at=1.0, a=(100.01, 100.0))["call"].round(2).tolist() == [0.01]
    assert calls(call_at=1.5, a=(149.0, 100.0)).empty


def test_tables_without_rows_have_the_same_types():
    empty, full = calls(a=(1.0, 2.0)), calls(a=(2.0, 1.0))
    assert empty.empty and list(empty.dtypes) == list(full.dtypes)
    assert list(empty.columns) == list(full.columns)


@pytest.fixture
def job(tmp_path):
    return make_watched(tmp_path / "job")


def test_calls_are_opened_continued_and_closed_as_collateral_changes(job):
    first = watched(job, updates=1)[0]
    requirements = pd.read_parquet(job.parent / "watch/current/requirements.parquet")
    required = float(requirements.set_index("account")["initial"]["long"])
    shutil.rmtree(job.parent / "watch")
    rest = "fallen,USDC,1000000\nshort,BTC,20\n"
    steps = [required / 1.11, required / 1.05, required]
    acts = [lambda has=has: set_balances(job, f"{rest}long,USDC,{has:.2f}\n") for has in steps]
    looks = watched(job, *acts, None)
    assert first["calls"]["opened"] == 0
    tables = [look["table"].set_index("account") for look in looks]
    assert (
        list(tables[0].index) == [] and [look["mode"] for look in looks[1:4]] == ["collateral"] * 3
    )
    assert [table["status"]["long"] for table in tables[1:4]] == ["opened", "continued", "closed"]
    assert [look["charged"] for look in looks[1:4]] == [0, 0, 0]
    for table, has in zip(tables[1:3], steps[:2], strict=True):
        np.testing.assert_allclose(table["call"]["long"], required - round(has, 2), atol=1e-6)
        np.testing.assert_allclose(table["collateral"]["long"], round(has, 2), atol=1e-6)
        assert table["since"]["long"] == 2
    assert tables[3]["call"]["long"] == 0.0
    written = pd.read_parquet(job.parent / "watch/updates/000002/calls.parquet")
    assert list(written["account"]) == ["long"] and written["status"][0] == "opened"
    assert "111.00 % of collateral, above 110 %" in written["reason"][0]
    same_as_full(job)


def test_an_account_that_closes_out_keeps_its_collateral_and_stops_no_call_of_another(job):
    rest = "fallen,USDC,1\nshort,BTC,20\n"

    def close():
        edit_table(job, "positions", lambda table: table[table["account"] != "long"])
        set_balances(job, f"{rest}long,USDC,500000\nowner,USDC,5\n")

    looks = watched(
        job, close, lambda: set_balances(job, f"{rest}late,USDC,3\n"),
        lambda: set_balances(job, f"{rest}late,USDC,4\n"),
    )  # fmt: skip
    assert not any(look["stale"] for look in looks)
    assert [look["update"] for look in looks] == [1, 2, 3, 4]
    assert [look["charged"] for look in looks[1:]] == [1, 1, 0]  # without positions, at once
    assert looks[3]["mode"] == "collateral"
    assert list(looks[1]["table"]["account"]) == ["fallen"] and looks[1]["calls"]["opened"] == 1
    closed = pd.read_parquet(job.parent / "watch/updates/000002/states.parquet")
    row = closed.set_index("account").loc["long"]
    assert row["initial"] == 0.0 and row["available"] == row["equity"] > 499_000.0
    left = pd.read_parquet(job.parent / "watch/current/states.parquet").set_index("account")
    assert list(left.index) == ["fallen", "late", "owner", "short"] and left["initial"]["late"] == 0
    warning = json.loads((job.parent / "watch/current/manifest.json").read_text())["warnings"][-1]
    assert warning.startswith("balances.csv: 1 account has collateral and no position")
    same_as_full(job)


def test_while_a_market_is_bad_calls_go_on_from_the_last_good_margin_and_newer_collateral(job):
    set_balances(job, "fallen,USDC,1\nshort,BTC,20\nlong,USDC,500000\n")
    before = {}

    def bad_market():
        before.update(content(job.parent / "watch/current"))
        (job.parent / "market/assets.parquet").unlink()
        hold(job, "long", 0.0)

    first, second, third = watched(
        job,
        bad_market,
        lambda: set_balances(job, "fallen,USDC,2000000\nshort,BTC,20\nlong,USDC,1\n"),
    )
    assert first["calls"]["opened"] == 1 and (second["update"], second["held"]) == (2, 1)
    assert third["stale"] and third["failures"] == 2 and third["since"] == second["checked"]
    assert third["update"] == 3 and third["mode"] == "collateral"
    assert third["margins_as_of"] == first["as_of"] < third["as_of"] == third["checked"]
    assert (third["calls"]["closed"], third["calls"]["opened"]) == (1, 1)
    now = content(job.parent / "watch/current")
    assert now["requirements.parquet"] == before["requirements.parquet"]
    manifest = json.loads(now["manifest.json"])
    assert manifest["update"]["stale"] and manifest["update"]["problems"] == third["problems"]
    assert manifest["inputs"][1] == json.loads(before["manifest.json"])["inputs"][1]


def test_a_job_without_collateral_is_refused_with_the_cure_and_nothing_is_written(job):
    edit_text(job, 'collateral = "balances.csv"\n', "")
    with pytest.raises(InvalidInputError, match=r"\[book\]: key 'collateral' is missing.*Give a"):
        watched(job)
    assert not (job.parent / "watch").exists()


def test_the_example_shows_a_call_that_goes_on_while_positions_cannot_be_read(
    tmp_path, monkeypatch, capsys
):
    monkeypatch.setenv("JAXMARGIN_EXAMPLE_OUT", str(tmp_path))
    runpy.run_path(str(Path(__file__).parents[2] / "examples/11_watch_book.py"))
    lines = capsys.readouterr().out.splitlines()
    looks = [line.split(" ", 1)[1] for line in lines if not line.startswith("  ")]
    assert looks == [
        "update 1 (full): fresh",
        "update 2 (incremental): fresh",
        "update 3 (incremental): fresh",
        "update 3 (incremental): STALE since 08:03",
        "update 4 (collateral): STALE since 08:03",
        "update 5 (incremental): fresh",
    ]
    calls = [line.split(";")[0].split() for line in lines if line.startswith("  A")]
    assert [call[1] for call in calls] == ["opened:", "opened:", "continued:", "closed:"]
    amounts = [float(call[3].replace(",", "")) for call in calls]
    assert amounts[0] == amounts[1] and amounts[3] == 0.0
    np.testing.assert_allclose(amounts[1] - amounts[2], 300_000.0, atol=0.02)  # the deposit
    assert sum("positions.parquet: cannot be read" in line for line in lines) == 2
