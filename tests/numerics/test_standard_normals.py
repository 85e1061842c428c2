"""Counter-based normals: distribution, reach, and the published bits of threefry."""

import jax
import jax.extend.random
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.stats

from jaxmargin.errors import InvalidInputError
from jaxmargin.numerics import standard_normals
from jaxmargin.numerics._standard_normals import _normal_of, _threefry


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
    """Threefry-2x32, 20 rounds: the known answers of the Random123 library."""
    ones = np.uint32(0xFFFFFFFF)
    for key, counter, expected in (
        ((0, 0), (0, 0), (0x6B200159, 0x99BA4EFE)),
        ((ones, ones), (ones, ones), (0x1CB996FC, 0xBB002BE7)),
        ((0x13198A2E, 0x03707344), (0x243F6A88, 0x85A308D3), (0xC4923A9C, 0x483DF7A0)),
    ):
        made = _threefry(
            jnp.array(key, jnp.uint32), *(jnp.array([word], jnp.uint32) for word in counter)
        )
        assert [int(word[0]) for word in made] == list(expected)


def test_bits_are_those_that_jax_draws():
    key = jax.random.key_data(jax.random.key(11))
    count = jnp.arange(1001, dtype=jnp.uint32)
    own = _threefry(key, count[:500], count[500:1000])
    theirs = jax.extend.random.threefry_2x32(key, count[:1000])
    np.testing.assert_array_equal(jnp.concatenate(own), theirs)
    normal = standard_normals(jax.random.key(11), 8, 125, jnp.float32)
    np.testing.assert_array_equal(normal.reshape(-1), _normal_of(theirs))
    odd = standard_normals(jax.random.key(11), 7, 143, jnp.float32)
    whole = standard_normals(jax.random.key(11), 1, 1002, jnp.float32)
    np.testing.assert_array_equal(odd.reshape(-1), whole[0, :1001])  # the last word is left over


def test_keys_differ_and_too_many_are_refused():
    first, second = (standard_normals(jax.random.key(k), 2, 9, jnp.float32) for k in (0, 1))
    assert first.dtype == jnp.float32 and not np.array_equal(first, second)
    with pytest.raises(InvalidInputError, match="more than 2\\^32 - 1 random numbers"):
        standard_normals(jax.random.key(0), 1000, 5_000_000, jnp.float32)
