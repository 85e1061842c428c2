"""Explaining two runs: expired and new contracts, published margins, inputs that changed."""

import functools
import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from job_files import edit_table, edit_text, make_job, with_scenarios
from reference import run_example

import jaxmargin as jm
from jaxmargin.jobs import run_explain, run_margin

GRID = "spot_moves = [-0.2, 0.0, 0.2]\nvolatility_moves = [-0.3, 0.0, 0.5]"
NEXT = "2026-01-03T08:00:00Z"  # the demo's shortest expiry is this very moment


def second_day(first, folder):
    """The job a day later: all prices 2 % lower, what has expired is gone, one account is new."""
    shutil.copytree(first.parent, folder)
    job = folder / "job.toml"
    edit_text(job, "2026-01-02T08:00:00Z", NEXT)
    for name in ("forwards", "volatilities", "instruments"):
        edit_table(job, name, lambda t: t[~(t["expiry"] <= pd.Timestamp(NEXT))])
    edit_table(job, "assets", lambda t: t.assign(
        spot=t["spot"].where(t["kind"] != "coin", 0.98 * t["spot"]),
        perpetual=0.98 * t["perpetual"],
    ))  # fmt: skip
    edit_table(job, "forwards", lambda t: t.assign(forward=0.98 * t["forward"]))
    alive = pd.read_parquet(folder / "instruments.parquet")["instrument"]
    edit_table(job, "positions", lambda t: pd.concat([
        t[t["instrument"].isin(alive)],
        pd.DataFrame({"account": ["NEW"], "instrument": ["BTC-SPOT"], "quantity": [1.0]}),
    ]))  # fmt: skip
    return job


@pytest.fixture(scope="module")
def days(tmp_path_factory):
    """Job files of two days, each with results beside it."""
    root = tmp_path_factory.mktemp("days")
    first = with_scenarios(make_job(root / "one"), "spot-volatility-grid", GRID)
    edit_text(first, 'kind = "expected-shortfall"\nlevel = 0.975', 'kind = "worst-case"')
    listed = pd.read_parquet(first.parent / "instruments.parquet")
    expiring = listed.loc[listed["expiry"] <= pd.Timestamp(NEXT), "instrument"].iloc[0]
    edit_table(first, "positions", lambda t: pd.concat([
        t, pd.DataFrame({"account": ["OLD"], "instrument": [expiring], "quantity": [-3.0]})
    ]))  # fmt: skip
    second = second_day(first, root / "two")
    for job in (first, second):
        run_margin(job, job.parent / "results")
    return first, second


@pytest.fixture(scope="module")
def result(days):
    return run_explain(*(job.parent / "results" for job in days))


def test_amounts_and_residual_add_up_to_the_published_change(days, result):
    before, after = (
        pd.read_parquet(job.parent / "results/requirements.parquet").set_index("account")["initial"]
        for job in days
    )
    change = after.sub(before, fill_value=0.0)
    shown = result.changes.groupby("account")["amount"].sum()
    np.testing.assert_allclose(shown, change[shown.index], atol=1e-9)
    rest = result.changes.query("step == 'residual'")["amount"]
    assert rest.abs().max() <= 0.01 + 1e-9 and result.facts["residual_share"] < 0.01


def test_expired_positions_leave_first_and_a_new_account_comes_by_its_positions(result):
    amounts = result.changes.pivot(index="account", columns="step", values="amount")
    margins = result.margins.set_index("account")
    assert margins["before"]["OLD"] > 0.0 and margins["after"]["OLD"] == 0.0
    leaves = amounts.loc["OLD", "expired or delisted"]
    assert abs(leaves + margins["before"]["OLD"]) < 0.01
    # one coin at the day's prices, in a fall of 20 %: 60,000 before, 2 % lower after
    assert abs(amounts.loc["NEW", "positions"] - 0.2 * 60_000.0) < 1e-6
    assert abs(amounts.loc["NEW", "prices"] + 0.02 * 0.2 * 60_000.0) < 1e-6


def test_the_other_way_round_what_expired_is_newly_listed(days):
    back = run_explain(days[1], days[0], account="OLD")
    amounts = back.steps.set_index("step")["amount"]
    assert list(back.steps["step"])[-2] == "newly listed"
    assert abs(amounts["newly listed"] - back.facts["after"]) < 0.01 and back.facts["before"] == 0.0


