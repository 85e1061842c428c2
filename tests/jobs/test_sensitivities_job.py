"""The sensitivities command: tables that add up, what it prints, wrong input."""

import functools
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from job_files import edit_table, make_job
from reference import run_example
from report_pages import shown

from jaxmargin.io import round_up
from jaxmargin.jobs import run_margin, run_sensitivities

TABLES = ("positions", "accounts", "buckets", "market", "parameters", "kinks", "ladder")
EXAMPLE = Path(__file__).parents[2] / "examples/07_attribute_margin.py"


@pytest.fixture(scope="module")
def job(tmp_path_factory):
    """Three kinds of contract and 300 days are enough, and each takes programs of its own."""
    path = make_job(tmp_path_factory.mktemp("job"), accounts=12)
    kinds = ["inverse-option", "linear-perpetual", "spot"]
    edit_table(path, "instruments", lambda table: table[table["kind"].isin(kinds)])
    listed = pd.read_parquet(path.parent / "instruments.parquet")["instrument"]
    edit_table(path, "positions", lambda table: table[table["instrument"].isin(listed)])
    edit_table(path, "history", lambda t: t[t["time"] > t["time"].max() - pd.Timedelta(days=300)])
    return path


@pytest.fixture(scope="module")
def result(job):
    return run_sensitivities(job, job.parent / "sensitivities")


@pytest.fixture
def command(run_command):
    return functools.partial(run_command, "sensitivities")


def test_contributions_add_up_to_the_margins_that_a_margin_run_publishes(job, result):
    published = run_margin(job, job.parent / "results").requirements
    accounts = result.accounts
    assert accounts["account"].tolist() == published["account"].tolist()
    np.testing.assert_array_equal(
        round_up(accounts["initial"].to_numpy(), 0.01), published["initial"]
    )
    parts = result.positions.groupby("account")["contribution"].sum()
    np.testing.assert_allclose(parts, accounts["initial"], rtol=1e-10)
    alone = result.positions.groupby("account")["standalone"].sum()
    benefit = alone.to_numpy() - accounts["initial"].to_numpy()
    np.testing.assert_allclose(accounts["diversification_benefit"], benefit, rtol=1e-9, atol=1e-6)
    held = pd.read_parquet(job.parent / "positions.parquet")
    keys = ["account", "instrument"]
    both = result.positions.merge(held, on=keys, suffixes=("", "_held"), validate="one_to_one")
    assert len(both) == len(held) == len(result.positions)
    np.testing.assert_array_equal(both["quantity"], both["quantity_held"])
    near = accounts["smooth"] + accounts["smooth_gap"]
    np.testing.assert_allclose(near, accounts["initial"], rtol=1e-12)


def test_buckets_are_the_sums_of_what_the_market_table_lists(result):
    market, buckets = result.market, result.buckets
    rate = market[market["field"] == "rate"].groupby("asset")["slope"].sum()
    shown = buckets[buckets["risk"] == "rate"].groupby("asset")["amount"].sum()
    np.testing.assert_allclose(shown, 1e-4 * rate[shown.index], rtol=1e-9)
    quotes = market[market["field"] == "surface.quote"]
    assert not quotes.duplicated(["asset", "expiry", "strike"]).any()
    by = quotes.groupby(["asset", "expiry"])["slope"].sum()
    points = buckets[buckets["risk"] == "volatility"].groupby(["asset", "expiry"])["amount"].sum()
    np.testing.assert_allclose(points, 0.01 * by[points.index], rtol=1e-9)
    for asset in ("BTC", "ETH"):
        mine = market[market["asset"] == asset]
        parts = [
            (mine["value"] * mine["slope"])[mine["field"] == field].sum()
            for field in ("spot", "perpetual", "forward")
        ]
        price = buckets[(buckets["risk"] == "price") & (buckets["asset"] == asset)]["amount"]
        assert price.item() == pytest.approx(0.01 * sum(parts), rel=1e-9)


