"""Haircuts of what accounts have: states, calls and liquidation prices by hand; wrong input."""

import numpy as np
import pandas as pd
import pytest
from job_files import edit_text, set_cell
from report_pages import said, shown
from small_jobs import small_job
from watch_jobs import hold, make_watched, same_as_full, set_balances, watched

from jaxmargin.jobs import run_margin
from jaxmargin.jobs.run import run_job

MARK = 60_000.0 * 1.0004
BALANCES = "account,asset,quantity\nlong,USDC,30000.005\nshort,USDC,1000\nshort,BTC,1.5\n"
HAIRCUTS = "asset,up_to,haircut\nBTC,,0.4\nUSDC,,0.05\nBTC,1,0.1\n"  # tiers in any order
# short: 950 of 1,000 USDC; of 1.5 BTC 0.9 of the first and 0.6 of the half, 1.2 at 60,000
COUNTS = pd.Series({"fallen": 0.0, "long": 28_500.0, "owner": 0.0, "short": 72_950.0})
BALANCE = pd.Series({"fallen": 0.0, "long": 30_000.0, "owner": 0.0, "short": 91_000.0})


def with_haircuts(job, text):
    """The job with a table of haircuts in [book]."""
    edit_text(job, 'positions = "', 'haircuts = "haircuts.csv"\npositions = "')
    (job.parent / "haircuts.csv").write_text(text)
    return job


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    job = with_haircuts(small_job(tmp_path_factory.mktemp("job"), BALANCES), HAIRCUTS)
    return job, run_margin(job, job.parent / "results", liquidation=("BTC",))


def test_equity_is_after_haircuts_rounded_down(run):
    job, _ = run
    states = pd.read_parquet(job.parent / "results/states.parquet").set_index("account")
    np.testing.assert_array_equal(states["balance"], BALANCE[states.index])
    np.testing.assert_allclose(states["haircut"], (BALANCE - COUNTS)[states.index], atol=1e-9)
    equity = COUNTS[states.index] + states["position_value"]
    np.testing.assert_allclose(states["equity"], equity, rtol=1e-15)
    available = states["equity"] - states["initial"]
    np.testing.assert_allclose(states["available"], available, atol=1e-9)
    paid_out = np.minimum(available, COUNTS[states.index]).clip(lower=0.0)
    np.testing.assert_allclose(states["withdrawable"], paid_out, atol=1e-9)


def test_liquidation_prices_take_the_units_that_count(run):
    """Linear in one price P0 u: E + (u - 1) D = u M, so u = (D - E) / (D - M); D in coins at P0."""
    job, result = run
    table = pd.read_parquet(job.parent / "results/liquidation.parquet")
    parts = result.components.pivot(index="account", columns="component", values="amount")
    margin = 0.8 * (parts["expected_shortfall"] + parts["floor"])
    delta, equity = -3.0 * MARK + 1.2 * 60_000.0, 72_950.0
    expected = (delta - equity) / (delta - margin["short"])
    row = table.set_index(["account", "side"]).loc[("short", "above")]
    assert row["status"] == "found"
    np.testing.assert_allclose(row["price"], 60_000.0 * expected, rtol=1e-10)


def test_a_run_in_shards_has_the_same_states(run):
    job, _ = run
    run_job(job, job.parent / "run", accounts_per_shard=3)
    one, other = (job.parent / folder / "states.parquet" for folder in ("run", "results"))
    pd.testing.assert_frame_equal(pd.read_parquet(one), pd.read_parquet(other), check_exact=True)


def test_what_exceeds_the_last_bound_counts_for_nothing(tmp_path):
    bounded = "asset,up_to,haircut\nBTC,0.5,0\nBTC,1,0.25\nUSDC,,0\n"
    job = with_haircuts(small_job(tmp_path, BALANCES), bounded)
    states = run_margin(job, tmp_path / "results").states.set_index("account")
    counts = 60_000.0 * (0.5 + 0.75 * 0.5) + 1_000.0  # of 1.5 BTC, and USDC
    assert states["equity"]["short"] == counts == 91_000.0 - states["haircut"]["short"]


def test_the_page_says_what_haircuts_take(run, undrawn, tmp_path):
    job, _ = run
    page = shown(job.parent / "results", "margin", tmp_path)
    assert "after haircuts of 19,550.00 USD on balances of 121,000.00 USD" in said(page)


