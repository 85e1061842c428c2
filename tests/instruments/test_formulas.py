"""Black's formula: parity, limits, a textbook price, and derivatives that stay finite."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import ndtr

from jaxmargin.instruments.formulas import black, safe_inverse

price = jax.jit(black)
greeks = jax.jit(jax.grad(black, argnums=(1, 2, 3)))

PRICES = st.floats(-9.0, 9.0).map(lambda power: 10.0**power)
VOLATILITIES = st.one_of(st.just(0.0), st.floats(-6.0, 2.0).map(lambda power: 10.0**power))
SIGNS = st.sampled_from([1.0, -1.0])


def of(function, *arguments, dtype=jnp.float64):
    """`function` of numbers as arrays of one precision."""
    return jax.tree.map(float, function(*(jnp.asarray(x, dtype) for x in arguments)))


@settings(max_examples=300, deadline=None)
@given(PRICES, PRICES, VOLATILITIES)
def test_call_less_put_is_forward_less_strike(forward, strike, volatility):
    difference = of(price, 1.0, forward, strike, volatility) - of(
        price, -1.0, forward, strike, volatility
    )
    # each of the four products is rounded to one part in 1e16, each probability to six
    assert abs(difference - (forward - strike)) <= 3e-15 * (forward + strike)


@settings(max_examples=300, deadline=None)
@given(SIGNS, PRICES, PRICES, VOLATILITIES)
def test_an_option_is_worth_its_intrinsic_value_at_least_and_its_asset_at_most(
    sign, forward, strike, volatility
):
    value, rounding = of(price, sign, forward, strike, volatility), 2e-15 * (forward + strike)
    assert max(sign * (forward - strike), 0.0) - rounding <= value
    assert value <= (forward if sign > 0.0 else strike) + rounding


@pytest.mark.parametrize("sign", [1.0, -1.0])
@pytest.mark.parametrize("strike", [1e-9, 50.0, 100.0, 250.0, 1e12])
def test_without_volatility_it_is_the_intrinsic_value_exactly(sign, strike):
    assert of(price, sign, 100.0, strike, 0.0) == max(sign * (100.0 - strike), 0.0)


@pytest.mark.parametrize("sign", [1.0, -1.0])
@pytest.mark.parametrize("steps", [-3, -1, 1, 3])
def test_without_volatility_next_to_the_money_it_is_intrinsic_to_the_last_place(sign, steps):
    """Zero volatility is computed as 1e-15, which is the spacing of prices there."""
    strike = 100.0 + steps * math.ulp(100.0)
    expected = max(sign * (100.0 - strike), 0.0)
    assert abs(of(price, sign, 100.0, strike, 0.0) - expected) <= 2.0 * math.ulp(100.0)


@pytest.mark.parametrize("volatility", [50.0, 1e3, 1e8])
def test_with_boundless_volatility_a_call_is_the_forward_and_a_put_the_strike(volatility):
    assert of(price, 1.0, 80.0, 120.0, volatility) == pytest.approx(80.0, rel=1e-15)
    assert of(price, -1.0, 80.0, 120.0, volatility) == pytest.approx(120.0, rel=1e-15)


def test_far_from_the_money_only_the_intrinsic_value_is_left():
    assert of(price, 1.0, 1e5, 1e-5, 0.5) == pytest.approx(1e5 - 1e-5, rel=1e-15)
    assert of(price, -1.0, 1e5, 1e-5, 0.5) == 0.0
    assert of(price, 1.0, 1e-5, 1e5, 0.5) == 0.0
    assert of(price, -1.0, 1e-5, 1e5, 0.5) == pytest.approx(1e5 - 1e-5, rel=1e-15)


@pytest.mark.parametrize("volatility", [1e-4, 0.02, 0.3, 2.0])
def test_at_the_money_it_is_the_forward_times_an_error_function(volatility):
    """F (2 N(v / 2) - 1) = F erf(v / sqrt 8); the difference of two halves loses digits."""
    expected = 60_000.0 * math.erf(volatility / math.sqrt(8.0))
    for sign in (1.0, -1.0):
        result = of(price, sign, 60_000.0, 60_000.0, volatility)
        assert result == pytest.approx(expected, abs=60_000.0 * 2e-15)


def test_hulls_put_on_a_futures_price_costs_a_dollar_twelve():
    """Hull, Options, Futures, and Other Derivatives, Black's model: 20, 20, 9 %, 25 %, 4 months."""
    undiscounted = of(price, -1.0, 20.0, 20.0, 0.25 * math.sqrt(4 / 12))
    assert math.exp(-0.09 * 4 / 12) * undiscounted == pytest.approx(1.12, abs=0.005)


@settings(max_examples=300, deadline=None)
@given(SIGNS, PRICES, PRICES, st.floats(-2.0, 1.0).map(lambda power: 10.0**power))
def test_derivatives_are_the_closed_forms(sign, forward, strike, volatility):
    d1 = math.log(forward / strike) / volatility + volatility / 2.0
    d2 = d1 - volatility
    delta, by_strike, vega = of(greeks, sign, forward, strike, volatility)
    # d1 up to 2,000 is rounded to 2e-13, and its two density terms cancel only up to that
    assert delta == pytest.approx(sign * ndtr(sign * d1), abs=1e-11)
    assert by_strike == pytest.approx(-sign * ndtr(sign * d2), abs=1e-11)
    density = math.exp(-0.5 * d1 * d1) / math.sqrt(2.0 * math.pi)
    assert vega == pytest.approx(forward * density, abs=1e-11 * (forward + strike))


@settings(max_examples=300, deadline=None)
@given(SIGNS, PRICES, PRICES, VOLATILITIES, st.sampled_from([jnp.float32, jnp.float64]))
def test_prices_and_derivatives_are_finite_everywhere(sign, forward, strike, volatility, dtype):
    arguments = (sign, forward, strike, volatility)
    assert math.isfinite(of(price, *arguments, dtype=dtype))
    assert all(math.isfinite(greek) for greek in of(greeks, *arguments, dtype=dtype))


def test_without_volatility_delta_is_one_a_half_or_nothing():
    deltas = [of(greeks, 1.0, forward, 100.0, 0.0)[0] for forward in (120.0, 100.0, 80.0)]
    assert deltas == [1.0, 0.5, 0.0]


def test_an_inverse_of_zero_is_very_large_with_derivative_zero():
    assert of(safe_inverse, 4.0) == 0.25 and 1e12 < of(safe_inverse, 0.0) < math.inf
    slopes = [float(jax.grad(safe_inverse)(x)) for x in (0.0, 4.0)]
    np.testing.assert_array_equal(slopes, [0.0, -1.0 / 16.0])
