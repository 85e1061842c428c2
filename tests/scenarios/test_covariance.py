"""Estimators of covariance, and stressed correlations."""

import jax.numpy as jnp
import numpy as np
import pytest
from reference import oracle, reference

from jaxmargin.errors import InvalidInputError
from jaxmargin.scenarios import (
    Covariance,
    break_correlation,
    ewma_covariance,
    ledoit_wolf_covariance,
    mix_covariances,
    repair_correlation,
    sample_covariance,
    shift_correlation,
)


def sample(days=300, factors=5, seed=2):
    random = np.random.default_rng(seed)
    mixed = random.standard_normal((days, factors)) @ random.normal(0.0, 0.5, (factors, factors))
    return (mixed + random.standard_normal((days, factors))) * np.array(
        [0.02, 0.05, 1.0, 3.0, 1e-3]
    )


def smallest(covariance):
    return np.linalg.eigvalsh(np.asarray(covariance.correlation)).min()


def test_the_sample_covariance_is_that_of_numpy():
    np.testing.assert_allclose(
        sample_covariance(jnp.asarray(sample())).matrix(), np.cov(sample().T), rtol=1e-12
    )


def test_volatilities_and_correlations_of_the_real_history_are_the_published_ones():
    """The provenance note's figures, 14 assets from 2020-10: an independent computation."""
    pandas = pytest.importorskip("pandas")
    import json

    facts = json.loads(reference("data/facts_vol_corr.json").read_text())["wide_14"]
    table = pandas.read_parquet(reference("data/daily_ohlcv_yahoo.parquet"))
    prices = table.pivot(index="date", columns="asset", values="close")[facts["assets"]].dropna()
    returns = np.diff(np.log(prices.to_numpy()), axis=0)
    made = sample_covariance(jnp.asarray(returns))
    published = [facts["ann_vol_sqrt365"][asset] for asset in facts["assets"]]
    np.testing.assert_allclose(made.volatility * np.sqrt(365.0), published, atol=1.5e-4)
    np.testing.assert_allclose(made.correlation, facts["corr"], atol=1.1e-4)


def test_the_weighted_covariance_ends_the_recursion_of_the_textbook():
    """sigma_t^2 = decay sigma_{t-1}^2 + (1 - decay) r^2: Hull's 1.140175 % after one step."""
    decay, days = 0.9, 2000
    calm = np.full((days, 1), 0.01) * np.where(np.arange(days) % 2, 1.0, -1.0)[:, None]
    moves = np.concatenate([calm, [[0.02]]])
    made = ewma_covariance(jnp.asarray(moves), decay)
    assert float(made.volatility[0]) == pytest.approx(0.01140175, abs=5e-9)


def test_the_weighted_covariance_is_the_recursion_over_joint_days():
    moves, decay = sample(), 0.94
    matrix = np.zeros((5, 5))
    for row in moves:
        matrix = decay * matrix + (1.0 - decay) * np.outer(row, row)
    matrix /= 1.0 - decay ** len(moves)
    np.testing.assert_allclose(
        ewma_covariance(jnp.asarray(moves), decay).matrix(), matrix, rtol=1e-10
    )


def test_shrinkage_is_that_of_an_independent_program():
    covariance = pytest.importorskip("sklearn.covariance")
    for days, factors in ((300, 5), (12, 5), (60, 5)):
        moves = sample(days, factors)
        unit = (moves - moves.mean(axis=0)) / moves.std(axis=0)
        expected, intensity = covariance.ledoit_wolf(unit)
        made, shrinkage = ledoit_wolf_covariance(jnp.asarray(moves))
        assert shrinkage == pytest.approx(intensity, rel=1e-10)
        np.testing.assert_allclose(
            made.correlation, expected / np.diag(expected)[0], rtol=1e-9, atol=1e-12
        )
        np.testing.assert_allclose(made.volatility, moves.std(axis=0, ddof=1), rtol=1e-12)


def test_shrinkage_by_the_definition():
    """Lemma 3.2 by a plain loop over days."""
    moves = sample(40)
    unit = (moves - moves.mean(axis=0)) / moves.std(axis=0)
    days, factors = unit.shape
    matrix = unit.T @ unit / days
    distance = np.sum((matrix - np.eye(factors)) ** 2)
    noise = sum(np.sum((np.outer(row, row) - matrix) ** 2) for row in unit) / days**2
    made, shrinkage = ledoit_wolf_covariance(jnp.asarray(moves))
    assert 0.0 < shrinkage < 1.0
    assert shrinkage == pytest.approx(noise / distance, rel=1e-10)
    off = ~np.eye(factors, dtype=bool)
    np.testing.assert_allclose(
        np.asarray(made.correlation)[off], (1.0 - shrinkage) * matrix[off], rtol=1e-10
    )


def test_fewer_days_than_factors_still_have_a_positive_definite_shrunk_matrix():
    made, shrinkage = ledoit_wolf_covariance(jnp.asarray(sample(4)))
    assert smallest(made) > 0.0 and 0.0 < shrinkage <= 1.0


def test_a_stressed_window_has_its_weight():
    calm, stressed = (
        sample_covariance(jnp.asarray(sample())),
        Covariance(2.0 * jnp.ones(5), jnp.eye(5)),
    )
    mixed = mix_covariances(calm, stressed, 0.25)
    np.testing.assert_allclose(
        mixed.matrix(), 0.75 * calm.matrix() + 0.25 * 4.0 * np.eye(5), rtol=1e-12
    )
    with pytest.raises(InvalidInputError, match=r"stressed_weight must lie in \[0, 1\]; got 25"):
        mix_covariances(calm, stressed, 25.0)


