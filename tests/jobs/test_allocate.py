"""Allocations of jobs: against SciPy and plain loops on the demo, and by hand for one coin."""

import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from allocation_files import MARGIN, hand_job
from job_files import edit_table, edit_text, make_job
from report_pages import shown
from scipy.optimize import linprog

from jaxmargin.jobs import run_allocate, run_margin

COLLATERAL = ("posted", "schedule", "inventory", "limits", "exclusions", "costs")


@pytest.fixture(scope="module")
def job(tmp_path_factory):
    """The demo, where the first account may not post SOL and venues have tiers and limits."""
    return make_job(tmp_path_factory.mktemp("job"))


@pytest.fixture(scope="module")
def found(job):
    return run_allocate(job, job.parent / "out")


@pytest.fixture(scope="module")
def tables(job):
    read = {n: pd.read_parquet(job.parent / f"collateral/{n}.parquet") for n in COLLATERAL}
    assets = pd.read_parquet(job.parent / "market/assets.parquet")
    return read | {"price": assets.set_index("asset")["spot"]}


def tiers(tables, account, venue):
    """Asset, haircut and size of every tier that the account may post, by plain loops."""
    excluded = set(tables["exclusions"].query("account == @account")["issuer"])
    rows, full = [], {}
    schedule = tables["schedule"].query("venue == @venue").sort_values(["asset", "up_to"])
    for row in schedule.itertuples():
        if row.issuer in excluded:
            continue
        end = np.inf if np.isnan(row.up_to) else row.up_to
        rows.append((row.asset, row.haircut, end - full.get(row.asset, 0.0)))
        full[row.asset] = end
    return rows


def unit_cost(tables, venue, asset):
    own = tables["inventory"].set_index("asset")["cost"][asset]
    more = tables["costs"].query("venue == @venue and asset == @asset")["cost"].sum()
    return own + more


def held_there(tables, account, asset):
    return tables["posted"].query("account == @account and asset == @asset")["quantity"].sum()


def test_the_tables_say_the_same_and_are_written(job, found):
    rows = found.allocation
    counted = rows.groupby("account")["counted"].sum()
    coverage = found.coverage.set_index("account")
    lacking = counted.reindex(coverage.index) - coverage["posted"]
    assert ((lacking > -1e-9) & (lacking < 0.01)).all()  # rounded down to cents
    np.testing.assert_allclose(rows["move"], rows["quantity"] - rows["already_posted"], atol=1e-9)
    assets = found.assets.set_index("asset")
    for column in ("quantity", "already_posted"):
        total = rows.groupby("asset")[column].sum().reindex(assets.index, fill_value=0.0)
        written = assets["posted" if column == "quantity" else column]
        np.testing.assert_allclose(total, written, rtol=1e-12)
    assert (assets["posted"] <= assets["available"]).all()
    exact = (rows["quantity"] * rows["asset"].map(assets["price"])).to_numpy()
    assert np.all(rows["market_value"] <= exact + 1e-9)
    assert abs(rows["cost"].sum() - found.facts["cost"]["posted"]) < 0.01 * len(rows)
    assert (found.limits["slack"] >= 0.0).all() and (found.limits["price"] >= 0.0).all()
    for name in ("allocation", "coverage", "assets", "limits", "positions"):
        written = pd.read_parquet(job.parent / f"out/{name}.parquet")
        table = getattr(found, name)
        columns = [column for column in table if column != "reasons"]
        pd.testing.assert_frame_equal(written[columns], table[columns])
    facts = json.loads((job.parent / "out/allocation.json").read_text())
    assert facts == found.facts and not found.short
    assert {"schedule.parquet", "limits.parquet"} <= {each["file"] for each in facts["inputs"]}


