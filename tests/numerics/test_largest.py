"""The few largest of many rows by insertion, against NumPy's sort."""

import jax.numpy as jnp
import numpy as np

from jaxmargin.numerics import joined_largest, largest, running_largest

X = np.random.default_rng(5).integers(-9, 9, (12, 7)).astype(np.float64)  # with ties


def sorted_down(x):
    return -np.sort(-x, axis=0)


def test_the_largest_are_those_of_a_sort_ties_included():
    np.testing.assert_array_equal(largest(jnp.asarray(X), 4), sorted_down(X)[:4])


def test_running_ones_are_of_the_items_up_to_each_or_from_each_on():
    forward = np.asarray(running_largest(jnp.asarray(X), 3))
    back = np.asarray(running_largest(jnp.asarray(X), 3, reverse=True))
    for i in range(2, 10):
        np.testing.assert_array_equal(forward[i], sorted_down(X[: i + 1])[:3])
        np.testing.assert_array_equal(back[i], sorted_down(X[i:])[:3])
    np.testing.assert_array_equal(forward[0], [X[0], np.full(7, -np.inf), np.full(7, -np.inf)])


def test_two_lists_together_hold_the_largest_of_both():
    first, second = sorted_down(X[:6])[:5], sorted_down(X[6:])[:5]
    joined = joined_largest(jnp.asarray(first), jnp.asarray(second), 4)
    np.testing.assert_array_equal(sorted_down(np.asarray(joined)), sorted_down(X)[:4])
