"""What the page of results says is so: of calls, of errors, of rules, of digits and of inputs."""

import json

import numpy as np
import pandas as pd
import pytest
from report_pages import page_of, said
from result_folders import (
    SETTINGS,
    allocation_folder,
    backtest_folder,
    change,
    margin_folder,
    sensitivity_folder,
)

NAMES = ["alpha", "beta", "gamma", "delta"]


def test_a_watch_at_work_is_no_alarm_and_a_run_that_has_not_ended_is(tmp_path, undrawn):
    folder = margin_folder(tmp_path / "margin", NAMES)
    (folder / "status.json").write_text(json.dumps({"state": "running", "stale": False}))
    assert "its results may be older" not in said(page_of([folder], tmp_path))
    change(folder, identity="ab" * 32)  # as runs in shards have
    assert "is running; its results may be older" in said(page_of([folder], tmp_path))


def test_open_calls_of_a_watch_come_first_with_what_is_missing(tmp_path, undrawn):
    """Of 300 against 250 and 400 against nothing; the third was closed."""
    folder = margin_folder(tmp_path / "margin", NAMES)
    calls = pd.DataFrame(
        {
            "account": ["beta", "gamma", "delta"],
            "requirement": [200.0, 300.0, 400.0],
            "collateral": [250.0, 250.0, 0.0],
            "ratio": [0.8, 1.2, np.inf],
            "call": [0.0, 50.0, 400.0],
            "status": ["closed", "continued", "opened"],
            "since": [3, 5, 7],
            "reason": ["covered in full", "above", "no collateral"],
        }
    )
    page = page_of([change(folder, calls=calls, update={"call_at": 1.1})], tmp_path)
    rows = page.tables["Open calls"]
    assert rows[1] == ["delta", "400.00", "400.00", "0.00", "no collateral", "7", "opened"]
    assert rows[2][:6] == ["gamma", "50.00", "300.00", "250.00", "120.00%", "5"]
    assert len(rows) == 3 and page.tiles["Margin calls"][0] == "2"
    assert "above 110 % of collateral" in said(page) and "Closed by this update: 1" in said(page)
    assert list(page.tables).index("Open calls") < list(page.tables).index("Largest accounts")


def test_small_amounts_keep_their_digits_and_titles_have_all(tmp_path, undrawn):
    """A book in BTC: 0.00123456789 is no 0.00."""
    folder = margin_folder(
        tmp_path / "m", NAMES, initial=np.array([0.00123456789, 12.3456789, 0, 5])
    )
    page = page_of([folder], tmp_path)
    assert [row[1] for row in page.tables["Largest accounts"][1:]] == [
        "12.35", "5.00", "0.00123457", "0.00"
    ]  # fmt: skip
    titles = [value for name, value in page.attributes if name == "title"]
    assert "12.3456789" in titles and "0.00123456789" in titles
    assert page.tiles["Initial margin"] == ("17.3 USD", "17.34691346789 USD")
    assert "as the files have them" not in said(page)


def test_quantities_of_assets_and_what_one_more_saves_have_units(tmp_path, undrawn):
    page = page_of([allocation_folder(tmp_path / "a", NAMES, "why")], tmp_path)
    assert page.tables["Assets"][0] == [
        "asset", "available, units", "posted, units", "posted USD",
        "one unit more saves USD a year",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("rulebook", "words"),
    [
        ({"kind": "expected-shortfall", "level": 0.975}, "mean of the losses in the tail"),
        ({"kind": "value-at-risk", "level": 0.99}, "which may be more than the margin"),
        ({"kind": "worst-case"}, "the loss in the scenario named"),
        ({"kind": "scan-grid"}, "the rule finds the largest loss"),
    ],
)
def test_what_the_worst_scenario_is_depends_on_the_rule(tmp_path, undrawn, rulebook, words):
    folder = margin_folder(tmp_path / "m", NAMES)
    text = said(page_of([change(folder, settings=SETTINGS | {"rulebook": rulebook})], tmp_path))
    assert words in text
    assert ("several scenarios" in text) == (rulebook["kind"] == "expected-shortfall")


def test_a_rule_without_scenarios_has_no_worst_one(tmp_path, undrawn):
    """Its one scenario is that nothing moves."""
    folder = margin_folder(tmp_path / "m", NAMES, label="no move")
    change(folder, settings=SETTINGS | {"rulebook": {"kind": "hyperliquid-tiers"}},
           counts={"scenarios": 1})  # fmt: skip
    page = page_of([folder], tmp_path)
    assert "hyperliquid-tiers has none" in said(page) and "Scenarios" not in page.tables
    assert "worst scenario" not in page.tables["Largest accounts"][0]


def test_a_sum_of_errors_is_a_bound_only_where_every_account_has_one(tmp_path, undrawn):
    """10.4 + 20.4 + 30.4 + 40.4 = 101.6, which as a bound is 110 to two digits."""
    folder = margin_folder(tmp_path / "m", NAMES)
    table = pd.read_parquet(folder / "requirements.parquet")
    table["standard_error"] = [10.4, 20.4, 30.4, 40.4]
    assert "at most 110 USD" in said(page_of([change(folder, requirements=table)], tmp_path))
    table.loc[0, "standard_error"] = np.nan
    text = said(page_of([change(folder, requirements=table)], tmp_path))
    assert "at most" not in text.partition("Margin by account")[0].partition("At a glance")[2]
    assert "standard error not known: 1 of 4 accounts have none" in text
    assert "others add up to 92 USD" in text  # 91.2, rounded up


def test_what_derivatives_hold_for_is_said(tmp_path, undrawn):
    text = said(page_of([sensitivity_folder(tmp_path / "s", NAMES, "alpha")], tmp_path))
    assert "holds exactly while positions change" in text
    assert "first derivatives, for small moves" in text
    assert "share its sampling error" in text and "no standard error of their own" not in text


def test_two_files_of_one_name_are_compared_each_with_its_own(tmp_path, undrawn):
    inputs = [{"file": "history.parquet", "sha256": digit * 64} for digit in "ab"]
    folders = [
        change(margin_folder(tmp_path / "m", NAMES), inputs=inputs),
        change(backtest_folder(tmp_path / "b", NAMES), inputs=inputs),
    ]
    assert "was computed from another" not in said(page_of(folders, tmp_path))
    change(folders[1], inputs=inputs[::-1])
    text = said(page_of(folders, tmp_path))
    assert text.count("was computed from another history.parquet than") == 2
