"""Inputs of scenarios: what is refused and how, and what tables of scenarios mean."""

import numpy as np
import pandas as pd
import pytest
from job_files import TABLES, edit_table, edit_text, make_job, with_scenarios

from jaxmargin.errors import InvalidInputError
from jaxmargin.io import Problems, build_market, read_scenarios, scenario_table
from jaxmargin.jobs import load_inputs, make_scenarios, run_margin

HISTORY = 'history = "history.parquet"\nconstant = ["USDC"]\n'
DEPEG = 'depegs = ["USDC"]\ndepeg_per_year = [0.5]\ndepeg_size = [0.05]\n'


@pytest.fixture
def job(tmp_path):
    return make_job(tmp_path)


@pytest.mark.parametrize(
    ("kind", "keys", "part"),
    [
        ("gauss", HISTORY, "unknown kind 'gauss' (did you mean 'gaussian'?)"),
        ("gaussian", HISTORY + "scenarios = 0\n", "Give a whole number from 1"),
        ("gaussian", HISTORY + 'sampling = "halton"\n', "Give one of pseudo-random, antithetic"),
        ("gaussian", HISTORY + 'sampling = "sobol"\nscenarios = 1000\n', "Give 512 or 1,024"),
        ("gaussian", HISTORY + "components = 9\n", "9 for 3 risk factors"),
        ("gaussian", HISTORY + "stress_start = 2030-01-01\n", "0 days of the history lie within"),
        ("gaussian", HISTORY + "correlation_shift = 2.0\n", "Give a number from -1 to 1"),
        ("gaussian", HISTORY + 'correlation_blocks = [["BTX"]]\n', "'BTX' is no risk factor"),
        ("gaussian", HISTORY + 'correlation_blocks = [["BTC"], ["BTC"]]\n', "in two blocks"),
        ("gaussian", HISTORY + 'correlation_blocks = ["BTC"]\n', "is not a list of lists of texts"),
        ("gaussian", HISTORY + "decay = 1.0\n", "Give a number between 0 and 1"),
        ("gaussian", HISTORY + "decay = 0.9\n", "decay: it has no effect here. Leave it out"),
        ("gaussian", HISTORY + "tail_distance = 2.0\n", 'or give sampling = "tail-mixture"'),
        ("gaussian", HISTORY + "seed = 4294967296\n", "Give a whole number from 0 to 2^32 - 1"),
        ("gaussian", HISTORY + "scenarios = 20_000_000\n", "Give at most 10,000,000"),
        ("gaussian", HISTORY + "correlation_between = 0.1\n", "or give correlation_blocks"),
        (
            "filtered-historical",
            HISTORY + 'scenarios = 9\nvolatility_model = "garch"\ndecay = 0.9\n',
            "decay: it has no effect here",
        ),
        ("student", HISTORY + "degrees = 2\n", "Give a whole number from 3"),
        ("student", HISTORY + "degree = 4\n", "unknown key 'degree' (did you mean 'degrees'?)"),
        ("filtered-historical", HISTORY, "missing for a horizon of 2 days, over which dates are"),
        ("jumps", HISTORY + "jump_threshold = 50.0\n", "and 5 are needed. Lower the threshold"),
        ("historical", HISTORY + "decay = 1.5\n", "Give a number above 0 and up to 1"),
        ("historical", HISTORY + 'depegs = ["USDC"]\n', "0 numbers for 1 depegs"),
        ("historical", HISTORY + DEPEG.replace("USDC", "USDX"), "unknown asset 'USDX'"),
        ("historical", HISTORY + DEPEG.replace("USDC", "USD"), "'USD' is the numeraire"),
        ("historical", HISTORY + "depeg_size = [0.1]\n", "Leave it out, or give depegs"),
        (
            "historical",
            HISTORY + DEPEG + 'depeg_leader = "XRP"\ndepeg_crash_multiple = 2.0\n',
            "depeg_leader: unknown asset 'XRP'",
        ),
        (
            "historical",
            HISTORY.replace('"USDC"', '"USDC", "BTC", "ETH", "SOL"'),
            "every asset of the market is held constant",
        ),
        ("stress", "constant = ['USDC']\n", "Leave it out, or give history"),
        ("tenor-scaled-grid", "spot_moves = [0.1]\ntail_moves = [0.0]\n", "none is 0"),
        ("historical", "", "key 'history' is missing"),
        ("stress", 'names = ["covid"]\n', "unknown stress 'covid'"),
        ("stress", 'files = ["mine.toml"]\n', "mine.toml: no such file"),
        ("tenor-scaled-grid", "spot_moves = [-1.0]\n", "relative changes above -1"),
        ("file", 'file = "nowhere.csv"\n', "no such file"),
    ],
)
def test_bad_settings_say_what_to_write(job, kind, keys, part):
    with pytest.raises(InvalidInputError) as error:
        make_scenarios(with_scenarios(job, kind, keys))
    assert part in str(error.value), str(error.value)


