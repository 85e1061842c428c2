"""Exact selection of weighted tails, against sorting."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from jaxmargin.numerics import select_tails


@jax.jit
def select(loss, weight, mass):
    """One level, the same for every row."""
    return select_tails(loss, weight, [mass])[0]


def by_sorting(loss, weight, mass):
    """Mass of each scenario within the tail, worst first; equal losses share what is left."""
    inside = np.zeros_like(loss)
    left = mass
    for value in sorted(set(loss[weight > 0.0].tolist()), reverse=True):
        group = (loss == value) & (weight > 0.0)
        taken = min(left, weight[group].sum())
        inside[group] = weight[group] * taken / weight[group].sum()
        left -= taken
        if left <= 0.0:
            break
    return inside


def mass_in_tail(loss, weight, mass):
    tail = select(jnp.asarray(loss)[None, :], jnp.asarray(weight), jnp.asarray(mass))
    return np.asarray(tail.inside + tail.share[:, None] * tail.boundary)[0]


LOSSES = st.one_of(
    st.floats(-1e308, 1e308, allow_subnormal=False),  # the compiler takes subnormals as zero
    st.sampled_from([0.0, -0.0, 1.0, -1.0, 1e-300, -1e-300, 3.0, 3.0000000000000004]),
)


@settings(max_examples=150, deadline=None)
@given(arrays(np.float64, 12, elements=LOSSES), st.integers(1, 120))
def test_the_tail_is_that_of_a_sorted_row(loss, tenths):
    weight, mass = np.ones(12), tenths / 10.0
    np.testing.assert_allclose(
        mass_in_tail(loss, weight, mass), by_sorting(loss, weight, mass), atol=1e-12
    )


@settings(max_examples=100, deadline=None)
@given(
    arrays(np.float64, 9, elements=st.sampled_from([-2.0, -1.0, 0.0, 1.0, 7.0, 1e10])),
    arrays(np.float64, 9, elements=st.sampled_from([0.0, 0.25, 1.0, 3.5])),
    st.floats(0.05, 1.0),
)
def test_weights_and_ties_are_honored_and_zero_weights_ignored(loss, weight, share):
    if weight.sum() == 0.0:
        weight[0] = 1.0
    mass = share * weight.sum()
    np.testing.assert_allclose(
        mass_in_tail(loss, weight, mass), by_sorting(loss, weight, mass), atol=1e-9
    )


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("count", [1, 25, 250])
def test_whole_tails_are_those_of_numpy_for_many_rows(dtype, count):
    loss = np.random.default_rng(count).standard_t(3, (40, 1000)).astype(dtype)
    tail = select(jnp.asarray(loss), jnp.ones(1000, dtype), jnp.asarray(count, dtype))
    chosen = np.asarray(tail.inside + tail.share[:, None] * tail.boundary) > 0.0
    assert (chosen.sum(axis=1) == count).all()
    worst = np.sort(loss, axis=1)[:, -count:]
    for row in range(40):
        np.testing.assert_array_equal(np.sort(loss[row][chosen[row]]), worst[row])


def test_several_levels_at_once_are_those_of_one_at_a_time():
    loss = jnp.asarray(np.random.default_rng(8).standard_t(3, (30, 1_000)))
    weight = jnp.asarray(np.random.default_rng(9).uniform(0.2, 3.0, 1_000))
    masses = jnp.array([10.0, 25.0, 25.0, 400.0])
    together = jax.jit(select_tails)(loss, weight, list(masses))
    for mass, several in zip(masses, together, strict=True):
        jax.tree.map(np.testing.assert_array_equal, several, select(loss, weight, mass))
        by_row = select(loss, weight, jnp.full(30, mass))
        jax.tree.map(np.testing.assert_array_equal, several, by_row)


@pytest.mark.parametrize(
    "draw",
    [
        lambda random: random.standard_cauchy((20, 512)) ** 3,
        lambda random: np.exp(30.0 * random.normal(size=(20, 512))),
        lambda random: np.where(random.random((20, 512)) < 0.98, 0.0, 1e300),
        lambda random: random.normal(size=(20, 512)) * 1e-300 + 1.0,
        lambda random: np.round(random.normal(size=(20, 512)), 1),
        lambda random: -np.exp(-300.0 * random.random((20, 512))),
    ],
    ids=["cubed Cauchy", "lognormal", "two values", "equal after rounding", "ties", "tiny"],
)
def test_far_from_normal_rows_are_exact_too(draw):
    loss = draw(np.random.default_rng(2))
    for mass in (1.0, 5.12, 25.0, 300.5):
        tail = select(jnp.asarray(loss), jnp.ones(512), jnp.asarray(mass))
        held = np.asarray(tail.inside + tail.share[:, None] * tail.boundary)
        for row in range(20):
            expected = by_sorting(loss[row], np.ones(512), mass)
            np.testing.assert_allclose(held[row], expected, atol=1e-9)


def test_padding_that_would_be_the_worst_takes_no_part():
    loss, weight = np.array([1.0, 2.0, 99.0]), np.array([1.0, 1.0, 0.0])
    np.testing.assert_array_equal(mass_in_tail(loss, weight, 1.0), [0.0, 1.0, 0.0])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_zero_and_minus_zero_are_equal_losses_also_when_compiled(dtype):
    loss = np.array([[-1.0, 0.0, -0.0, -5.0, -0.0]], dtype)
    tail = select(jnp.asarray(loss), jnp.ones(5, dtype), jnp.asarray(1.5, dtype))
    np.testing.assert_array_equal(tail.boundary, [[0.0, 1.0, 1.0, 0.0, 1.0]])
    np.testing.assert_allclose(tail.share, [0.5], rtol=1e-6)


def test_the_smallest_numbers_next_to_zero_keep_their_order():
    smallest = np.array([[-5e-324, 0.0, 5e-324, -1e-323]])
    for mass, expected in ((1.0, [0, 0, 1, 0]), (2.0, [0, 1, 1, 0]), (3.0, [1, 1, 1, 0])):
        tail = select(jnp.asarray(smallest), jnp.ones(4), jnp.asarray(mass))
        np.testing.assert_array_equal((tail.inside + tail.boundary)[0], expected)
