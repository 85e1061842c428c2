"""Every kind of scenario source from a job file, on the synthetic demo; export and import."""

import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd
import pytest
from job_files import TABLES, edit_table, edit_text, make_job, with_scenarios

from jaxmargin.errors import InvalidInputError
from jaxmargin.io import build_book, build_market
from jaxmargin.jobs import export_scenarios, load_inputs, make_scenarios, run_margin, run_reverse
from jaxmargin.jobs._scenario_keys import SCENARIOS
from jaxmargin.valuation import revalue

HISTORY = 'history = "history.parquet"\nconstant = ["USDC"]\n'
DEPEG = 'depegs = ["USDC"]\ndepeg_per_year = [0.5]\ndepeg_size = [0.05]\n'
JOBS = {
    "historical": HISTORY + "decay = 0.99\n" + DEPEG,
    "filtered-historical": HISTORY + "scenarios = 128\n",
    "stationary-bootstrap": HISTORY + "scenarios = 128\n",
    "gaussian": HISTORY + 'scenarios = 128\nsampling = "sobol"\ncomponents = 2\n',
    "student": HISTORY + 'scenarios = 128\nsampling = "antithetic"\ncovariance = "ewma"\n',
    "copula": HISTORY + "scenarios = 128\ndegrees = 4\n",
    "jumps": HISTORY + 'scenarios = 128\nsampling = "tail-mixture"\njump_threshold = 3.0\n',
    "spot-volatility-grid": "spot_moves = [-0.16, 0.16]\nvolatility_moves = [-0.2, 0.5]\n",
    "tenor-scaled-grid": "spot_moves = [-0.18, 0.0, 0.18]\ntail_moves = [-0.66]\n"
    "tail_damping = 0.77\nskew = true\nminimum_up = 0.4\n",
    "stress": HISTORY,
    "file": 'file = "scenarios.parquet"\n',
}


@pytest.fixture
def job(tmp_path):
    return make_job(tmp_path)


def test_every_kind_is_tried_here():
    assert set(JOBS) == set(SCENARIOS)


@pytest.mark.parametrize("kind", [kind for kind in JOBS if kind != "file"])
def test_scenarios_of_a_kind_survive_a_round_trip_through_a_table(job, kind):
    table, made, inputs = make_scenarios(with_scenarios(job, kind, JOBS[kind]))
    assert len(table) == len(made.labels) and table["scenario"].is_unique
    assert made.provenance["kind"] == kind and made.provenance["seed"] == 0
    market = build_market(inputs.market)
    direct = made.source.shocks(market, made.key)
    out = job.parent / "scenarios.parquet"
    export_scenarios(job, out)
    again, copied, _ = make_scenarios(with_scenarios(job, "file", JOBS["file"]))
    read = copied.source.shocks(market, copied.key)
    assert list(again["scenario"]) == list(table["scenario"])
    assert float(read.overlap) == float(direct.overlap)
    for part in ("spot", "funding", "basis", "volatility", "time", "weight", "damping"):
        before, after = getattr(direct, part), getattr(read, part)
        if before is None or not np.any(before):
            assert after is None or not np.any(after)
        else:
            np.testing.assert_allclose(after, before, rtol=1e-12, atol=1e-15)
    if direct.tilt is not None:
        for before, after in zip(*map(jax.tree.leaves, (direct.tilt, read.tilt)), strict=True):
            np.testing.assert_allclose(after, before, rtol=1e-12, atol=1e-15)


def test_an_exported_set_gives_the_same_margins(job):
    with_scenarios(job, "student", JOBS["student"])
    first = run_margin(job, job.parent / "first").requirements
    export_scenarios(job, job.parent / "scenarios.parquet")
    second = run_margin(
        with_scenarios(job, "file", JOBS["file"]), job.parent / "second"
    ).requirements
    np.testing.assert_allclose(second["initial"], first["initial"], rtol=1e-9, atol=0.011)
    np.testing.assert_allclose(second["standard_error"], first["standard_error"], rtol=1e-9)
    np.testing.assert_allclose(second["tail_count"], first["tail_count"], rtol=1e-9)
    assert list(second["worst_scenario"]) == list(first["worst_scenario"])


def test_the_seed_decides_what_is_drawn(job):
    first, _, _ = make_scenarios(with_scenarios(job, "gaussian", HISTORY + "scenarios = 64\n"))
    same, _, _ = make_scenarios(job)
    other, _, _ = make_scenarios(
        with_scenarios(job, "gaussian", HISTORY + "scenarios = 64\nseed = 1\n")
    )
    pd.testing.assert_frame_equal(first, same)
    assert not np.allclose(first["spot BTC"], other["spot BTC"])


