"""The margins that a job's positions would have had, against margin jobs of past days."""

import io
import json

import numpy as np
import pandas as pd
import pytest
from job_files import edit_table, make_job, with_scenarios
from report_pages import shown
from rich.console import Console
from rolling_loops import expected_shortfall

from jaxmargin.backtest import RollingBacktest
from jaxmargin.errors import InvalidInputError
from jaxmargin.jobs import load_inputs, run_backtest, run_margin
from jaxmargin.jobs._backtest_tables import kpi_table
from jaxmargin.report import backtest_summary


@pytest.fixture(scope="module")
def job(tmp_path_factory):
    return make_job(tmp_path_factory.mktemp("backtest"), accounts=7)


@pytest.fixture(scope="module")
def settings(job):
    inputs = load_inputs(job)
    return inputs.history.closes.index, inputs.job.rulebook


@pytest.fixture(scope="module")
def tables(job):
    return run_backtest(job, job.parent / "out", window=120)


@pytest.fixture(scope="module")
def pnl(job):
    """Of every account in every move, by the time at which it ends, from the margin job."""
    run_margin(job, job.parent / "margin", pnl=True)
    found = pd.read_parquet(job.parent / "margin" / "pnl.parquet")
    return found.pivot(index="scenario", columns="account", values="pnl").sort_index()


def test_margins_and_losses_are_those_of_a_loop_over_the_p_and_l_of_the_margin_job(
    tables, pnl, settings
):
    closes, rulebook = settings
    horizon, days = rulebook["horizon_days"], tables.days
    assert len(days) == 7 * (len(closes) - 1 - horizon - 120 + 1)
    at = {day: row for row, day in enumerate(pnl.index)}
    for account, own in days.groupby("account", observed=True):
        series = pnl[account].to_numpy()
        for row in own.iloc[:: max(1, len(own) // 25)].itertuples():
            end = at[f"to {row.time.date().isoformat()}"] + 1  # moves that end by then
            loss = expected_shortfall(-series[end - (120 - horizon + 1) : end], rulebook["level"])
            assert row.margin == pytest.approx(max(loss, 0.0), abs=0.0101)
            assert row.margin >= loss - 1e-9
            assert row.realized == pytest.approx(series[end - 1 + horizon], abs=1e-9)
            assert row.exceeded == (-row.realized > row.margin)


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"expected-shortfall": "value-at-risk", "[scenarios]": "[scenarios]\ndecay = 0.98"},
        {'kind = "expected-shortfall"\nlevel = 0.975': 'kind = "worst-case"'},
    ],
    ids=["expected-shortfall", "weighted-by-age", "worst-case"],
)
def test_the_last_margin_is_that_of_a_margin_job_whose_history_ends_on_that_day(
    job, settings, changes
):
    closes, rulebook = settings
    text = job.read_text()
    for old, new in changes.items():
        assert old in text
        text = text.replace(old, new)
    full, past = job.with_name("full.toml"), job.with_name("past.toml")
    full.write_text(text)
    tables = run_backtest(full, job.parent / "full", window=120)
    row = len(closes) - 1 - rulebook["horizon_days"]
    first, last = closes[row - 120], closes[row]
    dates = f"start = {first.date().isoformat()}\nend = {last.date().isoformat()}\n"
    past.write_text(text.replace("[scenarios]\n", f"[scenarios]\n{dates}"))
    alone = run_margin(past, job.parent / "past").requirements
    own = tables.days[tables.days["time"] == last].set_index("account")["margin"]
    np.testing.assert_allclose(own.reindex(alone["account"]), alone["initial"], atol=0.0101)
    assert tables.tests.empty == ("worst-case" in text)


def test_kpis_and_tests_count_what_the_days_say(tables):
    days, kpis = tables.days, tables.kpis.set_index("account")
    by = days.groupby("account", observed=True)
    breaches = by["exceeded"].sum()
    np.testing.assert_array_equal(kpis["breaches"].drop("all"), breaches.reindex(kpis.index[:-1]))
    assert kpis.loc["all", "breaches"] == breaches.sum()
    assert kpis.loc["all", "coverage"] == pytest.approx(1.0 - days["exceeded"].mean())
    total = days.groupby("time")["margin"].sum()
    assert kpis.loc["all", "peak_to_trough"] == pytest.approx(total.max() / total.min())
    shortfall = (-days["realized"] - days["margin"]).clip(lower=0.0).max()
    assert kpis.loc["all", "greatest_shortfall"] == pytest.approx(shortfall)
    light = tables.tests[tables.tests["test"] == "traffic-light"]
    assert list(light["account"]) == [*kpis.index[:-1], "all as one"]
    assert set(light["zone"]) <= {"green", "yellow", "red"}
    assert tables.tests["p_value"].dropna().between(0.0, 1.0).all()


