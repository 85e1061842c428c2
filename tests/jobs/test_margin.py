"""The margin job on a small synthetic book: outputs, rounding, formats, special books."""

import json

import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd
import pytest
from job_files import TABLES, edit_table, edit_text, make_job

import jaxmargin as jm
from jaxmargin.io import build_book, build_market, round_up, sha256
from jaxmargin.jobs import load_inputs, run_margin

KEY = jax.random.key(0)


def scenarios_of(inputs, market):
    """Two-day historical scenarios through the Python interface."""
    names = list(inputs.market.assets["asset"])
    rows = [names.index(asset) for asset in inputs.history.closes.columns]
    past = jm.price_history(inputs.history.closes.to_numpy(), market, rows)
    return jm.HistoricalSimulation(past, horizon_days=2).shocks(market, KEY)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A job, its folder of results and what `run_margin` returned."""
    job = make_job(tmp_path_factory.mktemp("job"), accounts=30)
    return job, job.parent / "results", run_margin(job, job.parent / "results")


def test_the_written_tables_are_those_returned(run):
    _, out, result = run
    requirements = pd.read_parquet(out / "requirements.parquet")
    assert list(requirements.columns) == [
        "account", "initial", "maintenance", "standard_error", "tail_count", "worst_scenario",
    ]  # fmt: skip
    pd.testing.assert_frame_equal(requirements, result.requirements, check_dtype=False)
    components = pd.read_parquet(out / "components.parquet")
    assert list(components.columns) == ["account", "component", "amount"]
    assert len(requirements) == 30 and len(components) == 90


def test_components_sum_to_the_initial_margin(run):
    _, _, result = run
    total = result.components.groupby("account")["amount"].sum()
    initial = result.requirements.set_index("account")["initial"]
    np.testing.assert_allclose(total, initial, rtol=1e-12, atol=1e-9)


def test_margins_are_whole_cents_and_never_below_the_exact_ones(run):
    _, _, result = run
    parts = result.components.pivot(index="account", columns="component", values="amount")
    exact = (parts["expected_shortfall"] + parts["floor"]).to_numpy()
    initial = result.requirements["initial"].to_numpy()
    maintenance = result.requirements["maintenance"].to_numpy()
    assert (initial >= exact).all() and (initial < exact + 0.01).all()
    assert (maintenance >= 0.8 * exact).all() and (maintenance < 0.8 * exact + 0.01).all()
    np.testing.assert_allclose(initial * 100, np.round(initial * 100), atol=1e-6)


def test_the_margins_are_those_of_the_python_interface(run):
    job, _, result = run
    inputs = load_inputs(job)
    closes = inputs.history.closes.to_numpy()
    log_returns = np.log(closes[2:] / closes[:-2])  # horizon_days = 2
    market, book = build_market(inputs.market), build_book(inputs.book, inputs.market)
    shocks = scenarios_of(inputs, market)
    np.testing.assert_allclose(shocks.spot[:3], log_returns.T, rtol=1e-11, atol=1e-15)
    assert float(jnp.abs(shocks.spot[3:]).max()) == 0.0  # USDC, held still, and USD
    pnl = np.asarray(jm.revalue(book, market, shocks))
    worst = -np.sort(pnl, axis=1)
    tail = 0.025 * 729  # 18.225 scenarios
    shortfall = (worst[:, :18].sum(axis=1) + (tail - 18) * worst[:, 18]) / tail
    expected = round_up(np.maximum(shortfall, 0.0), 0.01)
    np.testing.assert_allclose(result.requirements["initial"], expected, atol=0.0100001)
    shown = result.components.query("component == 'expected_shortfall'")["amount"]
    np.testing.assert_allclose(shown, shortfall, rtol=1e-12)


def test_the_worst_scenario_is_named_by_its_day(run):
    job, _, result = run
    inputs = load_inputs(job)
    market, book = build_market(inputs.market), build_book(inputs.book, inputs.market)
    shocks = scenarios_of(inputs, market)
    worst = np.argmin(np.asarray(jm.revalue(book, market, shocks)), axis=1)
    days = [f"to {inputs.history.closes.index[row + 2].date()}" for row in worst]
    assert list(result.requirements["worst_scenario"]) == days


def test_overlapping_returns_halve_the_effective_tail(run):
    _, _, result = run
    np.testing.assert_allclose(result.requirements["tail_count"], 0.025 * 729 / 2, rtol=1e-12)
    assert any("The tail holds 9.1 effective scenarios" in w for w in result.manifest["warnings"])


def test_the_manifest_names_inputs_settings_versions_device_and_seconds(run):
    job, out, _ = run
    manifest = json.loads((out / "manifest.json").read_text())
    hashes = {entry["file"]: entry["sha256"] for entry in manifest["inputs"]}
    assert hashes["positions.parquet"] == sha256(job.parent / "positions.parquet")
    assert set(hashes) == {"job.toml", *(name.split("/")[-1] for name in TABLES.values())}
    assert manifest["settings"]["rulebook"]["level"] == 0.975
    assert manifest["counts"] == {
        "accounts": 30, "positions": len(pd.read_parquet(job.parent / "positions.parquet")),
        "instruments": 500, "scenarios": 729,
    }  # fmt: skip
    assert manifest["device"]["platform"] == "cpu"
    assert {"jaxmargin", "jax", "python"} <= set(manifest["versions"])
    assert 0.0 <= manifest["seconds"]["warm"] <= manifest["seconds"]["cold"]


def test_csv_tables_give_the_same_margins(run, tmp_path):
    _, _, result = run
    job = make_job(tmp_path, accounts=30)
    for path in TABLES.values():
        table = pd.read_parquet(job.parent / path)
        for column in table.select_dtypes("datetimetz"):
            table[column] = table[column].dt.strftime("%Y-%m-%dT%H:%M:%SZ")
        table.to_csv((job.parent / path).with_suffix(".csv"), index=False)
        (job.parent / path).unlink()
    edit_text(job, ".parquet", ".csv")
    again = run_margin(job, tmp_path / "results")
    pd.testing.assert_frame_equal(again.requirements, result.requirements, rtol=1e-12)


def test_the_order_of_rows_changes_nothing(run, tmp_path):
    _, _, result = run
    job = make_job(tmp_path, accounts=30)
    for name in TABLES:
        edit_table(job, name, lambda table: table.sample(frac=1.0, random_state=3))
    again = run_margin(job, tmp_path / "results")
    pd.testing.assert_frame_equal(again.requirements, result.requirements, rtol=1e-9)


def test_an_empty_book_has_no_margins_and_says_so(tmp_path):
    job = make_job(tmp_path)
    edit_table(job, "positions", lambda table: table.head(0))
    result = run_margin(job, tmp_path / "results")
    assert result.requirements.empty and result.components.empty
    assert (tmp_path / "results" / "requirements.parquet").is_file()
    assert any("no positions" in warning for warning in result.manifest["warnings"])
    edit_table(job, "instruments", lambda table: table.head(0))
    assert run_margin(job, tmp_path / "results").requirements.empty


def test_a_position_of_zero_has_no_margin(tmp_path):
    job = make_job(tmp_path)
    edit_table(job, "positions", lambda table: table.assign(quantity=0.0))
    assert (run_margin(job, tmp_path / "results").requirements["initial"] == 0.0).all()


def test_too_few_scenarios_for_the_level_are_warned_of_and_give_the_worst_case(tmp_path):
    job = make_job(tmp_path)
    edit_text(job, "level = 0.975", "level = 0.9999")
    result = run_margin(job, tmp_path / "results")
    assert any("729 scenarios are too few for level 0.9999" in w and "worst scenario" in w
               for w in result.manifest["warnings"])  # fmt: skip
    inputs = load_inputs(job)
    market, book = build_market(inputs.market), build_book(inputs.book, inputs.market)
    shocks = scenarios_of(inputs, market)
    worst = -np.asarray(jm.revalue(book, market, shocks)).min(axis=1)
    np.testing.assert_allclose(
        result.requirements["initial"], np.maximum(worst, 0.0), atol=0.0100001
    )


def test_a_grid_job_runs_and_labels_its_scenarios(tmp_path):
    job = make_job(tmp_path)
    text = job.read_text()
    start, end = text.index("[scenarios]"), text.index("[rulebook]")
    job.write_text(
        text[:start]
        + '[scenarios]\nkind = "spot-volatility-grid"\nspot_moves = [-0.16, 0.0, 0.16]\n'
        + "volatility_moves = [-0.25, 0.5]\n\n"
        + text[end:]
    )
    result = run_margin(job, tmp_path / "results")
    assert result.manifest["counts"]["scenarios"] == 6
    assert set(result.requirements["worst_scenario"]) <= {
        f"spot {s}, volatility {v}" for s in ("-16.0%", "+0.0%", "+16.0%")
        for v in ("-25.0%", "+50.0%")
    }  # fmt: skip


def test_unused_columns_are_said_to_be_unused(tmp_path):
    job = make_job(tmp_path)
    edit_table(job, "positions", lambda table: table.assign(trader="x"))
    result = run_margin(job, tmp_path / "results")
    assert "positions.parquet: columns that are not used: trader." in result.manifest["warnings"]


def test_progress_is_reported_up_to_the_end(tmp_path):
    job, seen = make_job(tmp_path), []
    run_margin(job, tmp_path / "results", progress=lambda done, total: seen.append((done, total)))
    assert seen[-1][0] == seen[-1][1] > 0


@pytest.mark.parametrize("amount", [0.0, 0.001, 0.01, 12.3, 1e9 + 0.005, 0.1 + 0.2, 4.35])
def test_rounding_up_gives_the_next_cent_and_keeps_whole_cents(amount):
    rounded = round_up(np.array([amount]), 0.01)
    assert amount <= rounded[0] < amount + 0.01 * (1 + 1e-6)
    assert round_up(rounded, 0.01)[0] == rounded[0]