def test_a_haircut_that_rises_calls_and_margins_nobody_anew(tmp_path):
    job = with_haircuts(make_watched(tmp_path), "asset,haircut\nUSDC,0\nBTC,0\n")
    rising = "asset,haircut\nUSDC,0\nBTC,0.99\n"  # of 20 BTC a fifth of one is left
    looks = watched(
        job,
        lambda: (tmp_path / "haircuts.csv").write_text(rising),
        lambda: set_balances(job, "fallen,USDC,1000000\nlong,USDC,500000\nshort,BTC,2000\n"),
    )
    assert [look["mode"] for look in looks] == ["full", "incremental", "collateral"]
    assert [look["charged"] for look in looks][1:] == [0, 0]
    assert [len(look["table"]) for look in looks] == [0, 1, 1]
    called, closed = looks[1]["table"].iloc[0], looks[2]["table"].iloc[0]
    assert called["account"] == "short" and called["collateral"] == 0.2 * 60_000.0
    assert called["call"] == pytest.approx(called["requirement"] - 12_000.0, abs=1e-9)
    assert closed["status"] == "closed" and closed["collateral"] == 20.0 * 60_000.0
    same_as_full(job)


SOUND = "asset,haircut\nUSDC,0\nBTC,0.99\n"  # calls the one who has BTC


def test_collateral_without_a_haircut_is_stale_and_the_calls_are_the_last_good_ones(tmp_path):
    job = with_haircuts(make_watched(tmp_path), SOUND)
    more = "fallen,USDC,1000000\nlong,USDC,500000\nshort,ETH,2000\n"
    first, second = watched(job, lambda: set_balances(job, more))
    assert (first["stale"], second["stale"]) == (False, True) and second["update"] == 1
    assert "no haircut in haircuts.csv" in second["problems"][0]
    called = pd.read_parquet(tmp_path / "watch/current/calls.parquet")
    assert called["account"].tolist() == ["short"] and called["collateral"][0] == 12_000.0


@pytest.mark.parametrize("moved", ["market", "positions"])
def test_beside_haircuts_that_cannot_be_used_all_else_is_margined_with_the_last_good_ones(
    tmp_path, moved
):
    job = with_haircuts(make_watched(tmp_path), SOUND)

    def change():
        (tmp_path / "haircuts.csv").write_text("asset,haircut\nUSDC,0\nBTC,99\n")
        if moved == "market":
            set_cell(job, "assets", "spot", 1, 90_000.0)
            set_cell(job, "assets", "perpetual", 1, 90_000.0)
        else:
            hold(job, "short", -6.0)

    _, second, third = watched(job, change, lambda: (tmp_path / "haircuts.csv").write_text(SOUND))
    assert second["stale"] and second["update"] == 2 and not third["stale"]
    assert second["mode"] == ("full" if moved == "market" else "incremental")
    assert "not between 0 and 1" in second["problems"][0]
    before, stale, after = (
        pd.read_parquet(tmp_path / f"watch/updates/{n:06d}/states.parquet").set_index("account")
        for n in (1, 2, 3)
    )
    assert stale["initial"]["short"] > 1.4 * before["initial"]["short"]
    for name in ("initial", "haircut", "equity"):
        assert stale[name]["short"] == after[name]["short"], name


@pytest.mark.parametrize(
    ("haircuts", "message"),
    [
        ("asset,haircut\nUSDC,0\n", "balances.csv, column asset: no haircut in haircuts.csv in "
         "1 of 3 rows (row 3; the first is 'BTC'). Add a row for it there"),
        ("asset,haircut\nUSDC,5\nBTC,0.1\n", "haircuts.csv, column haircut: not between 0 and 1"),
        ("asset,haircut\nUSDC,0\nBTC,0.1\nXBT,1\n", "haircuts.csv, column asset: 1 unknown name"),
        ("asset,up_to,haircut\nUSDC,,0\nBTC,1,0.2\nBTC,,0.1\n", "lower than that of a smaller"),
        ("asset,haircut\nUSDC,0\nBTC,0.1\nBTC,0.2\n", "haircuts.csv, column asset + up_to: "),
        ("asset,up_to,haircut\nUSDC,0,0\nBTC,,0.1\n", "haircuts.csv, column up_to: not positive"),
    ],
)  # fmt: skip
def test_haircuts_that_cannot_be_used_are_refused(haircuts, message, tmp_path, run_command):
    job = with_haircuts(small_job(tmp_path, BALANCES), haircuts)
    code, _, errors = run_command("margin", job, "--out", tmp_path / "results")
    assert code == 2 and message in errors
    assert errors.count("error:") == 1 and not (tmp_path / "results").exists()


def test_one_file_for_both_is_refused(tmp_path, run_command):
    job = small_job(tmp_path, BALANCES)
    edit_text(job, 'positions = "', 'haircuts = "balances.csv"\npositions = "')
    code, _, errors = run_command("validate", job)
    assert code == 2 and "balances.csv is both collateral and haircuts" in errors


def test_haircuts_without_collateral_are_refused(tmp_path, run_command):
    job = with_haircuts(small_job(tmp_path, None), HAIRCUTS)
    code, _, errors = run_command("validate", job)
    assert code == 2 and "haircuts without collateral" in errors