def test_what_was_estimated_is_in_the_manifest(job):
    keys = HISTORY + 'scenarios = 128\ncovariance = "ledoit-wolf"\nstress_start = 2025-06-01\n'
    keys += 'correlation_shift = 0.5\ncorrelation_blocks = [["BTC", "ETH spot"]]\ncomponents = 1\n'
    result = run_margin(with_scenarios(job, "student", keys), job.parent / "out")
    facts = result.manifest["scenarios"]
    assert facts["factors"] == ["BTC spot", "ETH spot", "SOL spot"]
    assert facts["first_day"] == "2024-01-03" and facts["stressed_days"] == 216
    assert len(facts["shrinkage"]) == 2 and 0.0 < facts["shrinkage"][0] < 1.0
    assert facts["shift_distance"] == 0.0 and facts["break_distance"] == 0.0
    assert 0.5 < facts["explained"] < 1.0 and facts["degrees"] in (3, 4, 5, 6, 7, 8)


def test_garch_parameters_are_in_the_provenance(job):
    keys = HISTORY + 'volatility_model = "garch"\nscenarios = 16\n'
    _, made, _ = make_scenarios(with_scenarios(job, "filtered-historical", keys))
    found = made.provenance["parameters"]
    assert set(found) == {"BTC spot", "ETH spot", "SOL spot"}
    assert all(0.0 <= f["alpha"] + f["beta"] < 1.0 and f["omega"] >= 0.0 for f in found.values())


def test_given_correlations_replace_estimates_and_are_repaired_within_the_limit(job):
    pairs = pd.DataFrame(
        {
            "first": ["BTC spot", "SOL spot", "BTC spot"],
            "second": ["ETH spot", "ETH spot", "SOL spot"],
            "correlation": [0.9, 0.9, -0.2],
        }
    )
    pairs.to_csv(job.parent / "pairs.csv", index=False)
    keys = HISTORY + 'scenarios = 64\ncorrelations = "pairs.csv"\n'
    with pytest.raises(InvalidInputError, match=r"distance 0\.\d+, above the limit of 0.1"):
        make_scenarios(with_scenarios(job, "gaussian", keys))
    _, made, _ = make_scenarios(with_scenarios(job, "gaussian", keys + "repair_limit = 1.0\n"))
    assert 0.1 < made.provenance["repair_distance"] < 1.0
    pairs.iloc[:2].assign(correlation=[0.9, 0.7]).to_csv(job.parent / "pairs.csv", index=False)
    _, made, _ = make_scenarios(with_scenarios(job, "gaussian", keys))
    np.testing.assert_allclose(made.source.covariance.correlation[0, 1], 0.9, rtol=1e-12)
    np.testing.assert_allclose(made.source.covariance.correlation[1, 2], 0.7, rtol=1e-12)
    assert made.provenance["repair_distance"] == 0.0


def test_stress_moves_and_their_rules_are_written(job):
    keys = HISTORY + 'names = ["2020-03-12-covid", "flash-crash"]\n'
    result = run_margin(with_scenarios(job, "stress", keys), job.parent / "out")
    assert result.manifest["scenarios"]["stresses"] == ["2020-03-12-covid", "flash-crash"]
    assert result.manifest["counts"]["scenarios"] == 3
    moves = pd.read_parquet(job.parent / "out" / "stress_moves.parquet")
    covid = moves[moves["scenario"] == "2020-03-12-covid"].set_index("asset")
    assert covid.loc["BTC", "rule"] == "stated" and covid.loc["BTC", "move"] == -0.372
    assert covid.loc["SOL", "rule"].startswith("beta") and "history" in covid.loc["SOL", "rule"]
    closes = pd.read_parquet(job.parent / TABLES["history"])
    returns = np.log(closes.pivot(index="time", columns="asset", values="close")).diff().dropna()
    beta = returns["SOL"].cov(returns["BTC"]) / returns["BTC"].var()
    assert covid.loc["SOL", "move"] == pytest.approx(np.expm1(beta * np.log(1 - 0.372)), rel=1e-9)