@pytest.mark.parametrize("share", [1.0, 0.5, -0.3, -1.0])
@pytest.mark.parametrize("among", [None, (0, 1, 3)])
def test_shifted_correlations_are_no_less_than_positive_semidefinite(share, among):
    before = sample_covariance(jnp.asarray(sample()))
    after, distance = shift_correlation(before, share, among=among)
    assert smallest(after) >= -1e-12 and distance >= 0.0
    np.testing.assert_array_equal(np.diag(after.correlation), np.ones(5))
    np.testing.assert_array_equal(after.volatility, before.volatility)
    pair = np.asarray(after.correlation - before.correlation)[0, 1]
    assert np.sign(pair) == np.sign(share)
    if share > 0.0 and among is None:  # a mixture of two correlation matrices needs no repair
        assert distance == 0.0
        expected = np.asarray(before.correlation) * (1.0 - share) + share
        np.testing.assert_allclose(after.correlation, expected, rtol=1e-12)


def test_no_shift_changes_nothing():
    before = sample_covariance(jnp.asarray(sample()))
    after, distance = shift_correlation(before, 0.0)
    np.testing.assert_array_equal(after.correlation, before.correlation)
    assert distance == 0.0


def test_three_factors_cannot_all_be_opposed():
    """The nearest to -1 everywhere off the diagonal is -1/2, at distance sqrt(6) / 2."""
    after, distance = shift_correlation(Covariance(jnp.ones(3), jnp.eye(3)), -1.0)
    np.testing.assert_allclose(np.asarray(after.correlation)[0, 1:], -0.5, atol=1e-7)
    assert distance == pytest.approx(np.sqrt(6.0) / 2.0, rel=1e-6)


def test_broken_blocks_keep_what_is_within_them():
    before = sample_covariance(jnp.asarray(sample()))
    after, distance = break_correlation(before, (0, 0, 1, 1, 1))
    assert distance == 0.0 and smallest(after) >= 0.0
    assert float(jnp.abs(after.correlation[:2, 2:]).max()) == 0.0
    np.testing.assert_array_equal(after.correlation[2:, 2:], before.correlation[2:, 2:])
    opposed, repaired = break_correlation(before, (0, 0, 1, 1, 1), between=-1.0)
    assert repaired > 0.0 and smallest(opposed) >= -1e-12


def test_a_matrix_is_repaired_up_to_a_limit():
    wrong = np.array([[1.0, 1.0, 0.0], [1.0, 1.0, 1.0], [0.0, 1.0, 1.0]])  # Higham (2002)
    repaired, distance = repair_correlation(wrong, limit=0.6)
    assert distance == pytest.approx(0.5278, abs=5e-5)
    assert repaired[0, 1] == pytest.approx(0.7607, abs=5e-5)
    with pytest.raises(InvalidInputError, match=r"distance 0.5278, above the limit of 0.1"):
        repair_correlation(wrong, limit=0.1)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda m: sample_covariance(m[:1]), "at least 2 days of history; got 1"),
        (lambda m: sample_covariance(m.at[:, 2].set(1.0)), r"Factors \[2\] do not move"),
        (lambda m: ewma_covariance(m, 1.0), r"decay must lie in \(0, 1\); got 1.0"),
        (lambda m: ledoit_wolf_covariance(m.at[:, 0].set(0.0)), r"Factors \[0\] do not move"),
        (lambda m: shift_correlation(sample_covariance(m), 2.0), r"share must lie in \[-1, 1\]"),
        (lambda m: shift_correlation(sample_covariance(m), 0.1, among=(5,)), "factors 0 to 4"),
        (lambda m: break_correlation(sample_covariance(m), (0, 1)), "got 2 for 5 factors"),
        (lambda m: break_correlation(sample_covariance(m), (0,) * 5, between=3.0), "between must"),
    ],
)
def test_input_that_has_no_covariance_is_refused(make, message):
    with pytest.raises(InvalidInputError, match=message):
        make(jnp.asarray(sample()))


def test_the_analytic_case_is_reached_by_sampling():
    """Expected shortfall of an elliptical portfolio, by the tail of Gaussian Monte Carlo."""
    import jax
    from kinds import market

    from jaxmargin.scenarios import GaussianMonteCarlo, RiskFactors

    case = oracle("backtest/es_var_analytic.json")["elliptical_euler_case"]
    matrix, exposure = np.array(case["Sigma"]), np.array(case["x"])
    volatility = np.sqrt(np.diag(matrix))
    covariance = Covariance(
        jnp.asarray(volatility), jnp.asarray(matrix / np.outer(volatility, volatility))
    )
    factors = RiskFactors(jnp.eye(5)[:, :3], pillars=4)
    made = GaussianMonteCarlo(factors, covariance, 1 << 18).shocks(market(), jax.random.key(5))
    loss = np.sort(-exposure @ (np.asarray(made.spot[:3]) + np.array(case["mu"])[:, None]))[::-1]
    for level, tail in (("0.975", 0.025), ("0.99", 0.01)):
        count = int(tail * loss.size)
        error = np.sqrt((np.var(loss[:count]) + (loss[:count].mean() - loss[count]) ** 2) / count)
        assert abs(loss[:count].mean() - case[level]["ES"]) < 4.0 * error
