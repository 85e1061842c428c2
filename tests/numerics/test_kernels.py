"""Kernels: normal distribution, aggregation, interpolation, sizes."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import ndtr

from jaxmargin.numerics import (
    aggregate_rows,
    bucket_size,
    interpolate_rows,
    normal_cdf,
    normal_pdf,
    slot_width,
)

X = np.concatenate([np.linspace(-37.0, 9.0, 40_001), [0.0, -0.0]])


def test_the_normal_distribution_agrees_with_scipy_in_double_precision():
    mine, theirs = np.asarray(normal_cdf(jnp.asarray(X))), ndtr(X)
    np.testing.assert_allclose(mine, theirs, rtol=0.0, atol=7e-16)
    tail = (X > -20.0) & (X < 0.0)
    np.testing.assert_allclose(mine[tail], theirs[tail], rtol=1e-13)


def test_the_normal_distribution_agrees_with_scipy_in_single_precision():
    x = X.astype(np.float32)
    mine = np.asarray(normal_cdf(jnp.asarray(x)))
    assert mine.dtype == np.float32
    np.testing.assert_allclose(mine, ndtr(x.astype(np.float64)), rtol=0.0, atol=2.2e-7)


def test_the_derivative_of_the_normal_distribution_is_its_density_also_at_zero():
    for x in jnp.array([-3.0, -1e-9, 0.0, 1e-9, 2.0]):
        assert float(jax.grad(normal_cdf)(x)) == float(normal_pdf(x))
    second = float(jax.grad(jax.grad(normal_cdf))(jnp.array(0.7)))
    assert second == pytest.approx(-0.7 * float(normal_pdf(jnp.asarray(0.7))), rel=1e-14)


def test_the_normal_distribution_has_its_limits():
    ends = normal_cdf(jnp.array([-jnp.inf, jnp.inf, -1e300, 1e300]))
    np.testing.assert_array_equal(ends, [0.0, 1.0, 0.0, 1.0])
    assert bool(jnp.isnan(normal_cdf(jnp.array(jnp.nan))))


@pytest.mark.parametrize("slots", [1, 7, 10, 23])
def test_aggregation_equals_a_plain_loop(slots):
    random = np.random.default_rng(slots)
    matrix, column = random.normal(size=(6, 5)), random.integers(0, 6, (4, slots))
    coefficient = random.normal(size=(4, slots))
    expected = np.zeros((4, 5))
    for row in range(4):
        for slot in range(slots):
            expected[row] += coefficient[row, slot] * matrix[column[row, slot]]
    result = aggregate_rows(jnp.asarray(matrix), jnp.asarray(column), jnp.asarray(coefficient))
    np.testing.assert_allclose(result, expected, rtol=1e-13, atol=1e-13)


@pytest.mark.parametrize("padding", [0, 3])
def test_interpolation_equals_numpy_row_by_row(padding):
    nodes, values = np.array([1.0, 2.0, 4.0]), np.array([10.0, 30.0, 20.0])
    x = np.array([0.5, 1.0, 1.25, 2.0, 3.0, 4.0, 9.0])
    rows = [
        np.pad(a, (0, padding), mode="edge")[None, :].repeat(len(x), 0) for a in (nodes, values)
    ]
    result = interpolate_rows(jnp.asarray(x), *(jnp.asarray(row) for row in rows))
    np.testing.assert_allclose(result, np.interp(x, nodes, values), rtol=1e-14)


def test_interpolation_between_single_nodes_is_constant_with_finite_derivative():
    def value(x):
        return interpolate_rows(x[None], jnp.array([[2.0, 2.0]]), jnp.array([[5.0, 5.0]]))[0]

    for x in (1.0, 2.0, 3.0):
        assert float(value(jnp.array(x))) == 5.0 and float(jax.grad(value)(jnp.array(x))) == 0.0


@settings(max_examples=200, deadline=None)
@given(st.integers(0, 10**7))
def test_buckets_hold_what_they_are_for_and_waste_less_than_a_quarter(count):
    size = bucket_size(count)
    assert size >= count and size <= max(8, 1.25 * count + 2)
    assert bucket_size(size) == size
    assert slot_width(count) >= count and slot_width(count) <= max(10, 2 * count)
