import jax
import jax.numpy as jnp
import numpy as np

from jaxmargin.numerics import minimize_squares

TINY = jnp.asarray(1e-14)


def rosenbrock(x):
    return jnp.stack([10.0 * (x[1] - x[0] ** 2), 1.0 - x[0]])


def test_the_minimum_of_rosenbrock_is_found_from_the_classical_start():
    fit = minimize_squares(rosenbrock, jnp.array([-1.2, 1.0]), steps=60, negligible=TINY)
    np.testing.assert_allclose(fit.parameters, [1.0, 1.0], rtol=1e-10)
    assert fit.converged


def test_a_line_through_three_points_has_the_closed_form_of_regression():
    x, y = np.array([0.0, 1.0, 2.0]), np.array([1.0, 2.0, 4.0])
    fit = minimize_squares(
        lambda p: p[0] + p[1] * jnp.asarray(x) - jnp.asarray(y),
        jnp.zeros(2),
        steps=40,
        negligible=TINY,
    )
    # Slope 3/2, intercept 5/6, squares 1/6 by hand.
    np.testing.assert_allclose(fit.parameters, [5.0 / 6.0, 1.5], rtol=1e-8)
    np.testing.assert_allclose(fit.cost, 1.0 / 6.0, rtol=1e-12)
    assert fit.converged


def test_too_few_steps_are_confessed():
    fit = minimize_squares(rosenbrock, jnp.array([-1.2, 1.0]), steps=11, negligible=TINY)
    assert not fit.converged


def test_steps_out_of_the_domain_are_refused():
    def residual(x):
        return jnp.sqrt(x) - 0.01  # NaN below zero, where the first step would lead

    fit = minimize_squares(residual, jnp.array([4.0]), steps=60, negligible=TINY)
    np.testing.assert_allclose(fit.parameters, [1e-4], rtol=1e-6)


def test_a_parameter_without_effect_stays_where_it_is():
    fit = minimize_squares(
        lambda p: jnp.stack([p[0] - 3.0, 0.0 * p[1]]), jnp.ones(2), steps=40, negligible=TINY
    )
    np.testing.assert_allclose(fit.parameters, [3.0, 1.0], rtol=1e-10)


def test_many_problems_are_solved_at_once():
    def solve(target):
        return minimize_squares(
            lambda p: jnp.exp(p) - target, jnp.zeros(2), steps=40, negligible=TINY
        )

    targets = jnp.array([[1.0, 2.0], [3.0, 0.5], [10.0, 0.1]])
    np.testing.assert_allclose(jax.vmap(solve)(targets).parameters, np.log(targets), atol=1e-10)