def test_every_account_is_covered_by_the_margin_of_a_margin_run(job, found, tables, tmp_path):
    margins = run_margin(job, tmp_path).requirements.set_index("account")["initial"]
    coverage = found.coverage.set_index("account")
    np.testing.assert_array_equal(coverage["requirement"], margins)
    posted = found.allocation.set_index(["account", "asset"])["quantity"]
    for account, row in coverage.iterrows():
        left = posted[account].to_dict()
        value = dict.fromkeys(left, 0.0)
        for asset, haircut, size in tiers(tables, account, row["venue"]):
            used = min(left.get(asset, 0.0), size)
            if used:
                left[asset] -= used
                value[asset] += used * tables["price"][asset] * (1.0 - haircut)
        assert not any(amount > 1e-9 for amount in left.values())  # nothing where it is refused
        total = sum(value.values())
        assert total >= row["requirement"]
        coins = total - value.get("USDC", 0.0)
        if row["venue"] == "east":
            assert coins <= 0.6 * total + 0.01
        if row["venue"] == "north":
            assert value.get("SOL", 0.0) <= 0.2 * row["requirement"] + 0.01


def test_the_cost_is_the_optimum_of_a_program_written_plainly(found, tables):
    coverage = found.coverage
    lines = [
        (number, row.venue, asset, haircut, size)
        for number, row in enumerate(coverage.itertuples())
        for asset, haircut, size in tiers(tables, row.account, row.venue)
    ]
    price, required = tables["price"], coverage["requirement"].to_numpy()
    worth = np.array([1.0 - line[3] for line in lines])
    cost = [unit_cost(tables, line[1], line[2]) for line in lines]
    rows, bounds = [], []
    for number, venue in enumerate(coverage["venue"]):
        own = np.array([line[0] == number for line in lines])
        coin = np.array([line[2] != "USDC" for line in lines])
        rows.append(-worth * own)
        bounds.append(-required[number])
        if venue == "east":
            rows.append(worth * own * (coin - 0.6))
            bounds.append(0.0)
        if venue == "north":
            rows.append(worth * own * np.array([line[2] == "SOL" for line in lines]))
            bounds.append(0.2 * required[number])
    for asset, row in tables["inventory"].set_index("asset").iterrows():
        rows.append(np.array([float(line[2] == asset) for line in lines]))
        posted = tables["posted"].query("asset == @asset")["quantity"].sum()
        bounds.append((row["quantity"] + posted) * price[asset])
    sizes = [(0.0, line[4] * price[line[2]]) for line in lines]
    best = linprog(cost, A_ub=np.array(rows), b_ub=bounds, bounds=sizes, method="highs-ipm")
    costs, proof = found.facts["cost"], found.facts["certificate"]
    np.testing.assert_allclose(costs["lower_bound"], best.fun, rtol=1e-7)
    assert best.fun * (1.0 - 1e-7) <= costs["posted"] <= best.fun + 0.05 * len(coverage)
    assert max(proof["primal_residual"], proof["dual_residual"], proof["gap"]) < 1e-9
    greedy = cheapest_first(lines, worth, np.array(cost), required, tables)
    np.testing.assert_allclose(costs["greedy"], greedy, rtol=1e-9)
    assert costs["posted"] < greedy and costs["savings"] == costs["greedy"] - costs["posted"]


def cheapest_first(lines, worth, cost, required, tables):
    """Cost of posting line by line, cheapest for its value first."""
    left = {
        asset: (row["quantity"] + tables["posted"].query("asset == @asset")["quantity"].sum())
        * tables["price"][asset]
        for asset, row in tables["inventory"].set_index("asset").iterrows()
    }
    lack, whole = required.copy(), 0.0
    room = {("east", n): 0.6 * need for n, need in enumerate(required)}
    room |= {("north", n): 0.2 * need for n, need in enumerate(required)}
    for line in np.argsort(cost / worth, kind="stable"):
        number, venue, asset, _, size = lines[line]
        amount = min(left[asset], size * tables["price"][asset], lack[number] / worth[line])
        limited = (venue == "east" and asset != "USDC") or (venue == "north" and asset == "SOL")
        if limited:
            amount = min(amount, room[venue, number] / worth[line])
            room[venue, number] -= amount * worth[line]
        left[asset] -= amount
        lack[number] -= amount * worth[line]
        whole += cost[line] * amount
    assert lack.max() < 1e-6
    return whole


