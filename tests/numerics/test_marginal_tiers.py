"""Sums over marginal tiers against a plain loop, at their edges and beyond."""

import jax.numpy as jnp
import numpy as np
import pytest

from jaxmargin.numerics import marginal_tiers, upper_edges

UPPER, MULTIPLIER = [10.0, 70.0, 70.0, 170.0], [1.0, 2.0, 9.0, -0.5]  # the third has no width


def by_hand(amount):
    total, below = 0.0, 0.0
    for edge, multiplier in zip(UPPER, MULTIPLIER, strict=True):
        total += multiplier * max(min(amount, edge) - below, 0.0)
        below = edge
    return total


def test_each_part_counts_with_the_multiplier_of_its_tier_and_nothing_beyond_the_last_edge():
    amount = np.array([-3.0, 0.0, 4.0, 10.0, 10.5, 70.0, 100.0, 170.0, 1e9])
    found = marginal_tiers(jnp.asarray(amount), jnp.array(UPPER), jnp.array(MULTIPLIER))
    np.testing.assert_allclose(found, [by_hand(x) for x in amount], rtol=1e-14)


def test_amounts_of_any_shape_take_common_tiers_or_their_own():
    amount = jnp.array([[5.0, 20.0, 100.0], [-1.0, 70.0, 300.0]])
    common = marginal_tiers(amount, jnp.array(UPPER), jnp.array(MULTIPLIER))
    np.testing.assert_allclose(common, np.vectorize(by_hand)(amount), rtol=1e-14)
    own = jnp.array([[[10.0, jnp.inf]], [[50.0, jnp.inf]]])  # one row of tiers per row
    found = marginal_tiers(amount, own, jnp.array([1.0, 3.0]))
    np.testing.assert_allclose(found, [[5.0, 40.0, 280.0], [0.0, 110.0, 800.0]], rtol=1e-14)
    assert marginal_tiers(jnp.array(20.0), own[0, 0], jnp.array([1.0, 3.0])) == pytest.approx(40.0)


def test_upper_edges_are_the_lower_ones_of_the_next_tier():
    found = upper_edges(jnp.array([[0.0, 10.0, 20.0], [0.0, 5.0, 5.0]]))
    np.testing.assert_array_equal(found, [[10.0, 20.0, np.inf], [5.0, 5.0, np.inf]])
