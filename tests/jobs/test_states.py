"""States and liquidation prices that a margin job writes: by hand, and wrong input."""

import numpy as np
import pandas as pd
import pytest
from job_files import edit_table
from small_jobs import POSITIONS, small_job

from jaxmargin.errors import InvalidInputError
from jaxmargin.jobs import run_margin

SPOT = {"BTC": 60_000.0, "USDC": 1.0}
MARK = 60_000.0 * 1.0004
BALANCES = "account,asset,quantity\nlong,USDC,30000.005\nshort,USDC,1000\nshort,BTC,1.5\n"
DELTA = pd.Series({"fallen": 4.0 * MARK, "long": 2.0 * MARK, "owner": 90_000.0,
                   "short": -3.0 * MARK + 90_000.0})  # fmt: skip
EQUITY = pd.Series({"fallen": 0.0, "long": 30_000.0, "owner": 90_000.0, "short": 91_000.0})


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("job")
    return folder, run_margin(
        small_job(folder, BALANCES), folder / "results", liquidation=("BTC", "ETH")
    )


def test_states_follow_from_balances_marks_and_the_margins_published(run):
    folder, result = run
    states = pd.read_parquet(folder / "results/states.parquet").set_index("account")
    published = result.requirements.set_index("account")
    for name in ("initial", "maintenance"):
        np.testing.assert_array_equal(states[name], published[name])
    np.testing.assert_array_equal(states["balance"], [0.0, 30_000.0, 0.0, 91_000.0])  # down
    np.testing.assert_array_equal(states["position_value"], [0.0, 0.0, 90_000.0, 0.0])
    np.testing.assert_allclose(states["equity"], EQUITY[states.index], rtol=1e-15)
    available = states["equity"] - states["initial"]
    np.testing.assert_allclose(states["available"], available, atol=1e-9)
    paid_out = np.minimum(available, states["balance"]).clip(lower=0.0)
    np.testing.assert_allclose(states["withdrawable"], paid_out, atol=1e-9)
    assert states["withdrawable"]["owner"] == 0.0 < states["available"]["owner"]
    notional = np.array([4.0 * MARK, 2.0 * MARK, 90_000.0, 3.0 * MARK])
    with np.errstate(divide="ignore"):
        np.testing.assert_allclose(states["leverage"], notional / states["equity"], rtol=1e-12)
        ratio = states["maintenance"] / states["equity"]
    np.testing.assert_allclose(states["margin_ratio"], ratio, rtol=1e-15)
    np.testing.assert_allclose(states["equity_to_maintenance"], 1.0 / ratio, rtol=1e-12)
    assert states["status"].tolist() == ["no-equity", "covered", "covered", "covered"]
    names = {each["file"] for each in result.manifest["inputs"]}
    assert "balances.csv" in names and result.manifest["settings"]["book"]["collateral"]


def test_liquidation_prices_are_those_of_contracts_whose_margin_grows_with_the_price(run):
    """Where all is linear in one price P0 u: E + (u - 1) D = u M, so u = (D - E) / (D - M)."""
    folder, result = run
    table = pd.read_parquet(folder / "results/liquidation.parquet")
    assert list(table.columns) == [
        "account", "asset", "side", "price", "move", "tolerance", "status",
    ]  # fmt: skip
    assert len(table) == 4 * 2 * 2
    parts = result.components.pivot(index="account", columns="component", values="amount")
    margin = 0.8 * (parts["expected_shortfall"] + parts["floor"])
    equity = EQUITY + pd.Series({"long": 0.005}).reindex(EQUITY.index, fill_value=0.0)
    expected = (DELTA - equity) / (DELTA - margin)
    by = table[table["asset"] == "BTC"].set_index(["account", "side"])
    for account, side in (("long", "below"), ("short", "above")):
        row = by.loc[(account, side)]
        assert row["status"] == "found" and row["tolerance"] < 1e-9
        np.testing.assert_allclose(row["move"], expected[account] - 1.0, rtol=1e-9)
        np.testing.assert_allclose(row["price"], 60_000.0 * expected[account], rtol=1e-10)
    for none in (("long", "above"), ("short", "below"), ("owner", "below"), ("owner", "above")):
        assert by.loc[none, "status"] == "none" and np.isnan(by.loc[none, "price"])
    for side in ("below", "above"):
        assert by.loc[("fallen", side), "status"] == "now"
        assert by.loc[("fallen", side), "price"] == 60_000.0
    other = table[(table["asset"] == "ETH") & (table["account"] != "fallen")]
    assert (other["status"] == "none").all()  # nobody has any


def test_chosen_accounts_are_solved_and_the_command_says_what_it_found(run, tmp_path, run_command):
    _, result = run
    job, out = small_job(tmp_path, BALANCES), tmp_path / "results"
    words = ("--liquidation", "BTC", "--liquidation-account", "short")
    code, shown, _ = run_command("margin", job, "--out", out, *words)
    assert code == 0
    one = pd.read_parquet(out / "liquidation.parquet").set_index("side")
    assert one["account"].tolist() == ["short", "short"]
    grid = result.liquidation.query("account == 'short' and asset == 'BTC'").set_index("side")
    np.testing.assert_allclose(one["price"], grid["price"], rtol=1e-10)
    assert one["tolerance"]["above"] == 1e-12
    assert "States: 3 covered, 1 without equity (fallen)." in shown
    assert "Liquidation by BTC: none at a fall; 1 at a rise, the nearest at " in shown
    assert "states.parquet, liquidation.parquet." in shown


