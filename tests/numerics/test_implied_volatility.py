import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import erfcx, ndtr

from jaxmargin.numerics import VolatilityStatus, implied_total_volatility

# sign, forward, strike, total volatility, and the price by mpmath 1.4.1 with 50 digits.
FIFTY_DIGITS = [
    (1, 100.0, 100.0, 0.001, 0.039894226377883826),
    (1, 100.0, 100.0, 5.0, 98.75806693484478),
    (1, 100.0, 100.01, 0.001, 0.035095516196572515),
    (-1, 100.0, 97.0, 0.005, 4.2958190416844113e-11),
    (1, 100.0, 110.0, 0.1, 0.9539473918572275),
    (1, 100.0, 150.0, 0.05, 1.8672551913332252e-16),
    (1, 100.0, 2000.0, 0.5, 3.5813356864932466e-08),
    (-1, 100.0, 5.0, 0.2, 1.490692153870472e-51),
    (-1, 100.0, 5.0, 3.0, 2.836351108547555),
    (1, 100.0, 50.0, 0.3, 50.074631730185295),
    (-1, 100.0, 120.0, 0.25, 23.70588308589387),
    (1, 100.0, 2000.0, 5.0, 95.1931495194577),
    (1, 100.0, 300.0, 0.03, 9.591016345018528e-295),
]

solve = jax.jit(implied_total_volatility)


def price_of(sign, forward, strike, volatility):
    """Black's formula as intrinsic value plus time value by scaled error functions."""
    h, t = -np.abs(np.log(forward / strike)) / volatility, 0.5 * volatility
    scale = 0.5 * np.sqrt(forward * strike) * np.exp(-0.5 * (h * h + t * t))
    time_value = scale * (erfcx(-(h + t) / np.sqrt(2)) - erfcx(-(h - t) / np.sqrt(2)))
    return np.maximum(sign * (forward - strike), 0.0) + time_value


def condition(sign, forward, strike, volatility):
    """Relative change of volatility for a relative change of price."""
    d1 = np.log(forward / strike) / volatility + 0.5 * volatility
    vega = forward * np.exp(-0.5 * d1 * d1) / np.sqrt(2.0 * np.pi)
    price = price_of(sign, forward, strike, volatility)
    with np.errstate(all="ignore"):
        return price / (volatility * vega)


def grid():
    """Signs x log-moneyness in +-3 x total volatility from 1e-3 to 5, as far as prices exist."""
    k = np.concatenate([-np.logspace(-6, np.log10(3), 40), [0.0], np.logspace(-6, np.log10(3), 40)])
    axes = np.meshgrid([1.0, -1.0], k, np.logspace(-3, np.log10(5), 120), indexing="ij")
    sign, k, volatility = (axis.reshape(-1) for axis in axes)
    strike = 100.0 * np.exp(k)
    out_of_the_money = sign * k >= 0.0
    price = price_of(np.where(k >= 0.0, 1.0, -1.0), 100.0, strike, volatility)  # time value
    known = price > np.where(out_of_the_money, 1e-290, 1e-9 * np.abs(100.0 - strike))
    return sign[known], np.full(known.sum(), 100.0), strike[known], volatility[known]


@pytest.mark.parametrize(("sign", "forward", "strike", "volatility", "price"), FIFTY_DIGITS)
def test_volatility_behind_a_price_of_fifty_digits_is_found(
    sign, forward, strike, volatility, price
):
    found, status = solve(*(jnp.asarray(float(x)) for x in (price, sign, forward, strike)))
    assert status == VolatilityStatus.CONVERGED
    # The rounding of the price, half a unit in the last place, times the condition; 1e-14 is ours.
    allowed = 1e-14 + 2.3e-16 * condition(sign, forward, strike, volatility)
    np.testing.assert_allclose(found, volatility, rtol=allowed)


