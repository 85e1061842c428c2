"""Derivatives of American and barrier prices: against QuantLib, and finite in every corner."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxmargin.instruments.formulas_american import american_price
from jaxmargin.instruments.formulas_barrier import barrier_price

SIGNS, LEVELS = [1.0, -1.0], [1e-3, 40.0, 99.0, 100.0, 101.0, 300.0, 1e5]
VOLATILITIES = [0.0, 1e-9, 1e-4, 9.99e-4, 1.001e-3, 0.01, 0.05, 0.6, 3.0, 20.0, 100.0]


def one(function):
    """`function` of arrays as a function of numbers."""
    return lambda *terms, **rest: function(
        *(x[None] for x in terms), **{name: x[None] for name, x in rest.items()}
    )[0]


def american(sign, spot, carry, strike, v, rate_time):
    return one(american_price)(sign, spot, spot * jnp.exp(carry), strike, v, rate_time=rate_time)


def test_american_delta_and_gamma_are_quantlibs():
    """Differences of a high-precision engine, step 0.2 % of the spot: error some 1e-5 and 1e-4."""
    ql = pytest.importorskip("QuantLib", reason="QuantLib is in the extra 'test'")
    random, count = np.random.default_rng(8), 100
    today, actual = ql.Date(1, 1, 2026), ql.Actual365Fixed()
    ql.Settings.instance().evaluationDate = today
    days = random.integers(30, 730, count)
    strike = random.uniform(80.0, 130.0, count)
    sign = np.where(random.random(count) < 0.5, 1.0, -1.0)
    volatility, (rate, dividend) = (
        random.uniform(0.1, 1.2, count),
        random.uniform(0.0, 0.12, (2, count)),
    )

    def price(i, spot):
        def curve(level):
            return ql.YieldTermStructureHandle(ql.FlatForward(today, float(level), actual))

        process = ql.BlackScholesMertonProcess(
            ql.QuoteHandle(ql.SimpleQuote(spot)), curve(dividend[i]), curve(rate[i]),
            ql.BlackVolTermStructureHandle(
                ql.BlackConstantVol(today, ql.NullCalendar(), float(volatility[i]), actual)
            ),
        )  # fmt: skip
        kind = ql.Option.Call if sign[i] > 0.0 else ql.Option.Put
        option = ql.VanillaOption(
            ql.PlainVanillaPayoff(kind, float(strike[i])),
            ql.AmericanExercise(today, today + int(days[i])),
        )
        scheme = ql.QdFpAmericanEngine.highPrecisionScheme()
        option.setPricingEngine(ql.QdFpAmericanEngine(process, scheme))
        return option.NPV()

    low, middle, high = (
        np.array([price(i, s) for i in range(count)]) for s in (99.8, 100.0, 100.2)
    )
    held = low > np.maximum(sign * (99.8 - strike), 0.0) + 0.2  # away from the boundary
    held &= high > np.maximum(sign * (100.2 - strike), 0.0) + 0.2
    years = days / 365.0
    terms = [jnp.asarray(x) for x in (sign, np.full(count, 100.0), (rate - dividend) * years,
             strike, volatility * np.sqrt(years), rate * years)]  # fmt: skip
    delta = np.asarray(jax.jit(jax.vmap(jax.grad(american, 1)))(*terms))
    gamma = np.asarray(jax.jit(jax.vmap(jax.grad(jax.grad(american, 1), 1)))(*terms))
    assert held.sum() > 60
    np.testing.assert_allclose(delta[held], ((high - low) / 0.4)[held], atol=5e-5)
    expected = ((high + low - 2.0 * middle) / 0.04)[held]
    np.testing.assert_allclose(100.0 * gamma[held], 100.0 * expected, atol=5e-4)


@pytest.mark.parametrize("dtype", [jnp.float64, jnp.float32])
def test_american_prices_and_derivatives_are_finite_in_every_corner(dtype):
    rates = [-0.1, -1e-9, 0.0, 1e-9, 0.03, 1.0, 5.0]
    rows = np.array(list(itertools.product(SIGNS, LEVELS, LEVELS, [100.0], VOLATILITIES, rates)))
    rows[:, 2] = np.log(rows[:, 2] / rows[:, 1])
    columns = [jnp.asarray(column, dtype) for column in rows.T]
    assert bool(jnp.isfinite(jax.jit(jax.vmap(american))(*columns)).all())
    for part in jax.jit(jax.vmap(jax.grad(american, (1, 2, 3, 4, 5))))(*columns):
        assert bool(jnp.isfinite(part).all())


@pytest.mark.parametrize("dtype", [jnp.float64, jnp.float32])
def test_barrier_prices_and_derivatives_are_finite_in_every_corner(dtype):
    rows = np.array(
        list(itertools.product(SIGNS, LEVELS, LEVELS, [100.0], VOLATILITIES, [90.0, 120.0], [0, 1]))
    )
    columns = [jnp.asarray(column, dtype) for column in rows.T[:6]]
    down = jnp.asarray(rows[:, 6] > 0.0)

    def price(sign, spot, forward, strike, v, barrier, down):
        return one(barrier_price)(
            sign, spot, forward, strike, v, barrier=barrier, down=down, knock_in=jnp.array(True)
        )

    assert bool(jnp.isfinite(jax.jit(jax.vmap(price))(*columns, down)).all())
    for part in jax.jit(jax.vmap(jax.grad(price, (1, 2, 3, 4, 5))))(*columns, down):
        assert bool(jnp.isfinite(part).all())