@pytest.mark.parametrize(
    ("words", "balances", "message"),
    [
        (("--liquidation", "BTX"), BALANCES, "unknown asset (did you mean 'BTC'?)"),
        (("--liquidation", "USD"), BALANCES, "the price of the numeraire does not move"),
        (("--liquidation", "BTC"), None, "key 'collateral' is missing"),
        (("--liquidation-account", "long"), BALANCES, "Name them with --liquidation too"),
        (
            ("--liquidation", "BTC", "--liquidation-account", "lang"),
            BALANCES,
            "unknown account (did you mean 'long'?)",
        ),
        ((), BALANCES + "long,BTC,-1\n", "column quantity: negative in 1 of 4 rows"),
        ((), BALANCES + ",BTC,1\n", "balances.csv, column account: no value"),
        ((), BALANCES + "long,XBT,1\n", "1 unknown name: 'XBT'"),
    ],
)  # fmt: skip
def test_wrong_input_is_one_clear_line(words, balances, message, tmp_path, run_command):
    job = small_job(tmp_path, balances)
    code, _, errors = run_command("margin", job, "--out", tmp_path / "results", *words)
    assert code == 2 and message in errors
    assert errors.count("error:") == 1 and not (tmp_path / "results").exists()


def test_a_job_without_collateral_has_no_states_and_points_at_old_ones(run, tmp_path):
    job, out = small_job(tmp_path, balances=None), tmp_path / "results"
    out.mkdir()
    (out / "states.parquet").touch()
    result = run_margin(job, out)
    assert result.states is None and result.liquidation is None
    assert any(
        "states.parquet is of an earlier run. Name collateral" in warning
        for warning in result.manifest["warnings"]
    )


def test_an_account_that_has_closed_its_positions_needs_nothing_and_keeps_its_collateral(tmp_path):
    job = small_job(tmp_path, "account,asset,quantity\nclosed,BTC,0.5\nlate,USDC,7\n")
    edit_table(job, "positions", lambda table: table.head(0))
    result = run_margin(job, tmp_path / "results", liquidation=("BTC",))
    states = result.states.set_index("account")
    assert list(states.index) == ["closed", "late"] and (states["status"] == "covered").all()
    assert list(states["initial"]) == list(states["maintenance"]) == [0.0, 0.0]
    assert list(states["withdrawable"]) == list(states["equity"]) == [30_000.0, 7.0]
    assert (result.requirements["initial"] == 0.0).all() and len(result.liquidation) == 4
    assert result.manifest["counts"]["accounts"] == 2
    (warning,) = [each for each in result.manifest["warnings"] if "balances.csv" in each]
    assert warning.startswith("balances.csv: 2 accounts have collateral and no position, and so a")


def test_a_book_without_positions_has_no_states(tmp_path):
    job = small_job(tmp_path, "account,asset,quantity\n")
    edit_table(job, "positions", lambda table: table.head(0))
    result = run_margin(job, tmp_path / "results", liquidation=("BTC",))
    assert result.states is not None and result.states.empty
    assert result.liquidation is not None and result.liquidation.empty


def test_unknown_coins_raise_before_anything_is_computed(tmp_path):
    job = small_job(tmp_path, BALANCES)
    with pytest.raises(InvalidInputError, match="unknown asset"):
        run_margin(job, tmp_path / "results", liquidation=("DOGE",))


def test_coins_in_the_table_of_collateral_are_warned_of_where_the_rule_has_rates_for_them(
    run, tmp_path
):
    """1.5 BTC count 60,000 each in the table; as a position, 5 % of 90,000 are asked for."""
    job = small_job(tmp_path, BALANCES)
    text = job.read_text()
    start, end = text.index("[scenarios]"), text.index("[allocation]")
    job.write_text(text[:start] + '[rulebook]\nkind = "binance-pm"\n\n' + text[end:])
    manifest = run_margin(job, tmp_path / "table").manifest
    said = [each for each in manifest["warnings"] if "count at spot" in each]
    assert len(said) == 1 and said[0].startswith("balances.csv: balances of BTC, USDC count")
    assert "positions in contracts of the kind spot" in said[0]
    moved = pd.DataFrame([("short", "BTC-SPOT", 1.5)], columns=POSITIONS.columns)
    edit_table(job, "positions", lambda table: pd.concat([table, moved]))
    (tmp_path / "balances.csv").write_text("account,asset,quantity\nlong,USD,30000\n")
    found = run_margin(job, tmp_path / "spot")
    parts = found.components.set_index(["account", "component"])["amount"]
    np.testing.assert_allclose(parts["short", "collateral"], 0.05 * 90_000.0, rtol=1e-12)
    assert parts["long", "collateral"] == 0.0
    for manifest in (found.manifest, run[1].manifest):  # none posted; a rule without rates
        assert not any("count at spot" in each for each in manifest["warnings"])