def test_a_history_of_volatility_basis_and_funding_moves_them(job):
    def states(table):
        random = np.random.default_rng(5)
        btc = (table["asset"] == "BTC").to_numpy()
        count = int(btc.sum())
        for name, size, level in (
            ("volatility", 0.02, 0.6), ("term", 0.01, -0.1), ("skew", 0.01, -0.05),
            ("basis", 0.005, 0.05), ("funding", 0.02, 0.1),
        ):  # fmt: skip
            path = level + np.cumsum(random.normal(0.0, size, count)) * 0.1
            table.loc[btc, name] = np.abs(path) if name == "volatility" else path
        return table

    edit_table(job, "history", states)
    edit_text(job, "horizon_days = 2", "horizon_days = 1")
    table, made, inputs = make_scenarios(job)
    assert made.names[3:] == tuple(
        f"BTC {state}" for state in ("volatility", "term", "skew", "basis", "funding")
    )
    market = build_market(inputs.market)
    shocks = made.source.shocks(market, made.key)
    history = pd.read_parquet(job.parent / TABLES["history"])
    btc = history[history["asset"] == "BTC"].sort_values("time")
    pillars = inputs.market.forwards
    for row, (asset, years) in enumerate(
        zip(pillars["asset"], np.asarray(market.time), strict=True)
    ):
        own = float(asset == "BTC")
        level = np.diff(np.log(btc["volatility"]))
        term = np.diff(btc["term"]) * np.log(max(years, 1 / 365) / (30 / 365))
        np.testing.assert_allclose(shocks.volatility[row], own * (level + term), atol=1e-12)
        np.testing.assert_allclose(
            shocks.basis[row], own * max(years - 1 / 365, 0.0) * np.diff(btc["basis"]), atol=1e-13
        )
        np.testing.assert_allclose(shocks.tilt.skew[row], own * np.diff(btc["skew"]), atol=1e-13)
        deviation = float(
            market.total_volatility(jnp.array([row]), market.forward[row : row + 1])[0]
        )
        np.testing.assert_allclose(shocks.tilt.width[row], deviation, rtol=1e-12)
    np.testing.assert_allclose(shocks.funding[0], np.diff(btc["funding"]), atol=1e-13)
    assert float(jnp.abs(shocks.funding[1:]).max()) == 0.0
    pnl = revalue(build_book(inputs.book, inputs.market), market, shocks)
    assert bool(jnp.isfinite(pnl).all()) and "skew BTC 2026-01-10T08:00Z" in table.columns


def test_a_reverse_stress_finds_what_the_account_loses(job):
    found = run_reverse(job, "A000003", radius=2.0, loss=None)
    assert found.status == "converged" and found.radius <= 2.0 + 1e-9 and found.loss > 0.0
    inputs = load_inputs(job)
    market = build_market(inputs.market)
    from jaxmargin.jobs import build_scenarios

    past = build_scenarios(inputs, market).past
    moves = jnp.asarray(found.moves["move"].to_numpy())[:, None]
    shocks = past.factors.shocks(moves, time=2.0 / 365.0)
    row = list(inputs.book.accounts).index("A000003")
    pnl = float(revalue(build_book(inputs.book, inputs.market), market, shocks)[row, 0])
    assert -pnl == pytest.approx(found.loss, rel=1e-9)
    back = run_reverse(job, "A000003", radius=None, loss=found.loss)
    assert back.radius == pytest.approx(found.radius, rel=1e-3)
    np.testing.assert_allclose(found.moves["share"].sum(), 1.0, rtol=1e-9)


@pytest.mark.parametrize(
    ("account", "radius", "loss", "part"),
    [
        ("A3", 2.0, None, "no account 'A3'"),
        ("A000003", None, None, "Give either --radius"),
        ("A000003", 2.0, 5.0, "Give either --radius"),
        ("A000003", -1.0, None, "radius must be a positive number"),
    ],
)
def test_a_reverse_stress_without_sense_is_refused(job, account, radius, loss, part):
    with pytest.raises(InvalidInputError, match=part):
        run_reverse(job, account, radius=radius, loss=loss)


def test_single_precision_takes_given_correlations_and_a_stressed_window(job):
    edit_text(job, 'precision = "f64"', 'precision = "f32"')
    pairs = "first,second,correlation\nBTC spot,ETH spot,0.9\n"
    (job.parent / "pairs.csv").write_text(pairs)
    keys = HISTORY + 'scenarios = 64\ncorrelations = "pairs.csv"\nstress_start = 2025-06-01\n'
    with_scenarios(job, "student", keys)
    with jax.enable_x64(False):
        _, made, _ = make_scenarios(job)
        assert made.source.covariance.correlation.dtype == jnp.float32
        assert float(made.source.covariance.correlation[0, 1]) == pytest.approx(0.9, abs=1e-6)


@pytest.mark.parametrize("kind", ["student", "copula"])
def test_a_singular_correlation_has_degrees_of_freedom(job, kind):
    keys = HISTORY + "scenarios = 64\ncorrelation_shift = 1.0\n"
    _, made, _ = make_scenarios(with_scenarios(job, kind, keys))
    assert made.provenance["degrees"] >= 3
