"""Stress tests of a whole book as a job: amounts by hand, tables that agree, wrong input."""

import json

import numpy as np
import pandas as pd
import pytest
from job_files import edit_table, edit_text, make_job
from report_pages import shown

from jaxmargin.errors import InvalidInputError
from jaxmargin.jobs import load_inputs, run_margin, run_stress
from jaxmargin.jobs._stress_inputs import read_stress_inputs
from jaxmargin.jobs._stress_tables import waterfall_table

MARKS = {"BTC": 60_000.0 * 1.0004, "ETH": 3_000.0 * 1.0004}
QUANTITIES = {  # long and short perpetuals; the last owns coins and owes nothing
    "bull": ("BTC-USDC-PERP", 4.0), "ether": ("ETH-USDC-PERP", 90.0),
    "bear": ("BTC-USDC-PERP", -3.0), "small": ("BTC-USDC-PERP", 0.5),
}  # fmt: skip
NAMES = ["2025-10-10-liquidations", "2019-10-25-rally"]
MOVES = np.array([[-0.162, -0.214], [0.337, 0.208]])  # of the files: BTC, ETH; perpetual +1 % in
MOVES[1] = (1.0 + MOVES[1]) * 1.01 - 1.0  # the rally
FUNDING = {"BTC": 0.10, "ETH": 0.08}  # a year, of the demo; BTC's change applies to all coins
FUNDED = [(-0.0703, 1.0), (0.0, 2.0)]  # change of funding, and days
SECTION = f"""
[systemic]
stresses = {json.dumps(NAMES)}
members = "members.csv"
contributions = "contributions.csv"
own_capital = 1000.0
assessment = 0.5
insurance_fund = 2000.0
volumes = "volumes.csv"
impact = 0.7
steps = 8
deleveraging = "ranking"
band = 0.04
pause = 2
"""
BALANCES = (
    "account,asset,quantity\nbull,USDC,20000\nether,USDC,18000\nbear,BTC,0.5\nsmall,USDC,9000\n"
)


def small_job(folder, section=SECTION, balances=None):
    job = make_job(folder)
    rows = [(account, *held) for account, held in QUANTITIES.items()]
    table = pd.DataFrame(rows, columns=["account", "instrument", "quantity"])
    edit_table(job, "positions", lambda _: table)
    kept = set(table["instrument"])
    edit_table(job, "instruments", lambda all_: all_[all_["instrument"].isin(kept)])
    job.write_text(job.read_text() + section)
    (folder / "members.csv").write_text("account,member\nbull,A\nether,B\nbear,C\nsmall,A\n")
    (folder / "contributions.csv").write_text("member,contribution\nA,5000\nB,4000\nC,3000\n")
    (folder / "volumes.csv").write_text(
        "asset,daily_volume,volatility\nBTC,400,0.5\nETH,9000,0.65\nSOL,90000,0.85\n"
    )
    if balances is not None:
        edit_text(job, 'positions = "', 'collateral = "balances.csv"\npositions = "')
        (folder / "balances.csv").write_text(balances)
    return job


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("stress")
    job = small_job(folder)
    margins = run_margin(job, folder / "margin").requirements.set_index("account")
    return folder, run_stress(job, folder / "out"), margins


def profits(account):
    """P&L of an account's perpetual in each stress: move less funding at the moved mark."""
    instrument, quantity = QUANTITIES[account]
    coin = instrument[:3]
    move = MOVES[:, 0 if coin == "BTC" else 1]
    paid = np.array([(FUNDING[coin] + change) * days / 365.0 for change, days in FUNDED])
    return quantity * MARKS[coin] * (move - (1.0 + move) * paid)


def test_losses_beyond_margin_are_those_counted_by_hand(run):
    _, result, margins = run
    by_account = result.stress.set_index(["account", "stress"])
    for account in QUANTITIES:
        own = by_account.loc[account].loc[NAMES]
        np.testing.assert_allclose(own["pnl"], profits(account), rtol=1e-9)
        initial = margins.loc[account, "initial"]
        assert (own["initial"] == initial).all() and (own["resources"] == initial).all()
        beyond = np.maximum(-profits(account) - initial, 0.0)
        np.testing.assert_allclose(own["shortfall"], beyond, rtol=1e-9, atol=1e-6)
    assert (result.fund["shortfall"] > 0.0).all()


