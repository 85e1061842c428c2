"""Largest values within balls against exact solutions, closed forms and dense grids."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from reference import oracle

from jaxmargin.numerics import ball_starts, maximize_in_ball, minimize_in_ball, reach_in_ball

KEY = jax.random.key(4)


def largest(function, radius, components, *, starts=None, iterations=500):
    radius = jnp.asarray(radius)

    @jax.jit
    def search(radius):
        points = ball_starts(function, radius, KEY, components=components, random=16)
        points = points if starts is None else starts
        return maximize_in_ball(function, radius, points, iterations=iterations)

    return search(radius)


def reach(function, amount, components, *, upto=10.0):
    def search(amount, upto):
        return reach_in_ball(
            function, amount, upto, KEY, components=components, random=16, iterations=500
        )

    return jax.jit(search)(jnp.asarray(amount), jnp.asarray(upto))


def quadratic(size, seed):
    """A random slope and an indefinite matrix, and their quadratic function."""
    random = np.random.default_rng(seed)
    matrix = random.normal(size=(size, size))
    slope, matrix = jnp.asarray(random.normal(size=size)), jnp.asarray(matrix + matrix.T)
    return slope, matrix, lambda z: slope @ z + 0.5 * jnp.dot(z, matrix @ z)


def linear_case():
    """The case of the oracle: the loss, its slope, a root of the covariance, and the mean."""
    file = oracle("backtest/es_var_analytic.json")
    case, found = file["elliptical_euler_case"], file["mahalanobis_maxloss_linear"]
    holding, mean = jnp.array(case["x"]), jnp.array(case["mu"])
    root = jnp.linalg.cholesky(jnp.array(case["Sigma"]))
    return found, root, mean, lambda z: -jnp.dot(holding, mean + root @ z)


def test_a_linear_loss_has_its_published_maximum():
    found, root, mean, loss = linear_case()
    best = largest(loss, found["radius"], 3)
    np.testing.assert_allclose(best.value, found["max_loss"], rtol=1e-12)
    moves = mean + root @ best.point
    np.testing.assert_allclose(moves, found["worst_factor_move"], rtol=1e-6)
    assert bool(best.converged) and bool(best.finite)
    assert float(best.spread) < 1e-9


def test_a_linear_loss_is_reached_at_its_published_radius():
    found, _, _, loss = linear_case()
    ball = reach(loss, 100.0, 3)
    expected = found["reverse: smallest radius for loss 100"]
    np.testing.assert_allclose(jnp.linalg.norm(ball.maximum.point), expected, rtol=1e-9)
    assert bool(ball.reached) and bool(ball.maximum.converged)


@pytest.mark.parametrize("size", [2, 5, 9])
@pytest.mark.parametrize("seed", [1, 2])
def test_random_starts_alone_find_the_global_maximum_of_quadratics(size, seed):
    slope, matrix, function = quadratic(size, seed)
    exact = function(minimize_in_ball(-slope, -matrix, jnp.asarray(1.5)))
    starts = jax.random.normal(KEY, (40, size))
    best = largest(function, 1.5, size, starts=starts)
    np.testing.assert_allclose(best.value, exact, rtol=1e-9)
    assert bool(best.converged)


@pytest.mark.parametrize("size", [2, 14])
def test_the_radius_that_reaches_a_quadratics_maximum_is_its_own(size):
    slope, matrix, function = quadratic(size, seed=size)
    exact = function(minimize_in_ball(-slope, -matrix, jnp.asarray(2.0)))
    ball = reach(function, exact, size)
    np.testing.assert_allclose(jnp.linalg.norm(ball.maximum.point), 2.0, rtol=1e-8)
    np.testing.assert_allclose(ball.maximum.value, exact, rtol=1e-8)


def test_a_function_with_many_hills_has_the_maximum_of_a_dense_grid():
    def hills(z):
        return jnp.sin(3.0 * z[0]) * jnp.cos(2.0 * z[1]) + 0.1 * z[0] - 0.05 * z[1] ** 2

    best = largest(hills, 3.0, 2)
    axis = np.linspace(-3.0, 3.0, 1201)
    x, y = np.meshgrid(axis, axis)
    inside = x**2 + y**2 <= 9.0
    highest = np.max((np.sin(3 * x) * np.cos(2 * y) + 0.1 * x - 0.05 * y**2)[inside])
    assert highest <= float(best.value) <= highest + 1e-4
    assert float(best.spread) > 0.1


def test_a_hill_inside_the_ball_is_found_at_its_top():
    top = jnp.array([0.3, -0.2, 0.1])
    best = largest(lambda z: jnp.exp(-jnp.sum(jnp.square(z - top))), 2.0, 3)
    np.testing.assert_allclose(best.point, top, atol=1e-6)
    np.testing.assert_allclose(best.value, 1.0, rtol=1e-12)
    assert bool(best.converged)
    # It is one half on a sphere around the top with radius sqrt(ln 2), which leaves out zero here.
    near = reach(lambda z: jnp.exp(-jnp.sum(jnp.square(z - 4.0 * top))), 0.5, 3)
    expected = 4.0 * np.linalg.norm(top) - np.sqrt(np.log(2.0))
    np.testing.assert_allclose(jnp.linalg.norm(near.maximum.point), expected, rtol=1e-8)


def test_more_than_64_components_do_without_second_derivatives():
    best = largest(lambda z: jnp.sum(z) - jnp.sum(jnp.square(z)), 2.0, 70)
    np.testing.assert_allclose(best.point, np.full(70, 2.0 / np.sqrt(70.0)), rtol=1e-5)


def test_a_value_at_the_center_is_reached_with_no_move():
    ball = reach(lambda z: 3.0 + z[0], 3.0, 2)
    np.testing.assert_array_equal(ball.maximum.point, 0.0)
    assert bool(ball.reached) and bool(ball.maximum.converged)


def test_a_value_beyond_the_largest_ball_is_not_reached_and_its_best_is_given():
    ball = reach(lambda z: 3.0 * z[0] - 4.0 * z[1], 51.0, 2)
    np.testing.assert_allclose(ball.maximum.value, 50.0, rtol=1e-12)
    assert not bool(ball.reached)
    assert bool(reach(lambda z: 3.0 * z[0] - 4.0 * z[1], 49.9, 2).reached)


def test_too_few_iterations_and_kinks_say_that_they_did_not_converge():
    _, _, function = quadratic(9, 3)
    starts = jax.random.normal(KEY, (4, 9))
    assert not bool(largest(function, 1.5, 9, starts=starts, iterations=2).converged)
    roof = largest(lambda z: -jnp.abs(z[0] - 0.3) - jnp.abs(z[1]), 1.0, 2)
    assert not bool(roof.converged)


def test_a_jump_at_the_center_does_not_end_the_search_early():
    def jump(z):
        return z[0] + 0.3 * z[2] + 1e-3 * jnp.tanh(1e15 * z[1])

    assert float(largest(jump, 1.0, 3).value) >= np.sqrt(1.09) + 1e-3 - 1e-6


def test_a_function_that_is_not_finite_everywhere_says_so():
    best = largest(lambda z: jnp.log(0.5 + z[0]), 1.0, 2)
    assert not bool(best.finite)
    assert not bool(reach(lambda z: jnp.log(0.5 + z[0]), 0.1, 2).maximum.finite)


def test_a_constant_function_is_converged_everywhere():
    best = largest(lambda z: 2.0 + 0.0 * z[0], 1.0, 2)
    assert float(best.value) == 2.0 and float(best.spread) == 0.0
    assert bool(best.converged) and bool(best.finite)


def test_single_precision_finds_the_same():
    slope, matrix, _ = quadratic(5, 6)
    exact = minimize_in_ball(-slope, -matrix, jnp.asarray(1.5))
    slope32, matrix32 = slope.astype(jnp.float32), matrix.astype(jnp.float32)
    best = largest(lambda z: slope32 @ z + 0.5 * jnp.dot(z, matrix32 @ z), np.float32(1.5), 5)
    assert best.point.dtype == jnp.float32 and bool(best.converged)
    np.testing.assert_allclose(best.value, slope @ exact + 0.5 * exact @ matrix @ exact, rtol=1e-5)
