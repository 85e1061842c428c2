import jax
import jax.numpy as jnp
import numpy as np
import pytest
from kinds import kinds_of

from jaxmargin.scenarios import (
    AbstractVolatilityModel,
    EwmaVolatility,
    GarchVolatility,
    filter_variance,
)

MODELS = (
    EwmaVolatility(decay=jnp.asarray(0.94)),
    GarchVolatility(
        omega=jnp.array([2e-6, 1e-5, 5e-5]),
        alpha=jnp.array([0.13, 0.05, 0.0]),
        beta=jnp.array([0.86, 0.9, 0.0]),
    ),
)
by_name = pytest.mark.parametrize("model", MODELS, ids=lambda model: type(model).__name__)
RETURNS = 0.03 * jax.random.normal(jax.random.key(1), (60, 3))


def test_every_model_is_tested_here():
    assert kinds_of(AbstractVolatilityModel) == {type(model) for model in MODELS}


def percent(*values):
    """Squares of `values` in percent, as a row of factors."""
    return jnp.asarray([(value / 100.0) ** 2 for value in values])


def test_the_moving_average_of_hulls_example():
    # Hull, "Options, Futures, and Other Derivatives", estimating volatilities, example of the
    # exponentially weighted moving average: 1 % and a move of 2 % give 1.140175 %.
    after = EwmaVolatility(decay=jnp.asarray(0.9)).next_variance(percent(1.0), percent(2.0))
    assert 100.0 * float(jnp.sqrt(after[0])) == pytest.approx(1.140175, abs=5e-7)


def test_the_garch_of_hulls_example():
    # The same chapter, example of GARCH(1,1): 1.6 % and a move of 1 % give 1.53 %; its long-run
    # variance is 0.0002.
    model = GarchVolatility(jnp.array([2e-6]), jnp.array([0.13]), jnp.array([0.86]))
    after = model.next_variance(percent(1.6), percent(1.0))
    assert float(after[0]) == pytest.approx(0.00023516, abs=1e-12)
    assert 100.0 * float(jnp.sqrt(after[0])) == pytest.approx(1.5335, abs=5e-5)
    long_run = jnp.array([0.0002])
    np.testing.assert_allclose(model.next_variance(long_run, long_run), long_run, rtol=1e-12)


def test_the_first_variance_is_the_mean_square_one_step_on():
    mean = np.mean(np.asarray(RETURNS) ** 2, axis=0)
    ewma, garch = (model.initial_variance(RETURNS**2) for model in MODELS)
    np.testing.assert_allclose(ewma, mean, rtol=1e-14)
    expected = [2e-6 + 0.99 * mean[0], 1e-5 + 0.95 * mean[1], 5e-5]
    np.testing.assert_allclose(garch, expected, rtol=1e-14)


@by_name
def test_the_filter_is_the_plain_loop(model):
    made = filter_variance(model, RETURNS)
    assert made.shape == (61, 3)
    variance = model.initial_variance(RETURNS**2)
    for day in range(60):
        np.testing.assert_allclose(made[day], variance, rtol=1e-14)
        variance = model.next_variance(variance, RETURNS[day] ** 2)
    np.testing.assert_allclose(made[60], variance, rtol=1e-14)


def test_the_filter_of_a_moving_average_is_a_weighted_sum():
    squares = np.asarray(RETURNS) ** 2
    weight = 0.06 * 0.94 ** np.arange(60)[::-1]
    expected = 0.94**60 * squares.mean(axis=0) + weight @ squares
    np.testing.assert_allclose(filter_variance(MODELS[0], RETURNS)[-1], expected, rtol=1e-13)


@by_name
def test_leading_axes_are_paths(model):
    variance = jnp.square(0.02 + 0.01 * jax.random.uniform(jax.random.key(2), (4, 5, 3)))
    square = jnp.square(0.05 * jax.random.normal(jax.random.key(3), (4, 5, 3)))
    made = model.next_variance(variance, square)
    one = model.next_variance(variance[2, 3], square[2, 3])
    np.testing.assert_allclose(made[2, 3], one, rtol=1e-15)


@by_name
def test_one_factor_does_not_touch_another(model):
    moved = RETURNS.at[:, 1].mul(2.0)
    before, after = filter_variance(model, RETURNS), filter_variance(model, moved)
    np.testing.assert_array_equal(before[:, [0, 2]], after[:, [0, 2]])


@by_name
def test_gradients_agree_with_central_differences(model):
    def last(model, returns):
        return 1e4 * jnp.sum(filter_variance(model, returns)[-1])

    slope = jax.grad(last)(model, RETURNS)
    bump = 1e-6
    leaves, shape = jax.tree.flatten(model)
    for k, leaf in enumerate(leaves):
        up, down = (
            jax.tree.unflatten(shape, [*leaves[:k], leaf + side * bump, *leaves[k + 1 :]])
            for side in (1.0, -1.0)
        )
        expected = (last(up, RETURNS) - last(down, RETURNS)) / (2.0 * bump)
        found = jnp.sum(jax.tree.leaves(slope)[k])
        assert float(found) == pytest.approx(float(expected), rel=1e-6)
    day = jax.grad(last, argnums=1)(model, RETURNS)[59, 0]
    up, down = (last(model, RETURNS.at[59, 0].add(side * bump)) for side in (1.0, -1.0))
    assert float(day) == pytest.approx(float((up - down) / (2.0 * bump)), rel=1e-6)
