"""Surfaces and smile dynamics chosen in the job file."""

import jax.numpy as jnp
import numpy as np
import pandas as pd
import pytest
from job_files import TABLES, edit_table, edit_text, make_job

from jaxmargin.errors import InvalidInputError
from jaxmargin.io import build_market
from jaxmargin.jobs import load_inputs, run_margin


@pytest.fixture
def job(tmp_path):
    return make_job(tmp_path)


def volatilities(job, surface):
    """Volatility of every quote as the surface gives it back, and as quoted."""
    inputs = load_inputs(job)
    market = build_market(inputs.market, surface=surface)
    quotes = inputs.market.volatilities
    pillar = inputs.market.pillar_row(quotes["asset"], quotes["expiry"])
    given = market.volatility(jnp.asarray(pillar), jnp.asarray(quotes["strike"].to_numpy()))
    return np.asarray(given), quotes["volatility"].to_numpy()


@pytest.mark.parametrize("surface", ["linear", "monotone-cubic"])
def test_quoted_surfaces_give_back_their_quotes(job, surface):
    given, quoted = volatilities(job, surface)
    np.testing.assert_allclose(given, quoted, rtol=1e-13)


def test_svi_fits_the_quadratic_smiles_of_the_demo_closely(job):
    given, quoted = volatilities(job, "svi")
    assert np.median(np.abs(given - quoted)) < 0.003  # 0.3 points


def test_ssvi_follows_the_quotes(job):
    given, quoted = volatilities(job, "ssvi")
    assert np.isfinite(given).all() and np.median(np.abs(given - quoted)) < 0.03


@pytest.mark.parametrize("dynamics", ["sticky-strike", "sticky-moneyness", "sticky-delta"])
def test_a_job_runs_with_every_dynamics(job, dynamics):
    edit_text(job, "[book]", f'dynamics = "{dynamics}"\nsurface = "svi"\n[book]')
    result = run_margin(job, job.parent / "results")
    assert (result.requirements["initial"] >= 0.0).all()
    assert result.manifest["settings"]["market"]["dynamics"] == dynamics


def test_too_few_quotes_for_a_smile_are_said_by_expiry(job):
    first = pd.read_parquet(job.parent / TABLES["volatilities"])["expiry"].min()
    edit_table(
        job, "volatilities",
        lambda t: t[(t["asset"] != "BTC") | (t["expiry"] != first) | (t["strike"] > 61_500.0)],
    )  # fmt: skip
    edit_text(job, "[book]", 'surface = "svi"\n[book]')
    with pytest.raises(InvalidInputError, match=r"smile of BTC 2026-01-03.*too few quotes"):
        run_margin(job, job.parent / "results")
    assert not (job.parent / "results").exists()


def test_unknown_surfaces_and_dynamics_are_refused(job):
    edit_text(job, "[book]", 'surface = "spline"\ndynamics = "sticky"\n[book]')
    with pytest.raises(InvalidInputError, match="Give one of linear, monotone-cubic, svi, ssvi"):
        load_inputs(job)
