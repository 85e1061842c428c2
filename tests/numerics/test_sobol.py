import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.stats import qmc

from jaxmargin.errors import InvalidInputError
from jaxmargin.numerics import sobol_directions, sobol_uniforms
from jaxmargin.numerics._sobol import _scramble, _sobol_integers

KEYS = jax.random.split(jax.random.key(11), 16)


@pytest.mark.parametrize("points", [1, 2, 256, 2048])
def test_unscrambled_points_are_those_of_scipy(points):
    made = _sobol_integers(sobol_directions(40, 11), points)
    expected = qmc.Sobol(40, scramble=False, bits=30).random(points)
    np.testing.assert_array_equal(np.asarray(made) / 2.0**32, expected.T)


def test_more_bits_only_add_directions():
    np.testing.assert_array_equal(sobol_directions(7, 16)[:, :9], sobol_directions(7, 9))


@pytest.mark.parametrize("single", [False, True])
def test_each_dimension_has_one_point_in_each_interval(single):
    directions, points = sobol_directions(50, 10), 1024
    with jax.enable_x64(not single):
        made = np.asarray(sobol_uniforms(directions, KEYS[0], points))
    assert made.dtype == (np.float32 if single else np.float64)
    cells = np.sort((made * points).astype(int), axis=1)
    np.testing.assert_array_equal(cells, np.broadcast_to(np.arange(points), cells.shape))


@pytest.mark.parametrize("rows", range(11))
def test_the_first_two_dimensions_have_one_point_in_each_elementary_interval(rows):
    x, y = np.asarray(sobol_uniforms(sobol_directions(2, 10), KEYS[1], 1024))
    cell = np.floor(x * 2**rows) * 2 ** (10 - rows) + np.floor(y * 2 ** (10 - rows))
    np.testing.assert_array_equal(np.sort(cell), np.arange(1024))


def test_the_ends_of_the_interval_do_not_occur_in_single_precision():
    with jax.enable_x64(False):
        made = sobol_uniforms(sobol_directions(2, 21), KEYS[2], 2**21)
        assert float(made.max()) < 1.0 and float(made.min()) > 0.0
        # The highest and the lowest number that there can be.
        top = (jnp.asarray(2**32 - 1, jnp.uint32) >> 9).astype(jnp.float32)
        assert float((top + 0.5) * 2.0**-23) < 1.0


def test_a_key_decides_all_and_two_keys_differ():
    directions = sobol_directions(5, 8)
    first, again, other = (sobol_uniforms(directions, KEYS[k], 256) for k in (0, 0, 1))
    np.testing.assert_array_equal(first, again)
    assert float(jnp.abs(first - other).mean()) > 0.1


def test_dimensions_are_scrambled_apart():
    twice = np.repeat(sobol_directions(1, 8), 2, axis=0)
    first, second = sobol_uniforms(twice, KEYS[0], 256)
    assert float(jnp.abs(first - second).mean()) > 0.1


def test_scrambling_is_nested():
    """Numbers that agree in their first k bits, and not in the next, still do so afterwards."""
    x = jax.random.bits(KEYS[3], (1, 200), jnp.uint32)
    seed = jax.random.bits(KEYS[4], (2, 1, 1), jnp.uint32)
    for shared in range(31):
        flipped = x ^ np.uint32(1 << (31 - shared)) ^ (x[:, ::-1] >> (shared + 1))
        apart = _scramble(x, seed[0], seed[1]) ^ _scramble(flipped, seed[0], seed[1])
        np.testing.assert_array_equal(jax.lax.clz(apart), shared)


def test_every_point_is_uniform_over_keys():
    directions = sobol_directions(3, 4)
    keys = jax.random.split(jax.random.key(5), 4000)
    made = jax.vmap(lambda key: sobol_uniforms(directions, key, 16))(keys)
    # Of 48 means and 48 variances of 4,000 uniforms each; four standard errors.
    np.testing.assert_allclose(made.mean(0), 0.5, atol=4.0 * np.sqrt(1.0 / 12.0 / 4000.0))
    np.testing.assert_allclose(made.var(0), 1 / 12, atol=4.0 * np.sqrt(1.0 / 180.0 / 4000.0))


def smooth(u):
    """A product over eight dimensions whose mean is one."""
    weight = 1.0 / (1.0 + jnp.arange(8.0))[:, None]
    return jnp.prod(1.0 + weight * (jnp.exp(u) - jnp.e + 1.0), axis=0)


def test_a_smooth_mean_is_far_better_than_by_monte_carlo_and_unbiased():
    directions, points = sobol_directions(8, 12), 4096
    sobol = jax.vmap(lambda key: smooth(sobol_uniforms(directions, key, points)).mean())(KEYS)
    plain = jax.vmap(lambda key: smooth(jax.random.uniform(key, (8, points))).mean())(KEYS)
    error = float(jnp.sqrt(jnp.mean((sobol - 1.0) ** 2)))
    assert 10.0 * error < float(jnp.sqrt(jnp.mean((plain - 1.0) ** 2)))
    assert abs(float(sobol.mean()) - 1.0) < 4.0 * error / np.sqrt(len(KEYS))


def test_the_error_is_about_that_of_the_scrambling_of_scipy():
    directions, points = sobol_directions(8, 10), 1024
    keys = jax.random.split(jax.random.key(6), 100)
    ours = jax.vmap(lambda key: smooth(sobol_uniforms(directions, key, points)).mean())(keys)
    theirs = [smooth(qmc.Sobol(8, rng=k).random(points).T).mean() for k in range(100)]
    ratio = np.sqrt(np.mean((ours - 1.0) ** 2) / np.mean((np.asarray(theirs) - 1.0) ** 2))
    assert ratio < 1.5  # a standard error of the ratio is 0.1


def test_it_is_jittable_with_a_fixed_number_of_points():
    made = jax.jit(sobol_uniforms, static_argnames="points")(sobol_directions(3, 6), KEYS[0], 64)
    np.testing.assert_array_equal(made, sobol_uniforms(sobol_directions(3, 6), KEYS[0], 64))


@pytest.mark.parametrize("points", [0, 3, 100, 128])
def test_other_numbers_of_points_are_refused(points):
    with pytest.raises(InvalidInputError, match="must be a power of two, at most 2\\*\\*6"):
        sobol_uniforms(sobol_directions(2, 6), KEYS[0], points)


@pytest.mark.parametrize("arguments", [(0, 8), (21_202, 8), (2, 0), (2, 27)])
def test_directions_outside_the_table_are_refused(arguments):
    with pytest.raises(InvalidInputError, match="must lie in"):
        sobol_directions(*arguments)
