import jax
import jax.numpy as jnp
import numpy as np
import pytest
from derivatives import assert_jacobians_are_central_differences
from kinds import kinds_of
from scipy.interpolate import PchipInterpolator

from jaxmargin.errors import InvalidInputError
from jaxmargin.market import (
    SSVI,
    SVI,
    AbstractSmiles,
    AbstractVolatilitySurface,
    Interpolation,
    QuotedVolatilities,
    SmileVolatilities,
)

FORWARD, TIME = np.array([100.0, 105.0]), np.array([0.1, 0.75])
STRIKE = np.array([[70.0, 90.0, 100.0, 130.0], [80.0, 100.0, 140.0, 160.0]])
QUOTE = np.array([[0.9, 0.7, 0.65, 0.75], [0.8, 0.6, 0.7, 0.72]])
PILLAR = np.array([0, 0, 0, 1, 1, 1], np.int32)
BETWEEN = np.array([75.0, 95.0, 120.0, 85.0, 105.0, 139.0])


def arrays(*values):
    return tuple(jnp.asarray(x, jnp.float64) for x in values)


def quoted(interpolation=Interpolation.LINEAR, scale=(1.0, 1.0)):
    return QuotedVolatilities(*arrays(STRIKE, QUOTE, scale), interpolation)


def with_smiles(smiles, scale=(1.0, 1.0)):
    return SmileVolatilities(smiles, *arrays(FORWARD, TIME, scale))


RAW = SVI(*arrays([0.01, 0.1], [0.08, 0.2], [-0.3, -0.2], [0.02, -0.05], [0.1, 0.3]))
SURFACE = SSVI(*arrays([0.04, 0.3], [-0.3, -0.3], [0.9, 0.9], [0.45, 0.45]))
SURFACES = {
    "linear quotes": quoted(),
    "cubic quotes": quoted(Interpolation.MONOTONE_CUBIC),
    "SVI": with_smiles(RAW),
    "SSVI": with_smiles(SURFACE),
}
by_name = pytest.mark.parametrize("surface", SURFACES.values(), ids=SURFACES)
both = pytest.mark.parametrize("interpolation", Interpolation)


def test_every_surface_and_smile_is_tested_here():
    kinds = {type(surface) for surface in SURFACES.values()}
    assert kinds_of(AbstractVolatilitySurface) == kinds
    smiles = {type(s.smiles) for s in SURFACES.values() if isinstance(s, SmileVolatilities)}
    assert kinds_of(AbstractSmiles) == smiles


@both
def test_a_quoted_strike_gets_its_quote(interpolation):
    pillar = jnp.repeat(jnp.arange(2), 4)
    found = quoted(interpolation).volatility(pillar, jnp.asarray(STRIKE.reshape(-1)))
    np.testing.assert_allclose(found, QUOTE.reshape(-1), rtol=1e-14)


@both
def test_beyond_the_quotes_volatility_is_constant(interpolation):
    pillar, strike = jnp.array([0, 0, 1, 1], jnp.int32), jnp.array([1e-6, 1e9, 10.0, 170.0])
    found = quoted(interpolation).volatility(pillar, strike)
    np.testing.assert_allclose(found, [0.9, 0.75, 0.8, 0.72], rtol=1e-14)


def test_between_quotes_variance_is_linear_in_log_strike():
    # Half way in log-strike between 90 and 100: the mean of 0.49 and 0.4225.
    strike = jnp.array([np.sqrt(9000.0)])
    found = quoted().volatility(jnp.array([0], jnp.int32), strike)
    np.testing.assert_allclose(found, np.sqrt(0.45625), rtol=1e-14)


def test_cubic_quotes_follow_the_monotone_cubic_of_scipy_in_variance():
    found = quoted(Interpolation.MONOTONE_CUBIC).volatility(*map(jnp.asarray, (PILLAR, BETWEEN)))
    curves = [PchipInterpolator(np.log(k), q**2) for k, q in zip(STRIKE, QUOTE, strict=True)]
    expected = [np.sqrt(curves[p](np.log(k))) for p, k in zip(PILLAR, BETWEEN, strict=True)]
    np.testing.assert_allclose(found, expected, rtol=1e-13)