@pytest.mark.parametrize(
    ("spoil", "part"),
    [
        (
            lambda t: t.assign(close=t["close"].where(t["asset"] != "SOL", 150.0)),
            "history.parquet, column close: the price of SOL never moves",
        ),
        (
            lambda t: t.assign(volatility=np.where(t["asset"] == "BTC", 0.6, np.nan)),
            "the volatility of BTC never moves",
        ),
        (
            lambda t: t.assign(
                basis=np.where((t["asset"] == "BTC") & (t.index > 30), np.arange(len(t)), np.nan)
            ),
            "column basis: BTC has 720 of 731 days; the first without is 2024-01-03 (row 1)",
        ),
        (
            lambda t: t.assign(volatility=np.where(t["asset"] == "BTC", -0.6, np.nan)),
            "column volatility: not positive in 731 of 2,193 rows",
        ),
    ],
)
def test_a_history_that_has_no_moves_is_refused(job, spoil, part):
    edit_table(job, "history", spoil)
    with pytest.raises(InvalidInputError) as error:
        load_inputs(job)
    assert part in str(error.value), str(error.value)


@pytest.mark.parametrize(
    ("rows", "part"),
    [
        ("BTC spot,ETH spott,0.5\n", "1 unknown name: 'ETH spott' (did you mean 'ETH spot'?)"),
        ("BTC spot,ETH spot,1.5\n", "not between -1 and 1 in 1 of 1 rows"),
        ("BTC spot,BTC spot,1.0\n", "a factor with itself"),
        ("BTC spot,ETH spot,0.5\nETH spot,BTC spot,0.4\n", "a pair given before in 1 of 2 rows"),
    ],
)
def test_correlations_that_cannot_be_used_are_refused(job, rows, part):
    (job.parent / "pairs.csv").write_text("first,second,correlation\n" + rows)
    with_scenarios(job, "gaussian", HISTORY + 'correlations = "pairs.csv"\n')
    with pytest.raises(InvalidInputError) as error:
        load_inputs(job)
    assert part in str(error.value), str(error.value)


GOOD = "scenario,spot BTC,spot ETH,spot SOL,spot USDC,volatility BTC\n"


@pytest.mark.parametrize(
    ("text", "part"),
    [
        (GOOD + "crash,-1.0,-0.3,-0.4,0.0,0.5\n", "a relative change of -1 or less in 1 of 1 rows"),
        (GOOD + "crash,-0.2,-0.3,-0.4,,0.5\n", "column spot USDC: not a finite number"),
        (GOOD + "a,0,0,0,0,0\na,0,0,0,0,0\n", "a name used before in 1 of 2 rows"),
        ("scenario,spot BTC\nx,-0.1\n", "no column for the spot price of ETH, SOL, USDC"),
        (GOOD.replace("spot ETH", "spt ETH") + "x,0,0,0,0,0\n", "column spt ETH: no part of this"),
        ("spot BTC\n-0.1\n", "no column 'scenario'"),
        (GOOD.replace("volatility", "skew") + "x,0,0,0,0,0.1\n", "columns skew of BTC 2026-01-03"),
        (
            GOOD.replace("\n", ",overlap\n") + "x,0,0,0,0,0,2\ny,0,0,0,0,0,3\n",
            "column overlap: not",
        ),
        (GOOD.replace("\n", ",damping\n") + "x,0,0,0,0,0,1.5\n", "column damping: above 1"),
        (GOOD.replace("\n", ",spot USD\n") + "x,0,0,0,0,0,0.1\n", "spot USD: moves, but is held"),
        (GOOD.replace("\n", ",weight\n") + "x,0,0,0,0,0,0\n", "no weight above zero"),
        (GOOD.replace("\n", ",days\n") + "x,0,0,0,0,0,-1\n", "column days: negative"),
    ],
)
def test_a_table_of_scenarios_that_cannot_be_used_is_refused(job, text, part):
    (job.parent / "mine.csv").write_text(text)
    with_scenarios(job, "file", 'file = "mine.csv"\n')
    with pytest.raises(InvalidInputError) as error:
        load_inputs(job)
    assert part in str(error.value), str(error.value)


