"""Counter-based normals: distribution, reach, and the published bits of threefry."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.stats

from jaxmargin.errors import InvalidInputError
from jaxmargin.numerics import standard_normals
from jaxmargin.numerics._standard_normals import _normal_of


def test_every_word_becomes_its_quantile():
    """Tail probability (k + 1/2) / 2^32 of one side, from the middle to the last of 2^31."""
    size = np.unique(
        np.concatenate([2 ** np.arange(31), [0, 3, 2**31 - 1], 2**30 + 2 ** np.arange(29)])
    )
    exact = scipy.stats.norm.isf((size + 0.5) * 2.0**-32)
    made = np.asarray(_normal_of(jnp.asarray(size, jnp.uint32)))
    near = exact < 5.3  # which one in 8 million words exceeds
    np.testing.assert_allclose(made[near], -exact[near], rtol=3e-7, atol=3e-7)
    np.testing.assert_allclose(made, -exact, rtol=4e-4, atol=1e-9)
    np.testing.assert_array_equal(_normal_of(jnp.asarray(size + 2**31, jnp.uint32)), -made)
    assert 6.2 < exact.max() < 6.4


def test_normals_are_normal_and_independent():
    made = np.asarray(standard_normals(jax.random.key(4), 4, 250_000, jnp.float64))
    assert made.dtype == np.float64
    assert scipy.stats.kstest(made.ravel(), "norm").pvalue > 1e-3
    np.testing.assert_allclose(np.corrcoef(made), np.eye(4), atol=4.0 / 500.0)
    lagged = np.mean(made[0, 1:] * made[0, :-1])
    assert abs(lagged) < 4.0 / 500.0
    assert abs(np.mean(made**4) - 3.0) < 4.0 * np.sqrt(96.0 / 1e6)


def test_bits_are_those_of_the_published_generator():
    """Threefry-2x32, 20 rounds: known answer of Random123 for key 0 and counter 0."""
    key = jax.random.wrap_key_data(jnp.zeros(2, jnp.uint32))
    words = jax.extend.random.threefry_2x32(jax.random.key_data(key), jnp.zeros(2, jnp.uint32))
    np.testing.assert_array_equal(words, np.array([0x6B200159, 0x99BA4EFE], np.uint32))


def test_keys_differ_and_too_many_are_refused():
    first, second = (standard_normals(jax.random.key(k), 2, 9, jnp.float32) for k in (0, 1))
    assert first.dtype == jnp.float32 and not np.array_equal(first, second)
    with pytest.raises(InvalidInputError, match="more than 2\\^32 - 1 random numbers"):
        standard_normals(jax.random.key(0), 1000, 5_000_000, jnp.float32)
