"""The few numbers that are not zero, side by side, and sums over them."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jaxmargin.numerics import add_tails, aggregate_rows, compact_rows, tail_products

compact = jax.jit(compact_rows, static_argnames="size")


def expected(row, size):
    columns = np.flatnonzero(row)[:size]
    padding = (0, size - columns.size)
    return np.pad(columns, padding), np.pad(row[columns], padding)


@settings(max_examples=40, deadline=None)
@given(
    st.integers(0, 2**32 - 1),
    st.sampled_from([1, 31, 32, 33, 100, 1_024, 2_500]),
    st.sampled_from([0.0, 0.03, 0.5, 1.0]),
    st.sampled_from([1, 7, 40]),
)
def test_they_are_those_of_flatnonzero(seed, columns, share, size):
    random = np.random.default_rng(seed)
    x = np.where(random.random((5, columns)) < share, random.normal(size=(5, columns)), 0.0)
    column, value = compact(jnp.asarray(x), size)
    for row in range(5):
        np.testing.assert_array_equal((column[row], value[row]), expected(x[row], size))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_types_are_kept(dtype):
    column, value = compact(jnp.ones((2, 64), dtype), 3)
    assert column.dtype == jnp.int32 and value.dtype == dtype


def test_sums_over_the_tail_are_those_over_the_whole_row():
    random = np.random.default_rng(3)
    matrix = jnp.asarray(random.normal(size=(50, 200)))
    column = jnp.asarray(random.integers(0, 50, (9, 6)).astype(np.int32))
    factor = jnp.asarray(random.normal(size=(9, 6)))
    weights = np.where(random.random((9, 200)) < 0.04, random.random((9, 200)), 0.0)
    scenario, weight = compact(jnp.asarray(weights), 30)
    products = np.einsum("as,ajs->aj", weights, np.asarray(matrix)[np.asarray(column)])
    np.testing.assert_allclose(
        tail_products(matrix, column, scenario, weight), products, rtol=1e-12, atol=1e-12
    )
    _, pull_back = jax.vjp(lambda m: aggregate_rows(m, column, factor), matrix)
    (whole,) = pull_back(jnp.asarray(weights))
    added = add_tails(jnp.ones_like(matrix), column, factor, scenario, weight)
    np.testing.assert_allclose(added - 1.0, whole, rtol=1e-12, atol=1e-12)