def test_funds_are_sized_by_members_as_the_table_of_accounts_says(run):
    _, result, _ = run
    by_member = result.stress.pivot_table(
        index="member", columns="stress", values="shortfall", aggfunc="sum"
    )[NAMES]
    fund = result.fund.set_index("stress").loc[NAMES]
    for name in NAMES:
        ranked = by_member[name].sort_values(ascending=False)
        row = fund.loc[name]
        np.testing.assert_allclose(row[["largest", "second", "third"]].astype(float), ranked)
        assert row["largest_member"] == ranked.index[0]
        np.testing.assert_allclose(row["cover_two"], ranked.iloc[:2].sum(), rtol=1e-9)
    np.testing.assert_allclose(fund["pnl"], result.stress.groupby("stress")["pnl"].sum()[NAMES])
    two = result.facts["fund"]["cover_two"]
    np.testing.assert_allclose(two["amount"], fund["cover_two"].max(), rtol=1e-9)
    assert two["stress"] == fund["cover_two"].idxmax()


def test_layers_of_the_waterfall_add_up_to_what_two_members_lose(run):
    _, result, margins = run
    layers = result.waterfall.pivot_table(index="stress", columns="layer", values="amount")
    fund = result.fund.set_index("stress")
    for name in NAMES:
        beyond = layers.loc[name].sum() - layers.loc[name, "defaulter_margin"]
        np.testing.assert_allclose(beyond, fund.loc[name, "cover_two"], rtol=1e-9)
    rally = layers.loc["2019-10-25-rally"]  # C alone: contribution, capital, 9,000 of others
    lost = fund.loc["2019-10-25-rally", "largest"]
    assert fund.loc["2019-10-25-rally", "largest_member"] == "C"
    np.testing.assert_allclose(rally["defaulter_margin"], margins.loc["bear", "initial"])
    np.testing.assert_allclose(rally["defaulter_fund"], min(lost, 3000.0))
    np.testing.assert_allclose(rally["own_capital"], np.clip(lost - 3000.0, 0.0, 1000.0))
    np.testing.assert_allclose(rally["survivors_fund"], np.clip(lost - 4000.0, 0.0, 9000.0))


def test_what_an_account_owed_before_is_passed_on_and_no_layer_is_negative(run):
    """Two stresses by hand; `bull` and `small` are A's, `ether` B's, `bear` C's."""
    profit = {"bull": (-10, 3), "ether": (-10, -10), "bear": (-3, -30), "small": (8, -1)}
    held = {"bull": -5, "ether": 4, "bear": 7, "small": -2}
    stress = read_stress_inputs(load_inputs(run[0] / "job.toml"))
    table = pd.DataFrame(
        [(profit[name][row], held[name]) for name in stress.inputs.book.accounts for row in (0, 1)],
        columns=["pnl", "resources"],
    ).astype(float)
    table["shortfall"] = np.maximum(-table["pnl"] - table["resources"], 0.0)
    layers = waterfall_table(stress, table).pivot_table(
        index="stress", columns="layer", values="amount", sort=False
    )
    assert (layers >= 0.0).all(axis=None)
    # beyond: A 15 and 2 + 3, B 6 and 6, C 0 and 23; of margin: B 4 and 4, C 3 and 7
    np.testing.assert_allclose(layers["defaulter_margin"], [4.0, 4.0 + 7.0])
    np.testing.assert_allclose(layers.sum(axis=1), [15.0 + 6.0 + 4.0, 6.0 + 4.0 + 23.0 + 7.0])