def test_stated_scenarios_stay_with_their_expiries_when_others_go(days, tmp_path):
    """The same moves of the same expiries on both days: the scenarios explain nothing."""
    table = pd.DataFrame({
        "scenario": ["fall", "rise"], "spot BTC": [-0.2, 0.1], "spot ETH": [-0.3, 0.2],
        "spot SOL": [-0.4, 0.3], "volatility BTC": [0.5, -0.2],
        "volatility BTC 2026-01-10T08:00Z": [1.5, -0.4],
    })  # fmt: skip
    jobs = [Path(shutil.copytree(job.parent, tmp_path / job.parent.name)) for job in days]
    for job in jobs:
        table.to_csv(job / "moves.csv", index=False)
        with_scenarios(job / "job.toml", "file", 'file = "moves.csv"\nconstant = ["USDC"]')
    found = run_explain(*(job / "job.toml" for job in jobs))
    amounts = found.steps.set_index("step")["amount"]
    assert found.facts["residual_share"] < 0.01 and abs(amounts["prices"]) > 1_000.0
    assert abs(amounts["scenarios"]) < 1e-6


@pytest.fixture
def command(run_command):
    return functools.partial(run_command, "explain")


def test_the_command_prints_the_path_and_writes_the_table(days, command, tmp_path):
    code, output, _ = command(
        *(job.parent / "results" for job in days), "--account", "NEW", "--out", tmp_path
    )
    assert code == 0 and "+12,000.00" in output and "residual" in output
    table = pd.read_parquet(tmp_path / "explain.parquet")
    assert list(table.columns) == ["account", "step", "amount"]
    facts = json.loads((tmp_path / "explain.json").read_text())
    assert facts["path"][:3] == ["expired or delisted", "positions", "time"]
    assert {entry["file"] for entry in facts["runs"][0]["inputs"]} >= {"positions.parquet"}


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda job: edit_table(job, "positions", lambda t: t.head(5)), "positions.parquet: not "),
        (lambda job: edit_text(job, "round_to = 0.01", "round_to = 0.1"), "job.toml: not the SHA"),
        (lambda job: (job.parent / "instruments.parquet").unlink(), "instruments.parquet: not th"),
        (lambda job: (job.parent / "results/manifest.json").unlink(), "no manifest.json"),
        (lambda job: job.unlink(), "the job file of the run"),
    ],
)
def test_a_run_whose_inputs_changed_is_refused(days, command, tmp_path, spoil, message):
    job = Path(shutil.copytree(days[1].parent, tmp_path / "two")) / "job.toml"
    spoil(job)
    code, _, errors = command(days[0].parent / "results", job.parent / "results")
    assert code == 2 and message in errors and len(errors.strip().splitlines()) == 1


def test_unknown_accounts_and_other_currencies_are_refused(days, tmp_path):
    with pytest.raises(jm.InvalidInputError, match=r"no account 'OLDE'.*did you mean 'OLD'"):
        run_explain(*days, account="OLDE")
    job = Path(shutil.copytree(days[1].parent, tmp_path / "two")) / "job.toml"
    edit_text(job, 'precision = "f64"', 'precision = "f32"')
    edit_table(job, "positions", lambda t: t.assign(account="X" + t["account"]))
    with pytest.raises(jm.InvalidInputError) as refused:
        run_explain(days[0], job)
    assert [problem.split(":")[0] for problem in refused.value.problems] == [
        "precision", "accounts",
    ]  # fmt: skip


def test_the_example_explains_two_real_days_to_less_than_one_percent(tmp_path, capsys):
    run_example(Path(__file__).parents[2] / "examples/05_explain_margin_change.py", tmp_path)
    assert "volatility" in capsys.readouterr().out
    facts = json.loads((tmp_path / "explain/change/explain.json").read_text())
    assert facts["residual_share"] < 0.01 and abs(facts["after"] - facts["before"]) > 1_000.0
    steps = {step["step"]: step["amount"] for step in facts["steps"]}
    assert all(steps[name] != 0.0 for name in ("positions", "time", "prices", "volatility"))
    assert steps["scenarios"] != 0.0  # the window moved on by a day
