import numpy as np
import pytest

from jaxmargin.errors import InvalidInputError
from jaxmargin.numerics import _nearest_correlation, nearest_correlation

HIGHAM = np.array([[1.0, 1.0, 0.0], [1.0, 1.0, 1.0], [0.0, 1.0, 1.0]])


def random_matrix(size, seed):
    entries = np.random.default_rng(seed).uniform(-1.0, 1.0, (size, size))
    matrix = np.triu(entries, 1)
    return matrix + matrix.T + np.eye(size)


def test_the_example_of_higham_has_its_published_solution():
    nearest, distance = nearest_correlation(HIGHAM)
    # Higham (2002), page 334: 0.7607, 0.1573 and 0.5278.
    np.testing.assert_allclose(nearest[[0, 1, 0], [1, 2, 2]], [0.7607, 0.7607, 0.1573], atol=5e-5)
    assert distance == pytest.approx(0.5278, abs=5e-5)
    # By hand: the solution is singular, so with x next to the diagonal the corner is 2x^2 - 1, and
    # the least of 4 (1 - x)^2 + 2 (2x^2 - 1)^2 solves 4x^3 - x - 1 = 0.
    x = float(np.roots([4.0, 0.0, -1.0, -1.0]).real.max())
    np.testing.assert_allclose(nearest[[0, 0], [1, 2]], [x, 2.0 * x * x - 1.0], atol=1e-9)


def test_the_example_of_nag_has_its_printed_solution():
    # NAG C Library, Mark 26.2, example results of g02aac; it first sets the diagonal of its
    # input, 2, to one.
    nearest, _ = nearest_correlation(np.eye(4) - np.eye(4, k=1) - np.eye(4, k=-1))
    expected = [
        [1.00000, -0.80841, 0.19159, 0.10678],
        [-0.80841, 1.00000, -0.65623, 0.19159],
        [0.19159, -0.65623, 1.00000, -0.80841],
        [0.10678, 0.19159, -0.80841, 1.00000],
    ]
    np.testing.assert_allclose(nearest, expected, atol=5e-6)


@pytest.mark.parametrize(("size", "seed"), [(5, 1), (30, 2), (30, 3), (80, 4)])
def test_the_solution_satisfies_the_optimality_conditions(size, seed):
    matrix = random_matrix(size, seed)
    nearest, distance = nearest_correlation(matrix)
    # Higham (2002), theorem 2.4: optimal if and only if X - A = diag(y) + S with S positive
    # semidefinite and S X = 0. As X has a unit diagonal, y = diag((X - A) X).
    gap = nearest - matrix
    rest = gap - np.diag(np.diag(gap @ nearest))
    assert np.linalg.eigvalsh(rest)[0] > -1e-8
    assert np.abs(rest @ nearest).max() < 1e-8
    assert distance == pytest.approx(np.sqrt(np.sum(gap**2)), rel=1e-12)


@pytest.mark.parametrize("size", [3, 30, 120])
def test_the_solution_is_a_correlation_matrix_with_a_cholesky_factor(size):
    nearest, _ = nearest_correlation(random_matrix(size, size))
    np.testing.assert_array_equal(nearest, nearest.T)
    np.testing.assert_array_equal(np.diag(nearest), 1.0)
    assert np.linalg.eigvalsh(nearest)[0] >= -1e-12
    np.linalg.cholesky(nearest + 1e-12 * np.eye(size))


def test_a_correlation_matrix_stays_as_it_is():
    given = np.asarray(np.corrcoef(np.random.default_rng(5).normal(size=(12, 40))))
    given = 0.5 * (given + given.T)
    np.fill_diagonal(given, 1.0)
    nearest, distance = nearest_correlation(given)
    np.testing.assert_array_equal(nearest, given)
    assert distance == 0.0


def test_perfect_correlation_stays_as_it_is():
    nearest, distance = nearest_correlation(np.ones((6, 6)))
    np.testing.assert_array_equal(nearest, 1.0)
    assert distance == 0.0


def test_a_solution_is_its_own_solution():
    first, _ = nearest_correlation(random_matrix(30, 6))
    again, distance = nearest_correlation(first)
    np.testing.assert_array_equal(again, first)
    assert distance == 0.0


@pytest.mark.parametrize(
    ("entry", "value", "words"),
    [
        ((0, 1), np.nan, "must be finite; 1 of its entries"),
        ((0, 1), 0.9, "must be symmetric"),
        ((2, 2), 1.01, "ones on its diagonal"),
    ],
)
def test_other_matrices_are_refused(entry, value, words):
    matrix = HIGHAM.copy()
    matrix[entry] = value
    with pytest.raises(InvalidInputError, match=words):
        nearest_correlation(matrix)


def test_an_iteration_that_does_not_end_is_an_error(monkeypatch):
    monkeypatch.setattr(_nearest_correlation, "_STEPS", 1)
    with pytest.raises(InvalidInputError, match="the diagonal is off by"):
        nearest_correlation(random_matrix(30, 7))