def test_funding_cost_of_a_position_is_what_a_run_with_more_of_it_costs(job, tmp_path):
    fine = Path(shutil.copytree(job.parent, tmp_path / "fine")) / job.name
    edit_text(fine, "round_to = 0.01", "round_to = 1e-8")
    base = run_allocate(fine, tmp_path / "base")
    table, step = base.positions, 1e-4
    for row in (table["cost_per_year"].idxmax(), table["cost_per_year"].idxmin()):
        account, instrument = table.loc[row, ["account", "instrument"]]
        more = Path(shutil.copytree(fine.parent, tmp_path / f"more{row}")) / job.name

        def add(held, who=account, what=instrument):
            same = (held["account"] == who) & (held["instrument"] == what)
            return held.assign(quantity=held["quantity"] + step * same)

        edit_table(more, "positions", add)
        after = run_allocate(more, tmp_path / f"out{row}")
        slope = (after.facts["cost"]["lower_bound"] - base.facts["cost"]["lower_bound"]) / step
        np.testing.assert_allclose(slope, table["cost_per_year"][row], rtol=1e-5)
    np.testing.assert_allclose(table["cost_per_day"], table["cost_per_year"] / 365.0)


@pytest.mark.parametrize(("sign", "low", "high"), [(1.0, 120.0, 600.0), (-1.0, -600.0, -120.0)])
def test_at_a_kink_one_contract_less_and_more_have_their_own_price(sign, low, high, tmp_path):
    # all cheap money is used exactly, so one coin more costs 5 % of 12,000 and one less saves 1 %
    cheap = {"inventory": "asset,quantity,cost,lot\nUSDC,12000,0.01,\nBTC,10,0.05,\n"}
    at = run_allocate(hand_job(tmp_path / "at", cheap, coins={"X": sign}), tmp_path / "o")
    (row,) = at.positions.itertuples()
    assert (at.facts["cost"]["lower_bound"], row.margin_gradient) == (120.0, sign * MARGIN)
    np.testing.assert_allclose([row.cost_per_year_left, row.cost_per_year_right], [low, high])
    assert low - 1e-9 <= row.cost_per_year <= high + 1e-9
    np.testing.assert_allclose(at.coverage[["price_left", "price_right"]], [[0.01, 0.05]])
    more = run_allocate(hand_job(tmp_path / "b", cheap, coins={"X": sign + 1.0}), tmp_path / "p")
    change = more.facts["cost"]["lower_bound"] - at.facts["cost"]["lower_bound"]
    np.testing.assert_allclose(change, row.cost_per_year_right)


def test_lots_are_whole_and_cheapest_by_hand(tmp_path):
    # lots of 9,000 at 1 %: two of them (180) beat one and 3,000 at 5 % (240)
    lots = {"inventory": "asset,quantity,cost,lot\nUSDC,12000,0.05,\nBTC,10,0.01,0.15\n"}
    found = run_allocate(hand_job(tmp_path, lots, coins={"X": 1.0}), tmp_path / "o")
    assert found.allocation["asset"].tolist() == ["BTC"] and not found.short
    np.testing.assert_allclose(found.allocation["quantity"], [0.3])
    np.testing.assert_allclose(found.facts["cost"]["posted"], 180.0)
    np.testing.assert_allclose(found.facts["cost"]["lower_bound"], 120.0)  # without lots


def test_tiers_add_ons_and_venue_costs_by_hand(tmp_path):
    files = {
        "schedule": "venue,asset,up_to,haircut,class,issuer,currency\n"
        "V,BTC,0.1,0,coin,,\nV,BTC,,0.5,coin,,\nW,USDC,,0,cash,,EUR\n",
        "collateral": "account,venue,asset,quantity\nX,V,BTC,0\nY,W,USDC,7\n",
        "costs": "venue,asset,cost\nW,USDC,0.01\n",
    }
    job = hand_job(tmp_path, files, coins={"X": 1.0, "Y": -1.0}, keys="currency_add_on = 0.08")
    found = run_allocate(job, tmp_path / "o")
    # 0.1 BTC counts 6,000 and the rest half; 12,000 / 0.92 of money in another currency
    np.testing.assert_allclose(found.allocation["quantity"], [0.3, MARGIN / 0.92], rtol=1e-5)
    expected = 0.01 * 18_000.0 + (0.05 + 0.01) * MARGIN / 0.92
    np.testing.assert_allclose(found.facts["cost"]["lower_bound"], expected)
    np.testing.assert_allclose(found.coverage["price_of_margin"], [0.01 / 0.5, 0.06 / 0.92])
    assert found.facts["cost"]["posted_before"] == pytest.approx(7 * 0.06)


