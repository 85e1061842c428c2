"""Digital, American and barrier options: identities, limits and derivatives."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jaxmargin.instruments.formulas import black, digital
from jaxmargin.instruments.formulas_american import american_price
from jaxmargin.instruments.formulas_barrier import barrier_price, corrected_barrier

FORWARDS = st.sampled_from([1e-3, 40.0, 99.0, 100.0, 101.0, 300.0, 1e5])
VOLATILITIES = st.sampled_from([0.0, 1e-9, 1e-4, 0.05, 0.6, 3.0, 20.0])


def row(*values):
    return tuple(jnp.atleast_1d(jnp.asarray(value, jnp.float64)) for value in values)


priced_barrier, priced_american = jax.jit(barrier_price), jax.jit(american_price)


def barrier(sign, spot, forward, strike, v, level, down, knock_in):
    return priced_barrier(
        *row(sign, spot, forward, strike, v),
        barrier=jnp.array([level]), down=jnp.array([down]), knock_in=jnp.array([knock_in]),
    )[0]  # fmt: skip


def american(sign, spot, forward, strike, v, rate_time):
    return priced_american(*row(sign, spot, forward, strike, v), rate_time=row(rate_time)[0])[0]


@functools.partial(jax.jit, static_argnums=4)
@functools.partial(jax.grad, argnums=(0, 1, 2))
def derivatives(spot, forward, v, sign, down):
    return (
        barrier(sign, spot, forward, 100.0, v, 90.0, down, True)
        + american(sign, spot, forward, 100.0, v, 0.03)
        + digital(*row(sign, forward, 100.0, v))[0]
    )


def test_a_digital_is_minus_the_slope_of_the_option_in_its_strike():
    for sign in (1.0, -1.0):
        slope = jax.grad(lambda k, s=sign: black(*row(s, 100.0), k[None], *row(0.4))[0])
        for strike in (60.0, 100.0, 140.0):
            price = digital(*row(sign, 100.0, strike, 0.4))[0]
            assert float(price) == pytest.approx(-sign * float(slope(jnp.array(strike))), rel=1e-12)


def test_two_digitals_are_certain():
    both = digital(*row(1.0, 90.0, 100.0, 0.3)) + digital(*row(-1.0, 90.0, 100.0, 0.3))
    np.testing.assert_allclose(both, 1.0, rtol=1e-15)


@settings(max_examples=200, deadline=None)
@given(
    st.sampled_from([1.0, -1.0]), FORWARDS, FORWARDS, VOLATILITIES, st.floats(0.3, 3.0),
    st.booleans(),
)  # fmt: skip
def test_knock_in_and_knock_out_are_the_vanilla_and_neither_is_negative(
    sign, spot, forward, v, level, down
):
    terms = (sign, spot, forward, 100.0, v, level * spot, down)
    inside, outside = barrier(*terms, True), barrier(*terms, False)
    vanilla = float(black(*row(sign, forward, 100.0, v))[0])
    assert float(inside) >= 0.0 and float(outside) >= 0.0
    assert float(inside + outside) == pytest.approx(vanilla, rel=1e-12, abs=1e-12)


@settings(max_examples=100, deadline=None)
@given(st.sampled_from([1.0, -1.0]), FORWARDS, FORWARDS, VOLATILITIES, st.booleans())
def test_derivatives_stay_finite_in_every_corner(sign, spot, forward, v, down):
    gradient = derivatives(*(jnp.asarray(x) for x in (spot, forward, v, sign)), down)
    assert all(bool(jnp.isfinite(part)) for part in gradient)


@pytest.mark.parametrize(
    ("spot", "forward", "down", "knock_in", "expected"),
    [
        (100.0, 120.0, True, False, 20.0),  # rises to 120, never at 90
        (100.0, 120.0, True, True, 0.0),
        (80.0, 120.0, True, False, 0.0),  # already below 90
        (80.0, 120.0, True, True, 20.0),
        (100.0, 120.0, False, True, 20.0),  # passes 110 on the way
        (100.0, 105.0, False, True, 0.0),
    ],
)
def test_without_volatility_the_path_runs_along_the_forwards(
    spot, forward, down, knock_in, expected
):
    level = 90.0 if down else 110.0
    price = barrier(1.0, spot, forward, 100.0, 0.0, level, down, knock_in)
    assert float(price) == pytest.approx(expected, abs=1e-12)


def test_a_discretely_watched_barrier_agrees_with_simulation():
    """Down-and-out call on 50 dates, barrier 2 % below the spot, 200,000 antithetic paths."""
    years, volatility, dates = 0.2, 0.3, 50
    random, step = np.random.default_rng(6), volatility * (years / dates) ** 0.5
    down, level = jnp.array([True]), 98.0
    total = np.zeros(200_000)
    for block in range(10):
        normal = random.standard_normal((10_000, dates))
        path = np.cumsum(np.concatenate([normal, -normal]) * step - 0.5 * step**2, axis=1)
        alive = (100.0 * np.exp(path) > level).all(axis=1)
        payoff = np.maximum(100.0 * np.exp(path[:, -1]) - 100.0, 0.0)
        total[block * 20_000 : (block + 1) * 20_000] = np.where(alive, payoff, 0.0)
    error = total.std() / total.size**0.5
    shifted = float(corrected_barrier(*row(level), down, *row(volatility, years / dates))[0])
    terms = (1.0, 100.0, 100.0, 100.0, volatility * years**0.5)
    corrected = float(barrier(*terms, shifted, True, False))
    continuous = float(barrier(*terms, level, True, False))
    assert abs(corrected - total.mean()) < 4.0 * error
    assert abs(continuous - total.mean()) > 20.0 * error  # so the correction matters


def test_an_american_call_without_yield_is_european():
    price = american(1.0, 100.0, 100.0 * np.exp(0.05), 100.0, 0.4, 0.05)
    european = float(black(*row(1.0, 100.0 * np.exp(0.05), 100.0, 0.4))[0]) * np.exp(-0.05)
    assert float(price) == pytest.approx(european, rel=1e-12)


def test_an_american_put_is_worth_its_exercise_at_least_and_more_than_a_european():
    for spot in (50.0, 90.0, 100.0, 130.0):
        price = float(american(-1.0, spot, spot * np.exp(0.08), 100.0, 0.4, 0.08))
        european = float(black(*row(-1.0, spot * np.exp(0.08), 100.0, 0.4))[0]) * np.exp(-0.08)
        assert price >= max(100.0 - spot, 0.0) and price > european


def test_an_american_option_without_volatility_takes_the_best_date():
    """Put, spot 100 falling to 80: worth 20 discounted at the end, nothing now."""
    price = american(-1.0, 100.0, 80.0, 100.0, 0.0, 0.02)
    assert float(price) == pytest.approx(20.0 * np.exp(-0.02), rel=1e-9)
    assert float(american(1.0, 120.0, 100.0, 100.0, 0.0, 0.0)) == pytest.approx(20.0, rel=1e-9)


def test_american_derivatives_equal_central_differences():
    terms = (95.0, 97.0, 0.35, 0.04)

    def price(spot, forward, v, rate_time):
        return american(-1.0, spot, forward, 100.0, v, rate_time)

    exact = jax.grad(price, argnums=(0, 1, 2, 3))(*(jnp.asarray(x) for x in terms))
    for place in range(4):
        step = 1e-6 * terms[place]
        up, down = (
            [x + (shift if i == place else 0.0) for i, x in enumerate(terms)]
            for shift in (step, -step)
        )
        difference = float(price(*up) - price(*down)) / (2.0 * step)
        assert float(exact[place]) == pytest.approx(difference, rel=1e-6, abs=1e-6)