def test_raw_svi_has_the_features_printed_for_vogts_smile():
    smile = SVI(*arrays(-0.0410, 0.1331, 0.3060, 0.3586, 0.4153))
    # Gatheral and Jacquier (2014), example 3.1 and section 5.1: raw and jump-wings parameters of
    # the same smile at one year; printed with seven digits.
    variance = smile.total_variance(jnp.asarray(0.0))
    np.testing.assert_allclose(variance, 0.01742625, rtol=5e-7)
    skew = jax.grad(lambda k: jnp.sqrt(smile.total_variance(k)))(0.0)
    np.testing.assert_allclose(skew, -0.1752111, rtol=5e-7)
    k = jnp.linspace(-1.0, 1.0, 200_001)
    np.testing.assert_allclose(jnp.min(smile.total_variance(k)), 0.0116249, rtol=5e-6)
    slopes = jax.vmap(jax.grad(smile.total_variance))(jnp.array([-1e7, 1e7])) / np.sqrt(variance)
    np.testing.assert_allclose(slopes, [-0.6997381, 1.316798], rtol=5e-7)


def test_ssvi_is_the_raw_svi_that_gatheral_and_jacquier_say_it_is():
    theta, rho, eta, gamma = 0.09, -0.4, 1.1, 0.4
    phi = eta / (theta**gamma * (1.0 + theta) ** (1.0 - gamma))
    # Their natural parametrization, lemma 3.1 with Delta = mu = 0.
    raw = SVI(
        *arrays(
            theta / 2 * (1 - rho**2),
            theta * phi / 2,
            rho,
            -rho / phi,
            np.sqrt(1 - rho**2) / phi,
        )
    )
    k = jnp.linspace(-2.0, 2.0, 101)
    ssvi = SSVI(*arrays(theta, rho, eta, gamma))
    np.testing.assert_allclose(ssvi.total_variance(k), raw.total_variance(k), rtol=1e-13)
    np.testing.assert_allclose(ssvi.total_variance(jnp.zeros(())), theta, rtol=1e-14)
    expected = theta * max(phi, phi**2) * 1.4 / 4.0
    np.testing.assert_allclose(ssvi.butterfly_bound(), expected, rtol=1e-13)


@pytest.mark.parametrize("smiles", [RAW, SURFACE], ids=["SVI", "SSVI"])
def test_smile_volatility_is_the_root_of_total_variance_over_time(smiles):
    found = with_smiles(smiles).volatility(jnp.array([1], jnp.int32), jnp.array([105.0]))
    own = jax.tree.map(lambda leaf: leaf[1], smiles)
    expected = np.sqrt(own.total_variance(jnp.zeros(())) / TIME[1])
    np.testing.assert_allclose(found, expected, rtol=1e-14)


@by_name
def test_scale_multiplies_every_volatility_of_its_pillar(surface):
    pillar, strike = jnp.asarray(PILLAR), jnp.asarray(BETWEEN)
    scaled = type(surface)(**{**vars(surface), "scale": jnp.array([2.0, 0.5])})
    expected = surface.volatility(pillar, strike) * np.array([2.0, 0.5])[PILLAR]
    np.testing.assert_allclose(scaled.volatility(pillar, strike), expected, rtol=1e-14)


@by_name
def test_gradients_agree_with_central_differences(surface):
    leaves, tree = jax.tree.flatten(surface)

    def volatility(strike, *leaves):
        return jax.tree.unflatten(tree, leaves).volatility(jnp.asarray(PILLAR), strike)

    assert_jacobians_are_central_differences(volatility, BETWEEN, *leaves)


@by_name
@pytest.mark.parametrize("dtype", [jnp.float32, jnp.float64])
def test_extreme_strikes_and_zero_time_give_finite_volatilities_and_slopes(surface, dtype):
    if isinstance(surface, SmileVolatilities):
        surface = SmileVolatilities(
            surface.smiles, surface.forward, jnp.array([0.1, 0.0]), surface.scale
        )
    surface = jax.tree.map(lambda leaf: leaf.astype(dtype), surface)
    pillar = jnp.array([0, 0, 0, 1, 1], jnp.int32)
    strike = jnp.array([1e-6, 1e9, 100.0, 100.0, 1e9], dtype)
    found, pull = jax.vjp(lambda s, k: s.volatility(pillar, k), surface, strike)
    assert found.dtype == dtype
    assert np.all(np.isfinite(found))
    assert all(np.all(np.isfinite(x)) for x in jax.tree.leaves(pull(jnp.ones_like(found))))


def test_a_smile_that_is_missing_or_negative_gives_nan_not_zero():
    bad = SVI(*arrays([np.nan, -1.0], [0.1, 0.1], [0.0, 0.0], [0.0, 0.0], [0.1, 0.1]))
    found = with_smiles(bad).volatility(jnp.array([0, 1], jnp.int32), jnp.array([100.0, 100.0]))
    assert np.all(np.isnan(found))


def test_surfaces_of_unlike_shapes_are_refused():
    three = jax.tree.map(lambda leaf: jnp.append(leaf, leaf[-1]), RAW)
    with pytest.raises(InvalidInputError, match="one entry per pillar"):
        with_smiles(three)
