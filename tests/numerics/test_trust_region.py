"""The global minimum within a ball against its optimality conditions, many starts, and by hand."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.optimize import minimize

from jaxmargin.numerics import minimize_in_ball

solve = jax.jit(minimize_in_ball)


def problem(size, kind, seed):
    """A random gradient and Hessian with eigenvalues of the given kind."""
    random = np.random.default_rng(seed)
    basis, _ = np.linalg.qr(random.normal(size=(size, size)))
    values = random.uniform(0.1, 3.0, size)
    if kind != "convex":
        values[: (size + 1) // 2] *= -1.0
    gradient = random.normal(size=size)
    if kind == "hard":  # nothing along the lowest eigenvector, and little along the others
        gradient = 0.01 * gradient
        lowest = basis[:, np.argmin(values)]
        gradient = gradient - lowest * (lowest @ gradient)
    if kind == "flat":
        values[0] = 0.0
    return gradient, basis @ np.diag(values) @ basis.T


def assert_optimal(z, gradient, hessian, radius):
    """The conditions of Moré and Sorensen, which only the global minimum satisfies."""
    z, size = np.asarray(z), np.linalg.norm(z)
    lowest = np.linalg.eigvalsh(hessian)[0]
    scale = np.linalg.norm(gradient) + np.linalg.norm(hessian) * radius
    assert size <= radius * (1.0 + 1e-12)
    slope = gradient + hessian @ z
    multiplier = max(-(z @ slope) / size**2, 0.0) if size > radius * (1.0 - 1e-9) else 0.0
    assert np.linalg.norm(slope + multiplier * z) <= 1e-9 * scale
    assert lowest + multiplier >= -1e-9 * np.linalg.norm(hessian)


@pytest.mark.parametrize("kind", ["convex", "indefinite", "hard", "flat"])
@pytest.mark.parametrize("radius", [1e-6, 0.3, 2.0, 1e5])
def test_the_solution_satisfies_the_conditions_of_a_global_minimum(kind, radius):
    for size in range(2, 9):
        gradient, hessian = problem(size, kind, seed=size)
        z = solve(jnp.asarray(gradient), jnp.asarray(hessian), jnp.asarray(radius))
        assert_optimal(z, gradient, hessian, radius)


@pytest.mark.parametrize("kind", ["convex", "indefinite", "hard"])
@pytest.mark.parametrize("size", [2, 4, 8])
def test_no_start_of_a_local_search_finds_less(kind, size):
    gradient, hessian = problem(size, kind, seed=10 + size)
    radius, random = 1.5, np.random.default_rng(size)

    def value(z):
        return gradient @ z + 0.5 * z @ hessian @ z

    least = min(
        minimize(
            value, start * radius / np.linalg.norm(start), method="SLSQP",
            jac=lambda z: gradient + hessian @ z,
            constraints={"type": "ineq", "fun": lambda z: radius**2 - z @ z},
            options={"ftol": 1e-14, "maxiter": 500},
        ).fun
        for start in random.normal(size=(30, size))
    )  # fmt: skip
    z = np.asarray(solve(jnp.asarray(gradient), jnp.asarray(hessian), jnp.asarray(radius)))
    assert value(z) == pytest.approx(least, rel=1e-7)


def test_the_hard_case_by_hand():
    """g = (0, 1), H = diag(-2, 1), r = 1: nu = 2, z = (+-sqrt(8) / 3, -1 / 3)."""
    z = solve(jnp.array([0.0, 1.0]), jnp.diag(jnp.array([-2.0, 1.0])), jnp.asarray(1.0))
    np.testing.assert_allclose(np.abs(z), [np.sqrt(8.0) / 3.0, 1.0 / 3.0], rtol=1e-12)
    assert float(z[1]) < 0.0


@pytest.mark.parametrize("tiny", [1e-100, 1e-18, 1e-9, 1e-4])
def test_almost_the_hard_case_takes_the_side_of_the_gradient(tiny):
    z = solve(jnp.array([tiny, 1.0]), jnp.diag(jnp.array([-2.0, 1.0])), jnp.asarray(1.0))
    np.testing.assert_allclose(z, [-np.sqrt(8.0) / 3.0, -1.0 / 3.0], rtol=4.0 * tiny + 1e-9)


def test_gradients_of_very_different_sizes_do_not_stop_the_iteration():
    for seed in range(20):
        random = np.random.default_rng(seed)
        gradient = 10.0 ** random.uniform(-12.0, 4.0, 6)
        hessian = np.diag(random.normal(size=6) * 10.0 ** random.uniform(-8.0, 3.0, 6))
        radius = float(10.0 ** random.uniform(-3.0, 3.0))
        z = solve(jnp.asarray(gradient), jnp.asarray(hessian), jnp.asarray(radius))
        assert_optimal(z, gradient, hessian, radius)


def test_a_zero_gradient_gives_the_lowest_eigenvector_or_zero():
    zero, radius = jnp.zeros(3), jnp.asarray(2.0)
    convex, saddle = jnp.diag(jnp.array([1.0, 2.0, 3.0])), jnp.diag(jnp.array([1.0, -2.0, 3.0]))
    np.testing.assert_array_equal(solve(zero, convex, radius), 0.0)
    np.testing.assert_allclose(np.abs(solve(zero, saddle, radius)), [0.0, 2.0, 0.0], atol=1e-12)


def test_a_zero_hessian_gives_the_steepest_descent():
    gradient, none = jnp.array([3.0, -4.0]), jnp.zeros((2, 2))
    np.testing.assert_allclose(solve(gradient, none, jnp.asarray(10.0)), [-6.0, 8.0], rtol=1e-12)
    np.testing.assert_array_equal(solve(jnp.zeros(2), none, jnp.asarray(10.0)), 0.0)


def test_a_point_is_its_own_ball():
    gradient, hessian = problem(3, "indefinite", 1)
    z = solve(jnp.asarray(gradient), jnp.asarray(hessian), jnp.asarray(0.0))
    np.testing.assert_array_equal(z, 0.0)


def test_many_problems_at_once_are_those_one_by_one():
    cases = [problem(4, kind, 3) for kind in ("convex", "indefinite", "hard", "flat")]
    gradients, hessians = (jnp.asarray(np.stack(part)) for part in zip(*cases, strict=True))
    radii = jnp.array([0.5, 1.0, 2.0, 4.0])
    together = jax.jit(jax.vmap(minimize_in_ball))(gradients, hessians, radii)
    for found, gradient, hessian, radius in zip(together, gradients, hessians, radii, strict=True):
        np.testing.assert_allclose(found, solve(gradient, hessian, radius), atol=1e-10)