def test_round_trip_over_a_wide_grid_loses_1e_12_times_the_condition():
    sign, forward, strike, volatility = grid()
    price = price_of(sign, forward, strike, volatility)
    found, status = solve(*map(jnp.asarray, (price, sign, forward, strike)))
    assert len(volatility) > 10_000
    assert np.all(status == VolatilityStatus.CONVERGED)
    # Of 1e-12 the reference price takes about 3e-13 by cancellation; see the test above for ours.
    allowed = 1e-12 * (1.0 + condition(sign, forward, strike, volatility))
    assert np.max(np.abs(np.asarray(found) / volatility - 1.0) / allowed) < 1.0


@settings(max_examples=200, deadline=None)
@given(
    k=st.floats(-3.0, 3.0),
    log_volatility=st.floats(np.log(1e-3), np.log(5.0)),
    log_forward=st.floats(-10.0, 12.0),
    sign=st.sampled_from([1.0, -1.0]),
)
def test_any_price_gives_its_volatility_or_says_that_there_is_none(
    k, log_volatility, log_forward, sign
):
    forward, volatility = np.exp(log_forward), np.exp(log_volatility)
    strike = forward * np.exp(k)
    price = price_of(sign, forward, strike, volatility)
    found, status = solve(*(jnp.asarray(float(x)) for x in (price, sign, forward, strike)))
    if status == VolatilityStatus.CONVERGED:
        allowed = 1e-12 * (1.0 + condition(sign, forward, strike, volatility))
        assert abs(float(found) / volatility - 1.0) <= allowed
    else:  # the time value was lost in the rounding of the price
        assert status in (VolatilityStatus.BELOW_INTRINSIC, VolatilityStatus.ABOVE_BOUND)
        assert np.isnan(found)
        time_value = price_of(-1.0 if strike < forward else 1.0, forward, strike, volatility)
        assert time_value <= 4e-16 * price or price < 1e-300 * max(forward, 1.0)


def test_impossible_prices_give_nan_and_the_reason():
    cases = [
        (19.0, 1.0, 120.0, 100.0, VolatilityStatus.BELOW_INTRINSIC),
        (20.0, 1.0, 120.0, 100.0, VolatilityStatus.BELOW_INTRINSIC),
        (0.0, -1.0, 120.0, 100.0, VolatilityStatus.BELOW_INTRINSIC),
        (-1.0, 1.0, 80.0, 100.0, VolatilityStatus.BELOW_INTRINSIC),
        (120.0, 1.0, 120.0, 100.0, VolatilityStatus.ABOVE_BOUND),
        (130.0, 1.0, 120.0, 100.0, VolatilityStatus.ABOVE_BOUND),
        (100.0, -1.0, 120.0, 100.0, VolatilityStatus.ABOVE_BOUND),
        (np.nan, 1.0, 120.0, 100.0, VolatilityStatus.INVALID),
        (30.0, 1.0, np.inf, 100.0, VolatilityStatus.INVALID),
        (30.0, 1.0, 120.0, 0.0, VolatilityStatus.INVALID),
        (30.0, 1.0, -120.0, 100.0, VolatilityStatus.INVALID),
    ]
    price, sign, forward, strike, expected = map(np.array, zip(*cases, strict=True))
    found, status = solve(*map(jnp.asarray, (price, sign, forward, strike)))
    np.testing.assert_array_equal(status, expected)
    assert np.all(np.isnan(found))


def test_prices_beyond_any_market_are_solved_or_refused_never_unfinished():
    random = np.random.default_rng(0)
    size = 100_000
    forward = np.exp(random.uniform(-20.0, 20.0, size))
    strike = forward * np.exp(random.choice([0.0, 1e-12, 1e-3, 1.0, 10.0], size))
    strike = np.where(random.random(size) < 0.5, strike, forward * forward / strike)
    sign = random.choice([-1.0, 1.0], size)
    price = np.minimum(forward, strike) * np.exp(-np.exp(random.uniform(-30.0, 6.5, size)))
    price += np.maximum(sign * (forward - strike), 0.0) * (random.random(size) < 0.5)
    found, status = solve(*map(jnp.asarray, (price, sign, forward, strike)))
    assert not np.any(status == VolatilityStatus.NOT_CONVERGED)
    solved = np.asarray(status == VolatilityStatus.CONVERGED)
    assert solved.mean() > 0.5
    assert np.all(np.isfinite(np.asarray(found)[solved]))
    assert np.all(np.asarray(found)[solved] > 0.0)
    assert np.all(np.isnan(np.asarray(found)[~solved]))