def test_liquidation_runs_with_and_without_a_breaker_to_the_stressed_price(run):
    _, result, _ = run
    table = result.liquidation
    assert set(table["breaker"]) == {"off", "on"} and len(table) == 2 * len(NAMES) * 8
    first = table[table["step"] == 0]
    np.testing.assert_allclose(first["price BTC"], 60_000.0)
    assert (first["fund"] == 2000.0).all() and (table["liquidated"] > 0.0).any()
    solana = table[(table["step"] == 7) & (table["stress"] == NAMES[0])]["price SOL"]
    np.testing.assert_allclose(solana, 150.0 * 0.7)  # nobody holds it: the file's move alone
    calls = {
        breaker: part[part["liquidated"] > 0.0].groupby("stress")["step"].min()
        for breaker, part in table.groupby("breaker")
    }
    late = calls["on"].reindex(NAMES).fillna(8) - calls["off"].reindex(NAMES).fillna(8)
    assert (late >= 0).all()
    assert table[table["breaker"] == "on"]["paused"].sum() > 0
    for breaker, part in table.groupby("breaker"):
        whole = part.groupby("stress")[["paid", "taken", "socialized"]].sum().sum(axis=1)
        whole += part[part["step"] == 7].set_index("stress")["shortfall"]  # there is no fee
        costs = result.fund.set_index("stress")[f"cost_{breaker}"]
        np.testing.assert_allclose(costs[NAMES], whole[NAMES], rtol=1e-9, atol=1e-6)


def test_posted_coins_fall_with_the_stress_and_count_as_resources(tmp_path):
    section = SECTION.split("members", maxsplit=1)[0]
    job, old = small_job(tmp_path, section, BALANCES), tmp_path / "old"
    result = run_stress(job, tmp_path / "out")
    old.mkdir()
    for name in ("liquidation.parquet", "liquidation.svg", "losses.png"):
        (old / name).write_text("")
    again = run_stress(job, old)
    bear = result.stress.set_index(["account", "stress"]).loc["bear"].loc[NAMES]
    np.testing.assert_allclose(bear["resources"], 30_000.0)
    coins = 0.5 * 60_000.0 * np.array([-0.162, 0.337])
    np.testing.assert_allclose(bear["pnl"], profits("bear") + coins, rtol=1e-9)
    assert result.waterfall is None and result.liquidation is None
    for name in ("liquidation.parquet", "liquidation.svg"):
        assert f"{name} is of an earlier run" in " ".join(again.facts["warnings"])
    assert "losses.png" not in " ".join(again.facts["warnings"])  # is written anew
    said = " ".join(result.facts["warnings"])
    assert "lacks volumes, impact, insurance_fund" in said and "no default waterfall" in said
    assert not (tmp_path / "out" / "liquidation.parquet").exists()
    assert "earlier run" not in said


def test_every_problem_of_the_section_is_said_at_once(tmp_path):
    job = small_job(tmp_path, SECTION + 'policy = "auction"\nresources = "collateral"\n')
    (tmp_path / "members.csv").write_text("account,member\nbull,A\n")
    (tmp_path / "volumes.csv").write_text("asset,daily_volume,volatility\nBTC,400,0.5\n")
    edit_text(job, '"2019-10-25-rally"', '"2019-10-25-ralli"')
    with pytest.raises(InvalidInputError) as raised:
        run_stress(job, tmp_path / "out")
    text = str(raised.value)
    for part in (
        "did you mean '2019-10-25-rally'?", "key 'collateral' of [book] is missing",
        "no row for bear, ether, small", "no row for ETH, SOL", "which an auction needs",
    ):  # fmt: skip
        assert part in text, text
    edit_text(job, "impact = 0.7", 'impact = "much"')
    with pytest.raises(InvalidInputError, match="'much' is not a number"):
        run_stress(job, tmp_path / "out")


def test_the_command_prints_80_columns_and_draws(run, run_command):
    folder, _, _ = run
    code, output, errors = run_command("stress", folder / "job.toml", "--out", folder / "drawn")
    assert code == 0, errors
    lines = [line for line in output.splitlines() if not line.startswith("Results in")]
    assert all(len(line.rstrip()) <= 80 for line in lines)
    assert "cost off" in output and "cover 2" in output and "approximation" in output
    for name in ("losses.png", "liquidation.svg", "fund.parquet", "waterfall.parquet"):
        assert (folder / "drawn" / name).stat().st_size > 0


def test_a_report_shows_what_was_written(run, undrawn, tmp_path):
    folder, result, _ = run
    rows = shown(folder / "out", "stress", tmp_path).tables["Stresses"][1:]
    assert [row[0] for row in rows] == result.fund["stress"].tolist()
    assert [row[3] for row in rows] == [f"{value:,.2f}" for value in result.fund["shortfall"]]
