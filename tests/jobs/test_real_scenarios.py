"""Every kind of scenario source from a job file on real data: the example that compares them."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from reference import run_example

from jaxmargin.jobs._scenario_keys import SCENARIOS

EXAMPLE = Path(__file__).parents[2] / "examples" / "04_compare_scenario_sources.py"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """The folder that the example writes."""
    out = tmp_path_factory.mktemp("example")
    run_example(EXAMPLE, out)
    return out / "scenario-sources"


@pytest.fixture(scope="module")
def comparison(folder):
    return pd.read_parquet(folder / "comparison.parquet").set_index("source")


def manifest(folder, comparison, source):
    number = len(comparison) - 1 - list(comparison.index).index(source)
    return json.loads((folder / f"results-{number:02d}" / "manifest.json").read_text())


def test_every_kind_is_compared_and_has_a_margin(comparison):
    assert set(comparison["kind"]) == set(SCENARIOS)
    assert (comparison["margin"] > 0.0).all() and np.isfinite(comparison["margin"]).all()


def test_samples_have_error_bars_and_stated_sets_have_none(comparison):
    stated = {"spot-volatility-grid", "tenor-scaled-grid", "stress"}
    for _, row in comparison.iterrows():
        assert np.isnan(row["error"]) == (row["kind"] in stated)
        assert row["kind"] in stated or 0.0 < row["error"] < 0.5 * row["margin"]


def test_ways_to_draw_one_distribution_agree_within_their_errors(comparison):
    plain = comparison.loc["Gaussian"]
    for other in ("Gaussian, Sobol", "Gaussian, tails oversampled"):
        row = comparison.loc[other]
        assert abs(row["margin"] - plain["margin"]) < 4.0 * np.hypot(row["error"], plain["error"])
    assert comparison.loc["Gaussian, tails oversampled", "error"] < 0.5 * plain["error"]


def test_heavy_tails_ask_for_more_than_normal_ones(comparison):
    for heavy in ("historical", "Student-t, Ledoit-Wolf", "t-copula", "jumps, antithetic"):
        assert comparison.loc[heavy, "margin"] > 1.3 * comparison.loc["Gaussian", "margin"]


def test_an_exported_set_gives_the_margin_of_its_source(comparison):
    assert comparison.loc["file: t-copula's, exported", "margin"] == pytest.approx(
        comparison.loc["t-copula", "margin"], abs=0.011
    )


def test_the_worst_days_of_history_are_the_crash_of_march_2020(folder, comparison):
    number = len(comparison) - 1 - list(comparison.index).index("historical")
    table = pd.read_parquet(folder / f"results-{number:02d}" / "requirements.parquet")
    assert table.loc[0, "worst_scenario"] in ("to 2020-03-12", "to 2020-03-13")


def test_fits_to_the_real_history_are_stated(folder, comparison):
    garch = manifest(folder, comparison, "filtered, GARCH")["scenarios"]["parameters"]
    assert all(0.7 < f["alpha"] + f["beta"] < 1.0 for f in garch.values())
    jumps = manifest(folder, comparison, "jumps, antithetic")["scenarios"]
    assert {"2020-03-12", "2022-06-13"} <= set(jumps["jump_days"])
    assert 0.002 < jumps["jumps_per_day"] < 0.05
    assert manifest(folder, comparison, "t-copula")["scenarios"]["degrees"] in (3, 4, 5, 6)
    states = manifest(folder, comparison, "historical with DVOL and funding")["scenarios"]
    assert states["factors"] == ["BTC spot", "ETH spot", "BTC volatility", "BTC funding"]
    assert states["first_day"] == "2022-11-06"
