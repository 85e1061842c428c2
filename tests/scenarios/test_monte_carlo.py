"""Monte Carlo sources: moments, tails and weights against theory, within Monte Carlo error."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.stats
from kinds import DRAWS, market, name

from jaxmargin.errors import InvalidInputError
from jaxmargin.scenarios import (
    Antithetic,
    CopulaMonteCarlo,
    Covariance,
    GaussianMonteCarlo,
    JumpDiffusion,
    JumpMonteCarlo,
    Marginals,
    RiskFactors,
    Sobol,
    StudentMonteCarlo,
    TailMixture,
)

COUNT = 1 << 17
RHO = np.array([[1.0, 0.8, -0.5], [0.8, 1.0, -0.3], [-0.5, -0.3, 1.0]])
VOLATILITY = np.array([0.03, 0.04, 0.05])
COVARIANCE = Covariance(jnp.asarray(VOLATILITY), jnp.asarray(RHO))
# three factors: the prices of BTC and ETH, and BTC's volatility
FACTORS = RiskFactors(
    spot=jnp.eye(5)[:, :3].at[2, 2].set(0.0),
    volatility=jnp.zeros((4, 3)).at[:3, 2].set(1.0),
)


def moves(source, key=11):
    """Moves of the three factors, and the weights."""
    made = source.shocks(market(), jax.random.key(key))
    drawn = jnp.concatenate([made.spot[:2], made.volatility[:1]])
    return np.asarray(drawn), np.asarray(made.weight)


def within(estimate, expected, error):
    """Four standard errors: one test in 16,000 fails by chance, and keys are fixed."""
    assert np.all(np.abs(estimate - expected) <= 4.0 * error), (estimate, expected, error)


def check_covariance(x, horizon=1, kurtosis=3.0):
    """Variances and correlations, with the standard errors for this kurtosis."""
    count = x.shape[1]
    variance = (x**2).mean(axis=1) / horizon
    within(variance, VOLATILITY**2, VOLATILITY**2 * np.sqrt((kurtosis - 1.0) / count))
    error = np.sqrt((1.0 - RHO**2) ** 2 * (kurtosis / 3.0) / count) + 1e-12
    within(np.corrcoef(x), RHO, error)


@pytest.mark.parametrize("draws", DRAWS[:3], ids=name)
@pytest.mark.parametrize("horizon", [1, 10])
def test_gaussian_moments_and_quantiles(draws, horizon):
    x, _ = moves(GaussianMonteCarlo(FACTORS, COVARIANCE, COUNT, horizon, draws=draws))
    within(x.mean(axis=1), 0.0, VOLATILITY * np.sqrt(horizon / COUNT))
    check_covariance(x, horizon)
    standard = x[0] / (0.03 * np.sqrt(horizon))
    assert scipy.stats.kstest(standard, "norm").pvalue > 1e-4
    # of joint fourth moments: E[a^2 b^2] = 1 + 2 rho^2
    pair = x[:2] / (VOLATILITY[:2, None] * np.sqrt(horizon))
    within((pair[0] ** 2 * pair[1] ** 2).mean(), 1.0 + 2.0 * 0.8**2, np.sqrt(60.0 / COUNT))


@pytest.mark.parametrize("draws", DRAWS[:3], ids=name)
def test_student_moments_quantiles_and_tail_dependence(draws):
    degrees = 5
    x, _ = moves(StudentMonteCarlo(FACTORS, COVARIANCE, COUNT, degrees, draws=draws))
    check_covariance(x, kurtosis=9.0)  # 3 (nu - 2) / (nu - 4)
    scale = VOLATILITY * np.sqrt((degrees - 2) / degrees)
    assert scipy.stats.kstest(x[0] / scale[0], "t", args=(degrees,)).pvalue > 1e-4
    # stretched together: even uncorrelated directions are far at the same time. Probability that
    # both of two t variables are below their 1 % quantile, by integrating over the stretch.
    quantile = scipy.stats.t.ppf(0.01, degrees)
    chi = scipy.stats.chi2.ppf((np.arange(4000) + 0.5) / 4000, degrees)
    normal = quantile * np.sqrt(chi / degrees)
    joint = np.mean(
        scipy.stats.multivariate_normal(cov=[[1.0, 0.8], [0.8, 1.0]]).cdf(
            np.stack([normal, normal], axis=1)
        )
    )
    both = ((x[:2] / scale[:2, None]) < quantile).all(axis=0).mean()
    within(both, joint, np.sqrt(joint / COUNT))
    assert joint > 1.2 * scipy.stats.multivariate_normal(cov=[[1.0, 0.8], [0.8, 1.0]]).cdf(
        [scipy.stats.norm.ppf(0.01)] * 2
    )  # more than a Gaussian has


def test_a_copula_keeps_each_distribution_and_joins_the_tails():
    """Marginals that are known: t with 3 degrees, normal, and uniform."""
    degrees, reach = 4, 9.0
    u = scipy.stats.t.cdf(np.sinh(np.linspace(-reach, reach, 4097)), degrees)
    laws = (scipy.stats.t(3), scipy.stats.norm(), scipy.stats.uniform(-1.0, 2.0))
    inside = np.clip(u, 1e-15, 1.0 - 1e-15)
    table = np.stack([law.ppf(inside) for law in laws])
    source = CopulaMonteCarlo(
        FACTORS, jnp.asarray(RHO), Marginals(jnp.asarray(table), degrees), COUNT
    )
    x, _ = moves(source)
    for row, law in zip(x, laws, strict=True):
        assert scipy.stats.kstest(row, law.cdf).pvalue > 1e-4
    # Kendall's rank correlation of an elliptical copula: 2 asin(rho) / pi, to 0.67 / sqrt n
    for i, j in ((0, 1), (0, 2), (1, 2)):
        tau = scipy.stats.kendalltau(x[i, :20_000], x[j, :20_000]).statistic
        within(tau, 2.0 / np.pi * np.arcsin(RHO[i, j]), 0.7 / np.sqrt(20_000))
    # coefficient of tail dependence, Demarta and McNeil (2005), approached from below in the tail
    limit = 2.0 * scipy.stats.t.sf(np.sqrt((degrees + 1) * 0.2 / 1.8), degrees + 1)
    low = [law.ppf(0.002) for law in laws[:2]]
    both = ((x[0] < low[0]) & (x[1] < low[1])).mean() / 0.002
    within(both, limit, np.sqrt(limit / (0.002 * COUNT)) + 0.02)


def test_jumps_have_mertons_moments():
    model = JumpDiffusion(
        COVARIANCE,
        jnp.array([-0.10, -0.12, 0.3]),
        Covariance(jnp.array([0.05, 0.06, 0.1]), jnp.asarray(RHO)),
        per_day=0.05,
    )
    horizon = 2
    x, _ = moves(JumpMonteCarlo(FACTORS, model, COUNT, horizon))
    rate = 0.05 * horizon
    second = np.asarray(model.jump.matrix()) + np.outer(model.jump_mean, model.jump_mean)
    covariance = np.asarray(COVARIANCE.matrix()) * horizon + rate * second
    third = model.jump_mean**3 + 3.0 * model.jump_mean * model.jump.volatility**2
    within(x.mean(axis=1), 0.0, np.sqrt(np.diag(covariance) / COUNT))
    fourth = (x**4).mean(axis=1)
    within((x**2).mean(axis=1), np.diag(covariance), np.sqrt(fourth / COUNT))
    within((x[0] * x[2]).mean(), covariance[0, 2], np.sqrt((x[0] ** 2 * x[2] ** 2).mean() / COUNT))
    within((x**3).mean(axis=1), rate * np.asarray(third), np.sqrt((x**6).mean(axis=1) / COUNT))


@pytest.mark.parametrize("kept", [1, 2])
def test_principal_components_keep_every_variance(kept):
    root = np.asarray(COVARIANCE.root(kept))
    assert root.shape == (3, kept + 3)
    value, vector = np.linalg.eigh(RHO)
    leading = sum(value[-i] * np.outer(vector[:, -i], vector[:, -i]) for i in range(1, kept + 1))
    expected = leading + np.diag(1.0 - np.diag(leading))
    np.testing.assert_allclose(
        root @ root.T, expected * np.outer(VOLATILITY, VOLATILITY), rtol=1e-10, atol=1e-16
    )
    share = float(COVARIANCE.explained(kept))
    assert share == pytest.approx(value[-kept:].sum() / 3.0, rel=1e-12)


def test_all_components_are_the_whole_covariance():
    for root in (COVARIANCE.root(), COVARIANCE.root(3)):
        np.testing.assert_allclose(
            root @ root.T, np.outer(VOLATILITY, VOLATILITY) * RHO, rtol=1e-12
        )


def test_a_singular_correlation_has_a_root():
    one = Covariance(jnp.asarray(VOLATILITY), jnp.ones((3, 3)))
    np.testing.assert_allclose(
        one.root() @ one.root().T, np.outer(VOLATILITY, VOLATILITY), rtol=1e-12
    )


def test_antithetic_moves_cancel_exactly_and_sobol_beats_independent_draws():
    x, _ = moves(StudentMonteCarlo(FACTORS, COVARIANCE, 4096, 4, draws=Antithetic()))
    np.testing.assert_array_equal(x[:, :2048], -x[:, 2048:])

    def scatter(draws):
        source = GaussianMonteCarlo(FACTORS, COVARIANCE, 4096, draws=draws)
        squares = [(moves(source, key)[0][:2] ** 2).mean(axis=1) for key in range(12)]
        return np.std(squares, axis=0)

    assert (scatter(Sobol()) < 0.2 * scatter(DRAWS[0])).all()


@pytest.mark.parametrize("exposure", [[1.0, 0.0, 0.0], [1.0, 1.0, 0.0], [-1.0, 0.0, 2.0]])
def test_the_tail_mixture_is_unbiased_and_sees_far_into_the_tail(exposure):
    draws = TailMixture(jnp.asarray(exposure), distance=2.5)
    x, weight = moves(GaussianMonteCarlo(FACTORS, COVARIANCE, COUNT, draws=draws))
    share = weight / weight.sum()
    deviation = np.sqrt(np.asarray(exposure) @ np.asarray(COVARIANCE.matrix()) @ exposure)
    loss = -np.asarray(exposure) @ x
    for size in (1.0, 2.5, 3.5):
        for far in (loss > size * deviation, loss < -size * deviation):
            truth = scipy.stats.norm.sf(size)
            error = np.sqrt(np.sum(share**2 * (far - truth) ** 2))
            within(share[far].sum(), truth, error)
            if size == 3.5:
                assert error < 0.2 * np.sqrt(truth / COUNT)  # five times sharper
    within(share @ x[0], 0.0, 0.03 * np.sqrt((share**2).sum()) * 2.0)
    assert weight.max() <= 1.0 / 0.4 * 1.01


def test_the_farthest_tail_mixture_has_finite_weights_in_single_precision():
    drawn = TailMixture(jnp.ones(3), distance=8.0).normals(
        jax.random.key(0), jnp.eye(3, dtype=jnp.float32), 4000
    )
    assert drawn.weight.dtype == jnp.float32 and bool(jnp.isfinite(drawn.weight).all())
    assert float(drawn.weight.max()) <= 2.51 and float(drawn.weight.min()) >= 0.0


def test_the_same_scenarios_come_in_either_precision():
    double = moves(StudentMonteCarlo(FACTORS, COVARIANCE, 256, 4))[0]

    def single(tree):
        return jax.tree.map(lambda x: x.astype(jnp.float32) if eqx.is_inexact_array(x) else x, tree)

    source = single(StudentMonteCarlo(FACTORS, COVARIANCE, 256, 4))
    made = source.shocks(single(market()), jax.random.key(11))
    assert made.spot.dtype == jnp.float32
    np.testing.assert_allclose(made.spot[:2], double[:2], rtol=1e-4, atol=1e-6)


def test_moves_are_differentiable_by_correlations_and_volatilities():
    def spread(covariance):
        made = GaussianMonteCarlo(FACTORS, covariance, 512).shocks(market(), jax.random.key(2))
        return jnp.mean(jnp.abs(made.spot[0] - made.spot[1]))

    gradient = jax.grad(spread)(COVARIANCE)
    step = 1e-6
    for rho in (step, -step):
        bumped = jnp.asarray(RHO).at[0, 1].add(rho).at[1, 0].add(rho)
        change = spread(Covariance(COVARIANCE.volatility, bumped)) - spread(COVARIANCE)
        slope = gradient.correlation[0, 1] + gradient.correlation[1, 0]
        np.testing.assert_allclose(change / rho, slope, rtol=1e-4)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: GaussianMonteCarlo(FACTORS, COVARIANCE, 0), "scenarios must be at least 1; got 0"),
        (lambda: GaussianMonteCarlo(FACTORS, COVARIANCE, 9, 0), "horizon_days must be at least 1"),
        (lambda: StudentMonteCarlo(FACTORS, COVARIANCE, 9, 2), "degrees must be a whole number"),
        (lambda: TailMixture(jnp.ones(3), distance=0.0), "distance must lie above 0 and up to 8"),
        (lambda: TailMixture(jnp.ones(3), distance=15.0), "distance must lie above 0 and up to 8"),
        (lambda: TailMixture(jnp.ones(3), center=1.0), r"center must lie in \(0, 1\); got 1.0"),
        (
            lambda: GaussianMonteCarlo(FACTORS, COVARIANCE, 9, draws=Antithetic()).shocks(
                market(), jax.random.key(0)
            ),
            "pairs; got 9 scenarios. Give an even number",
        ),
        (
            lambda: GaussianMonteCarlo(FACTORS, COVARIANCE, 1000, draws=Sobol()).shocks(
                market(), jax.random.key(0)
            ),
            "powers of 2 only; got 1000 scenarios. Give 1024",
        ),
        (lambda: JumpDiffusion(COVARIANCE, jnp.zeros(3), COVARIANCE, 0.0), "per_day must be pos"),
        (lambda: COVARIANCE.root(4), "keeps from 1 to 3 components; got 4"),
    ],
)
def test_settings_out_of_range_are_refused(make, message):
    with pytest.raises(InvalidInputError, match=message):
        make()
