"""Fits of copulas, degrees of freedom, marginals and jumps to samples whose law is known."""

import jax.numpy as jnp
import numpy as np
import pytest
import scipy.stats

from jaxmargin.errors import InvalidInputError
from jaxmargin.scenarios import (
    Covariance,
    fit_degrees,
    fit_jumps,
    fit_marginals,
    fit_student_degrees,
    rank_correlation,
    sample_covariance,
)

RHO = np.array([[1.0, 0.8, -0.5], [0.8, 1.0, -0.3], [-0.5, -0.3, 1.0]])
VOLATILITY = np.array([0.03, 0.04, 0.05])
COVARIANCE = Covariance(jnp.asarray(VOLATILITY), jnp.asarray(RHO))


def test_fitted_marginals_follow_the_data_and_go_beyond_them():
    """Of 40,000 values with t tails: quantiles to 1e-4, deeper than the straight lines reach."""
    random = np.random.default_rng(4)
    sample = scipy.stats.t.rvs(4, size=(40_000, 2), random_state=random) * 0.02
    fitted = fit_marginals(jnp.asarray(sample), 4)

    def quantile(u):
        return np.asarray(fitted(jnp.asarray(np.tile(scipy.stats.t.ppf(u, 4), (2, 1)))))

    inner = np.array([0.06, 0.1, 0.3, 0.5, 0.8, 0.94])
    np.testing.assert_allclose(
        quantile(inner), np.quantile(sample, inner, axis=0, method="hazen").T, atol=6e-5
    )
    # 2,000 excesses fix a quantile at 1e-4 to some 8 %; shape 1/4 sets in slowly: a few % more
    deep = np.array([1e-4, 1.0 - 1e-4])
    truth = 0.02 * scipy.stats.t.ppf(deep, 4)
    np.testing.assert_allclose(quantile(deep), np.tile(truth, (2, 1)), rtol=0.2)
    short = fit_marginals(jnp.asarray(sample[:1000]), 4)
    beyond = short(jnp.asarray(np.tile(scipy.stats.t.ppf([1e-5], 4), (2, 1))))
    assert (np.asarray(beyond)[:, 0] < sample[:1000].min(axis=0)).all()
    with pytest.raises(InvalidInputError, match="150 days leave 7 in each tail"):
        fit_marginals(jnp.asarray(sample[:150]), 4)


def test_a_copula_fit_finds_its_correlations_and_degrees():
    random = np.random.default_rng(6)
    sample = scipy.stats.multivariate_t.rvs(shape=RHO, df=5, size=4000, random_state=random)
    fitted = rank_correlation(jnp.asarray(np.sinh(sample)))  # any increasing change is irrelevant
    # a rank correlation has a standard error of at most 1.1 / sqrt(n)
    assert (np.abs(fitted - RHO) <= 4.0 * 1.1 / np.sqrt(4000)).all()
    assert fit_degrees(jnp.asarray(np.sinh(sample)), fitted) in (4, 5, 6)
    gaussian = random.multivariate_normal(np.zeros(3), RHO, 4000)
    assert fit_degrees(jnp.asarray(gaussian), fitted) >= 20


def test_degrees_of_joint_student_moves_look_at_sizes_and_not_only_at_ranks():
    """A copula of heavy tails that do not come together is Gaussian; the moves are not."""
    random = np.random.default_rng(7)
    apart = jnp.asarray(random.standard_t(3, (2500, 5)))
    joint = scipy.stats.multivariate_t.rvs(shape=RHO, df=4, size=4000, random_state=random)
    assert fit_degrees(apart, np.eye(5)) >= 20
    assert fit_student_degrees(apart, sample_covariance(apart)) <= 8
    assert fit_student_degrees(joint, sample_covariance(joint)) in (3, 4, 5)
    normal = random.multivariate_normal(np.zeros(3), RHO, 4000)
    assert fit_student_degrees(normal, sample_covariance(normal)) == 50


def test_one_factor_or_a_singular_matrix_has_degrees_too():
    random = np.random.default_rng(9)
    one = random.standard_t(4, (3000, 1))
    assert fit_degrees(one, np.eye(1)) == 3  # does not matter
    assert fit_student_degrees(one, sample_covariance(one)) in (3, 4, 5)
    twice = np.repeat(one, 2, axis=1)
    assert fit_student_degrees(twice, sample_covariance(twice)) >= 3
    assert fit_degrees(twice, np.ones((2, 2))) >= 3


def test_a_price_on_a_grid_has_marginals_without_tails_beyond():
    random = np.random.default_rng(10)
    steps = random.choice([-1e-4, 0.0, 1e-4], (400, 1), p=[0.2, 0.6, 0.2])
    fitted = fit_marginals(steps, 4)
    x = jnp.asarray(scipy.stats.t.ppf([[1e-6, 0.01, 0.5, 0.99, 1.0 - 1e-6]], 4))
    np.testing.assert_allclose(fitted(x), [[-1e-4, -1e-4, 0.0, 1e-4, 1e-4]], atol=1e-12)


def test_a_jump_fit_finds_planted_jumps():
    random = np.random.default_rng(8)
    sample = random.multivariate_normal(np.zeros(3), np.asarray(COVARIANCE.matrix()), 3000)
    planted = random.choice(3000, 30, replace=False)
    sample[planted] += np.array([-0.4, -0.5, 0.5])
    fit = fit_jumps(jnp.asarray(sample))
    assert set(planted) <= set(np.flatnonzero(fit.is_jump)) and fit.is_jump.sum() <= 35
    assert fit.model.per_day == pytest.approx(0.01, rel=0.2)
    np.testing.assert_allclose(fit.model.jump_mean, [-0.4, -0.5, 0.5], atol=0.04)
    np.testing.assert_allclose(fit.model.diffusion.volatility, VOLATILITY, rtol=0.05)
    with pytest.raises(InvalidInputError, match="and 5 are needed"):
        fit_jumps(jnp.asarray(sample), threshold=60.0)