def test_all_as_one_is_tested_as_an_account_that_holds_everything(tables, pnl, settings):
    """Exceedances of the value at risk of the summed P&L, by a sort of each window."""
    _, rulebook = settings
    horizon, losses, hits = rulebook["horizon_days"], -pnl.sum(axis=1).to_numpy(), 0
    size = 120 - horizon + 1
    rank = int(np.ceil((1.0 - rulebook["level"]) * size - 1e-9))
    for end in range(size, len(losses) - horizon + 1, horizon):  # days apart
        hits += losses[end - 1 + horizon] > np.sort(losses[end - size : end])[-rank]
    light = tables.tests[tables.tests["test"] == "traffic-light"].set_index("account")
    assert light.loc["all as one", "statistic"] == hits


def test_tables_and_facts_are_written(job, tables):
    out = job.parent / "out"
    for name, table in (("backtest", tables.days), ("tests", tables.tests), ("kpis", tables.kpis)):
        pd.testing.assert_frame_equal(
            pd.read_parquet(out / f"{name}.parquet"), table, check_dtype=False
        )
    facts = json.loads((out / "backtest.json").read_text())
    assert facts["window"] == 120 and facts["days"] == tables.days["time"].nunique()


def test_the_command_prints_a_summary_in_80_columns_and_draws_pictures(
    job, tables, run_command, tmp_path, monkeypatch
):
    monkeypatch.setenv("COLUMNS", "80")
    code, output, errors = run_command("backtest", job, "--out", tmp_path, "--window", 120)
    assert code == 0, errors
    lines = output.splitlines()
    assert max(len(line) for line in lines[:-1]) <= 80
    assert "all" in output and "kupiec" in output and "peak/trough" in output
    for name in ("backtest.png", "backtest.svg", "kpis.parquet"):
        assert (tmp_path / name).stat().st_size > 1_000


def test_accounts_without_margin_are_summed_up_without_ratios(tables):
    zero = np.zeros((4, 2, 1))
    found = RollingBacktest(zero, np.ones((4, 2)), np.ones(1), np.arange(4), 1)
    kpis = kpi_table(found, pd.Index(["a", "b"]), 0.01)
    assert set(kpis) == set(tables.kpis)
    console = Console(width=80, record=True, file=io.StringIO())
    console.print(backtest_summary(tables.tests, kpis, tables.published, tables.facts))
    lines = console.export_text().splitlines()
    rows = [[cell.strip() for cell in line.split("│")[1:-1]] for line in lines]
    assert ["a", "4", "0.00%", "0", "", ""] in rows and ["all", "8", "0.00%", "0", "", ""] in rows
    assert ["all accounts", "0.00%", "", "", ""] in rows


def test_jobs_that_cannot_be_backtested_say_why(job, tmp_path):
    with pytest.raises(InvalidInputError, match=r"--window 100000: .* has \d+"):
        run_backtest(job, tmp_path, window=100_000)
    random = make_job(tmp_path / "random", accounts=2)
    named = make_job(tmp_path / "named", accounts=2)
    names = iter(["all", "all as one"])
    edit_table(named, "positions", lambda table: table.assign(
        account=table["account"].map({each: next(names) for each in table["account"].unique()})
    ))  # fmt: skip
    with pytest.raises(InvalidInputError, match="an account is named 'all' and one 'all as one'"):
        run_backtest(named, tmp_path / "out")
    keys = 'history = "history.parquet"\nconstant = ["USDC"]\nscenarios = 64'
    with_scenarios(random, "gaussian", keys)
    with pytest.raises(InvalidInputError, match="Use kind historical without depegs"):
        run_backtest(random, tmp_path / "out")


def test_a_report_shows_what_was_written(job, tables, undrawn, tmp_path):
    page = shown(job.parent / "out", "backtest", tmp_path)
    breaches = tables.kpis.set_index("account").loc["all", "breaches"]
    assert page.tiles["Breaches of margin"][0] == f"{breaches:,.0f}"
    assert len(page.tables["Tests"]) == 1 + tables.tests["test"].nunique()