def test_what_no_inventory_meets_is_short_with_its_reason(tmp_path):
    little = {"inventory": "asset,quantity,cost,lot\nUSDC,5000,0.05,\n"}
    found = run_allocate(hand_job(tmp_path, little, coins={"X": 1.0}), tmp_path / "o")
    (row,) = found.coverage.itertuples()
    assert found.short and row.shortfall == 7000.0 and row.posted == 5000.0
    assert any("all of USDC is used" in reason for reason in row.reasons)
    assert np.isnan(row.price_of_margin) and found.positions["cost_per_year"].isna().all()
    assert found.facts["shortfall"] == {
        "before": 12000.0, "after": 7000.0, "greedy": 7000.0, "accounts": 1
    }  # fmt: skip
    assert pd.read_parquet(tmp_path / "o/coverage.parquet")["shortfall"].tolist() == [7000.0]


def test_a_limit_can_be_the_reason_and_has_a_price(tmp_path):
    limit = {"limits": "venue,by,name,basis,size\nV,class,coin,requirement,0.25\n"}
    found = run_allocate(hand_job(tmp_path / "a", limit, coins={"X": 1.0}), tmp_path / "o")
    assert found.limits["cap"].tolist() == [3000.0] and found.limits["slack"].tolist() == [0.0]
    np.testing.assert_allclose(found.limits["price"], [0.05 - 0.01])
    np.testing.assert_allclose(found.facts["cost"]["lower_bound"], 3000 * 0.01 + 9000 * 0.05)

    limit["inventory"] = "asset,quantity,cost,lot\nUSDC,5000,0.05,\nBTC,10,0.01,\n"
    short = run_allocate(hand_job(tmp_path / "b", limit, coins={"X": 1.0}), tmp_path / "p")
    (row,) = short.coverage.itertuples()
    assert row.shortfall == pytest.approx(4000.0, abs=0.011)
    assert any("limit 'V: class coin' binds for BTC" in reason for reason in row.reasons)


def test_marks_are_prices_where_they_are_given(tmp_path):
    marks = "time,source,asset,price\n" + "".join(
        f"2026-01-02T07:59:00Z,{source},{asset},{price}\n"
        for source in "ab"
        for asset, price in (("BTC", 50_000), ("USDC", 1))
    )
    found = run_allocate(hand_job(tmp_path, {"marks": marks}, coins={"X": 1.0}), tmp_path / "o")
    assert found.assets.set_index("asset")["price"].to_dict() == {"USDC": 1.0, "BTC": 50_000.0}
    np.testing.assert_allclose(found.allocation["quantity"], [MARGIN / 50_000.0], rtol=1e-5)


def test_halves_of_the_requirement_are_enough_though_each_is_its_own_limit(tmp_path):
    # 12,000.06 in two halves: rounding each one down would leave it a cent short for ever
    halves = ("V,class,coin,requirement,0.5", "V,class,cash,requirement,0.5")
    limits = "\n".join(("venue,by,name,basis,size", *halves)) + "\n"
    job = hand_job(tmp_path, {"limits": limits}, coins={"X": 1.000005})
    found = run_allocate(job, tmp_path / "o")
    (row,) = found.coverage.itertuples()
    assert (row.requirement, row.posted, row.shortfall) == (12_000.06, 12_000.06, 0.0)


def test_a_report_shows_what_was_written(job, found, undrawn, tmp_path):
    page = shown(job.parent / "out", "allocate", tmp_path)
    saved = found.facts["cost"]["savings"]
    assert page.tiles["Saved a year"][1] == f"{saved:,.15g} USD"
    assert len(page.tables["Assets"]) == 1 + min(len(found.assets), 15)
