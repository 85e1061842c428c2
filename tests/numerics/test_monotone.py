import jax.numpy as jnp
import numpy as np
import pytest
from derivatives import assert_jacobians_are_central_differences
from scipy.interpolate import PchipInterpolator

from jaxmargin.numerics import interpolate_rows_monotone, monotone_slopes


def curves():
    random = np.random.default_rng(3)
    nodes = np.cumsum(random.uniform(0.05, 1.0, (6, 9)), axis=1)
    values = random.normal(0.0, 1.0, (6, 9))
    values[1] = np.sort(values[1])
    values[2, 3:6] = values[2, 3]  # flat
    return nodes, values


def interpolate(x, nodes, values):
    slopes = monotone_slopes(jnp.asarray(nodes), jnp.asarray(values))
    return interpolate_rows_monotone(jnp.asarray(x), *map(jnp.asarray, (nodes, values)), slopes)


@pytest.mark.parametrize("share", np.linspace(0.0, 1.0, 41))
def test_within_the_nodes_it_is_the_monotone_cubic_of_scipy(share):
    nodes, values = curves()
    x = nodes[:, 0] + share * (nodes[:, -1] - nodes[:, 0])
    expected = [PchipInterpolator(n, v)(at) for n, v, at in zip(nodes, values, x, strict=True)]
    np.testing.assert_allclose(interpolate(x, nodes, values), expected, rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("held", [1, 2, 3, 6])
def test_padding_changes_nothing(held):
    nodes, values = (x[:, :held] for x in curves())
    padded = [np.pad(x, ((0, 0), (0, 4)), mode="edge") for x in (nodes, values)]
    for share in np.linspace(-0.2, 1.2, 29):
        x = nodes[:, 0] + share * (nodes[:, -1] - nodes[:, 0] + 0.1)
        found = interpolate(x, *padded)
        np.testing.assert_allclose(found, interpolate(x, nodes, values), rtol=1e-13)
        assert np.all(np.isfinite(found))


def test_beyond_the_nodes_it_is_constant():
    nodes, values = curves()
    np.testing.assert_array_equal(interpolate(nodes[:, 0] - 1.0, nodes, values), values[:, 0])
    np.testing.assert_array_equal(interpolate(nodes[:, -1] + 1.0, nodes, values), values[:, -1])


def test_rising_data_give_a_rising_curve():
    nodes, values = (x[1:2] for x in curves())
    x = np.linspace(nodes[0, 0], nodes[0, -1], 500)
    found = interpolate(x, np.repeat(nodes, 500, axis=0), np.repeat(values, 500, axis=0))
    assert np.all(np.diff(found) >= -1e-15)


def test_gradient_in_the_values_agrees_with_central_differences():
    nodes, values = (x[3:] for x in curves())  # flat data have a kink
    x = 0.37 * nodes[:, 2] + 0.63 * nodes[:, 3]
    assert_jacobians_are_central_differences(lambda v: interpolate(x, nodes, v), values)