CASES = [(1.0, 110.0, 0.2), (1.0, 80.0, 0.3), (-1.0, 60.0, 0.4), (-1.0, 130.0, 1.5)]


@pytest.mark.parametrize(("sign", "strike", "volatility"), CASES)
@pytest.mark.parametrize("argument", [0, 2, 3], ids=["price", "forward", "strike"])
def test_derivatives_agree_with_central_differences(sign, strike, volatility, argument):
    point = [price_of(sign, 100.0, strike, volatility), sign, 100.0, strike]

    def of(x):
        moved = [*point[:argument], x, *point[argument + 1 :]]
        return implied_total_volatility(*(jnp.asarray(y, jnp.float64) for y in moved))[0]

    first, second = jax.grad(of), jax.grad(jax.grad(of))
    step = 1e-4 * point[argument]
    x = point[argument]
    # Error of the difference: the third derivative times step^2 / 6, and 1e-16 / step.
    np.testing.assert_allclose(first(x), (of(x + step) - of(x - step)) / (2 * step), rtol=1e-5)
    np.testing.assert_allclose(
        second(x), (first(x + step) - first(x - step)) / (2 * step), rtol=1e-4
    )


def test_derivative_in_price_is_one_over_vega():
    d1 = np.log(100.0 / 110.0) / 0.2 + 0.1
    vega = 100.0 * np.exp(-0.5 * d1 * d1) / np.sqrt(2.0 * np.pi)
    price = jnp.asarray(100.0 * ndtr(d1) - 110.0 * ndtr(d1 - 0.2))
    slope = jax.grad(
        lambda p: implied_total_volatility(p, *map(jnp.asarray, (1.0, 100.0, 110.0)))[0]
    )
    np.testing.assert_allclose(slope(price), 1.0 / vega, rtol=1e-12)


def test_quotes_without_a_volatility_leave_the_gradient_of_the_others_alone():
    price = jnp.array([5.0, -1.0, 200.0, jnp.nan])
    sign, forward, strike = jnp.ones(4), jnp.full(4, 100.0), jnp.full(4, 110.0)

    def total(price):
        found, status = implied_total_volatility(price, sign, forward, strike)
        return jnp.sum(jnp.where(status == VolatilityStatus.CONVERGED, found, 0.0))

    slope = jax.jit(jax.grad(total))(price)
    assert slope[0] > 0.0
    np.testing.assert_array_equal(slope[1:], 0.0)


def test_single_precision_is_exact_to_its_rounding_times_the_condition():
    sign, forward, strike, volatility = grid()
    price = price_of(sign, forward, strike, volatility).astype(np.float32)
    arguments = [jnp.asarray(x, jnp.float32) for x in (price, sign, forward, strike)]
    found, status = solve(*arguments)
    assert found.dtype == jnp.float32
    solved = np.asarray(status == VolatilityStatus.CONVERGED)
    assert not np.any(status == VolatilityStatus.NOT_CONVERGED)
    # Rounding of the strike moves log-moneyness by 6e-8, and so the price by up to k / v^2 of it.
    k = np.abs(np.log(strike / forward))
    allowed = 2e-6 * (1.0 + condition(sign, forward, strike, volatility))
    allowed *= 1.0 + 1.0 / volatility + 1.0 / np.maximum(k, volatility)
    assert np.mean(solved) > 0.8
    assert np.max((np.abs(np.asarray(found) / volatility - 1.0) / allowed)[solved]) < 1.0