def test_a_hand_written_table_means_what_it_says(job):
    """A column without expiry counts for all expiries without one of their own."""
    own = "volatility BTC 2026-01-10T08:00Z"
    (job.parent / "mine.csv").write_text(
        f"scenario,days,weight,spot BTC,spot ETH,spot SOL,volatility BTC,{own},rate BTC\n"
        "crash,2,1,-0.2,-0.3,-0.4,0.5,1.0,0.01\nrally,2,3,0.2,0.3,0.4,-0.1,0.0,0\n"
    )
    with_scenarios(job, "file", 'file = "mine.csv"\nconstant = ["USDC"]\n')
    table, made, inputs = make_scenarios(job)
    shocks = made.source.shocks(build_market(inputs.market), made.key)
    np.testing.assert_allclose(np.expm1(shocks.spot[:3, 0]), [-0.2, -0.3, -0.4], rtol=1e-14)
    np.testing.assert_allclose(shocks.time, 2.0 / 365.0, rtol=1e-14)
    np.testing.assert_allclose(shocks.weight, [0.5, 1.5], rtol=1e-14)
    btc = (inputs.market.forwards["asset"] == "BTC").to_numpy()
    week = (inputs.market.forwards["expiry"] == pd.Timestamp("2026-01-10T08:00Z")).to_numpy()
    expected = np.where(btc & week, 1.0, np.where(btc, 0.5, 0.0))
    np.testing.assert_allclose(np.expm1(shocks.volatility[:, 0]), expected, rtol=1e-14)
    np.testing.assert_allclose(shocks.rate[:, 0], np.where(btc, 0.01, 0.0), rtol=1e-14)
    problems = Problems()
    out = job.parent / "again.csv"
    scenario_table(shocks, inputs.market, made.labels).to_csv(out, index=False)
    assert read_scenarios(out, inputs.market, constant=["USD"], problems=problems) is not None
    assert not problems.found and list(table["scenario"]) == ["crash", "rally"]


def test_the_price_of_what_follows_another_asset_is_its_whole_price_in_a_table(job):
    def staked(table):
        row = table[table["asset"] == "ETH"].assign(
            asset="STETH", spot=2_990.0, kind="wrapped", base="ETH", perpetual=np.nan,
            funding=np.nan,
        )  # fmt: skip
        return pd.concat([table, row], ignore_index=True)

    edit_table(job, "assets", staked)
    head = "scenario,spot BTC,spot ETH,spot SOL,spot USDC"
    (job.parent / "mine.csv").write_text(
        f"{head},spot STETH\ntogether,-0.1,-0.3,-0.4,0,-0.3\ndepeg,0,-0.3,0,0,-0.37\n"
    )
    with_scenarios(job, "file", 'file = "mine.csv"\n')
    table, made, inputs = make_scenarios(job)
    row = list(inputs.market.assets["asset"]).index("STETH")
    own = np.asarray(made.source.given.spot[row])
    np.testing.assert_allclose(own, [0.0, np.log(0.63 / 0.7)], atol=1e-15)
    np.testing.assert_allclose(table["spot STETH"], [-0.3, -0.37], rtol=1e-14)
    (job.parent / "mine.csv").write_text(f"{head}\nx,-0.1,-0.3,-0.4,0\n")  # keeps its ratio
    table, made, _ = make_scenarios(job)
    assert float(made.source.given.spot[row, 0]) == 0.0
    np.testing.assert_allclose(table["spot STETH"], [-0.3], rtol=1e-14)


def test_columns_of_the_history_without_meaning_are_warned_of(job):
    edit_table(job, "history", lambda t: t.assign(volatilty=0.5))
    result = run_margin(job, job.parent / "out")
    assert "history.parquet: columns that are not used: volatilty." in result.manifest["warnings"]


def test_a_state_of_a_constant_asset_is_refused(job):
    def with_usdc(table):
        usdc = table[table["asset"] == "BTC"].assign(asset="USDC", close=1.0, funding=0.1)
        return pd.concat([table, usdc], ignore_index=True)

    edit_table(job, "history", with_usdc)
    with pytest.raises(
        InvalidInputError, match="column funding: a value for an asset that is held"
    ):
        load_inputs(job)


def test_a_table_with_any_index_is_read(job):
    path = job.parent / TABLES["history"]
    table = pd.read_parquet(path)
    halves = [half.reset_index(drop=True) for half in (table[:1000], table[1000:])]
    pd.concat(halves).to_parquet(path)  # an index with every number twice
    assert len(load_inputs(job).history.closes) == 731


def test_the_last_day_of_a_window_belongs_to_it(job):
    edit_table(job, "history", lambda t: t.assign(time=t["time"] + pd.Timedelta(hours=8)))
    edit_text(job, "constant = ", "end = 2025-06-01\nconstant = ")
    assert str(load_inputs(job).history.closes.index[-1]) == "2025-06-01 08:00:00+00:00"
