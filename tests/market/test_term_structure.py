import jax
import jax.numpy as jnp
import numpy as np
import pytest
from derivatives import assert_jacobians_are_central_differences

from jaxmargin.market import SVI, Market, SmileVolatilities, volatility_at_time

# Flat smiles: pillars of asset 0 in 0.25 and 1 years, an expired one, and one of asset 1.
TIME = jnp.array([1.0, 0.25, 0.0, 0.5])
VOLATILITY = np.array([0.5, 0.8, 0.9, 1.2])


def market(slope=0.0):
    zero = jnp.zeros(4)
    smiles = SVI(
        level=jnp.asarray(VOLATILITY**2) * TIME,
        slope=zero + slope,
        correlation=zero - 0.3,
        center=zero,
        width=zero + 0.2,
    )
    forward = jnp.array([110.0, 103.0, 100.0, 52.0])
    return Market(
        spot=jnp.array([100.0, 50.0, 1.0]),
        perpetual=jnp.array([100.0, 50.0, 1.0]),
        asset=jnp.array([0, 0, 0, 1]),
        time=TIME,
        forward=forward,
        rate=zero,
        surface=SmileVolatilities(smiles, forward, TIME, jnp.ones(4)),
    )


def at(market, asset, log_moneyness, time):
    return volatility_at_time(
        market, jnp.asarray(asset), jnp.asarray(log_moneyness), jnp.asarray(time)
    )


def test_between_two_expiries_total_variance_is_linear_in_time():
    # Total variances 0.16 at 0.25 years and 0.25 at 1; a third of the way in time gives 0.19.
    found = at(market(), [0], [0.1], [0.5])
    np.testing.assert_allclose(found, np.sqrt(0.19 / 0.5), rtol=1e-14)


def test_before_the_first_and_after_the_last_expiry_volatility_is_flat():
    found = at(market(), [0, 0, 1, 1], [0.0] * 4, [0.01, 4.0, 0.1, 4.0])
    np.testing.assert_allclose(found, [0.8, 0.5, 1.2, 1.2], rtol=1e-14)


def test_at_an_expiry_it_is_the_surface_at_the_same_moneyness():
    own = market(slope=0.2)
    k = jnp.array([-0.3, 0.2])
    strike = own.forward[:2] * jnp.exp(k)
    expected = own.surface.volatility(jnp.array([0, 1]), strike)
    np.testing.assert_allclose(at(own, [0, 0], k, [1.0, 0.25]), expected, rtol=1e-14)


def test_an_asset_without_a_live_expiry_has_no_volatility():
    assert np.isnan(at(market(), [2], [0.0], [0.5]))[0]


@pytest.mark.parametrize("time", [0.1, 0.6, 3.0])
def test_gradients_agree_with_central_differences(time):
    own = market(slope=0.2)
    assert_jacobians_are_central_differences(
        lambda k, t: at(own, jnp.array([0]), k, t), jnp.array([0.15]), jnp.array([time])
    )


def test_gradient_in_the_market_is_finite_and_reaches_both_neighbors_alone():
    def volatility(market):
        return at(market, [0], [0.1], [0.5])[0]

    slope = jax.grad(volatility, allow_int=True)(market(slope=0.2))
    assert np.all(np.isfinite(slope.surface.scale))
    np.testing.assert_array_equal(np.asarray(slope.surface.scale) != 0.0, [1, 1, 0, 0])
