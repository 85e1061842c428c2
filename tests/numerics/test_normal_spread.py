"""Two normal tails of equal density at once, against scipy and against one at a time."""

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.special import ndtr

from jaxmargin.numerics import normal_cdf, normal_spread


def case(dtype=np.float64):
    """Black's arguments: all signs, moneyness to 20 and total volatility to 6 deviations."""
    random = np.random.default_rng(2)
    moneyness = np.concatenate([random.normal(0.0, 1.5, 20_000), [0.0, -3.0, 3.0]])
    volatility = np.concatenate([np.exp(random.uniform(-6.0, 1.8, 20_000)), [1.0, 0.1, 0.1]])
    sign = np.where(random.uniform(size=moneyness.size) < 0.5, -1.0, 1.0)
    d1 = moneyness / volatility + 0.5 * volatility
    a, b = np.exp(moneyness), np.ones_like(moneyness)
    return tuple(x.astype(dtype) for x in (a, b, sign * d1, sign * (d1 - volatility)))


def test_it_is_the_difference_of_the_weighted_distributions():
    a, b, x, y = case()
    expected = a * ndtr(x) - b * ndtr(y)
    error = np.abs(np.asarray(normal_spread(*map(jnp.asarray, (a, b, x, y)))) - expected)
    assert (error <= 4e-15 * np.maximum(a, b)).all()


def test_single_precision_is_within_that_of_two_distributions():
    a, b, x, y = (z.astype(np.float64) for z in case(np.float32))
    single = [jnp.asarray(z, jnp.float32) for z in (a, b, x, y)]
    expected = a * ndtr(x) - b * ndtr(y)
    error = np.abs(np.asarray(normal_spread(*single), np.float64) - expected)
    assert (error <= 2e-6 * np.maximum(a, b)).all()


@pytest.mark.parametrize("dtype", [jnp.float32, jnp.float64])
@pytest.mark.parametrize("far", [40.0, 1e10, 1e30])
def test_far_arguments_are_certain_or_impossible(dtype, far):
    one = jnp.ones((2,), dtype)
    x = jnp.array([far, -far], dtype)
    np.testing.assert_array_equal(normal_spread(3.0 * one, one, x, x), [2.0, 0.0])


def test_derivatives_are_those_of_the_parts():
    a, b, x, y = (jnp.asarray(z[:50]) for z in case())

    def parts(a, b, x, y):
        return jnp.sum(a * normal_cdf(x) - b * normal_cdf(y))

    def spread(a, b, x, y):
        return jnp.sum(normal_spread(a, b, x, y))

    # by x and y alone the two differ where a n(x) = b n(y) is left, so along the constraint
    def priced(f, m, v):
        d1 = m / v + 0.5 * v
        return f(jnp.exp(m), jnp.ones_like(m), d1, d1 - v)

    m, v = jnp.linspace(-1.0, 1.0, 21), jnp.linspace(0.1, 1.0, 21)
    for order in (1, 2):
        derive = {1: jax.grad, 2: lambda f, n: jax.grad(lambda *t: jax.grad(f, n)(*t).sum(), n)}[
            order
        ]
        for argument in (0, 1):
            mine = derive(lambda m, v: priced(spread, m, v), argument)(m, v)
            theirs = derive(lambda m, v: priced(parts, m, v), argument)(m, v)
            np.testing.assert_allclose(mine, theirs, rtol=1e-9, atol=1e-11)
    chex.assert_numerical_grads(lambda m: priced(spread, jnp.asarray(m), v), (m,), order=1)
    assert bool(jnp.isfinite(spread(a, b, x, y)))