def test_ladders_start_at_todays_margin_and_parameters_have_their_values(job, result):
    ladder = result.ladder
    today = ladder[(ladder["price"] == 0.0) & (ladder["volatility"] == 0.0)]
    assert len(today) == ladder["asset"].nunique() >= 2
    np.testing.assert_allclose(today["initial"], result.accounts["initial"].sum(), rtol=1e-12)
    parameters = result.parameters.set_index(["parameter", "index"])
    assert parameters.loc[("level", ""), "value"] == 0.975
    ratio = parameters.loc[("maintenance_ratio", ""), "slope"]
    assert ratio == pytest.approx(result.accounts["initial"].sum(), rel=1e-12)
    history = pd.read_parquet(job.parent / "history.parquet")
    days = history.groupby("asset").size().max() - 1
    moves = result.parameters[result.parameters["parameter"] == "source.history.moves"]
    assert len(moves) == days * history["asset"].nunique()


def test_one_account_alone_has_the_same_numbers(job, result, command):
    name = result.accounts.loc[result.accounts["initial"].idxmin(), "account"]
    out = job.parent / "one"
    code, output, errors = command(job, "--out", out, "--account", name)
    assert code == 0, errors
    lines = output.splitlines()
    assert all(len(line) <= 80 for line in lines if not line.startswith("Results in"))
    assert f"{name}: margin " in output and "to first order" in output
    for table in TABLES:
        assert f"{table}.parquet" in lines[-1]
    for picture in ("attribution.png", "attribution.svg", "ladder.png", "ladder.svg"):
        assert (out / picture).stat().st_size > 1_000
    alone = pd.read_parquet(out / "positions.parquet").set_index("instrument")
    among = result.positions[result.positions["account"] == name].set_index("instrument")
    np.testing.assert_allclose(
        alone["contribution"], among.loc[alone.index, "contribution"], rtol=1e-9, atol=1e-9
    )
    kinks = pd.read_parquet(out / "kinks.parquet")
    assert set(kinks["account"]) == {name} and set(kinks["kind"]) == {"position", "asset"}
    np.testing.assert_array_equal(kinks["left"], kinks["right"])  # no two losses are equal


def test_wrong_input_is_one_line_and_writes_nothing(job, command, tmp_path):
    code, _, errors = command(job, "--out", tmp_path / "out", "--account", "A00000")
    assert code == 2 and "no account 'A00000' (did you mean" in errors
    assert not (tmp_path / "out").exists()
    empty = make_job(tmp_path / "empty", accounts=6)
    edit_table(empty, "positions", lambda table: table.iloc[:0])
    code, _, errors = command(empty, "--out", tmp_path / "out")
    assert code == 2 and "the book has no positions" in errors and "Traceback" not in errors


def test_on_a_real_chain_contributions_add_up_and_a_ladder_has_the_slope(tmp_path, capsys):
    """The example prints what is left of the sum, and each derivative next to full runs."""
    run_example(EXAMPLE, tmp_path)
    printed = capsys.readouterr().out
    left = re.search(r"largest of 20 accounts: (\S+) USD", printed)
    assert left is not None and float(left[1]) < 1e-6
    pairs = re.findall(r"(BTC|ETH) \+1 %: (\S+) USD, ladder (\S+)", printed)
    assert [asset for asset, _, _ in pairs] == ["BTC", "ETH"]
    for _, derivative, ladder in pairs:
        one, other = (float(number.replace(",", "")) for number in (derivative, ladder))
        assert one == pytest.approx(other, rel=1e-4) and one != 0.0
    assert (tmp_path / "attribution/ladder.png").stat().st_size > 10_000


def test_a_report_shows_what_was_written(job, result, undrawn, tmp_path):
    rows = shown(job.parent / "sensitivities", "sensitivities", tmp_path).tables
    by = result.positions.groupby("instrument")["contribution"].sum()
    largest = by.loc[by.abs().idxmax()]
    assert rows["Contracts by what they add"][1][1] == f"{largest:+,.2f}"
    assert len(rows["Moves of the market"]) > 2
