"""Concentration limits against hand counts and against linear programs."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from derivatives import assert_jacobians_are_central_differences
from scipy.optimize import linprog

from jaxmargin.collateral import ConcentrationLimits, LimitBasis, limited_value
from jaxmargin.errors import InvalidInputError

AMOUNT, REQUIREMENT, POSTED = LimitBasis
count = jax.jit(limited_value)


def limits(*rules, assets=4):
    """Limits for all accounts: each the assets, the size and its basis."""
    member = np.zeros((len(rules), assets), bool)
    for row, (group, _, _) in enumerate(rules):
        member[row, list(group)] = True
    size = jnp.array([[float(size) for _, size, _ in rules]])
    return ConcentrationLimits(jnp.asarray(member), size, tuple(basis for _, _, basis in rules))


def one(value, *rules, requirement=100.0):
    """What counts of one account's assets."""
    found = count(jnp.array([value]), limits(*rules, assets=len(value)), jnp.array([requirement]))
    return np.asarray(found[0])


def test_the_excess_over_an_amount_counts_nothing():
    np.testing.assert_allclose(one([80.0, 30.0], ([0], 50.0, AMOUNT)), [50.0, 30.0])
    np.testing.assert_allclose(one([40.0, 30.0], ([0], 50.0, AMOUNT)), [40.0, 30.0])


def test_a_group_over_its_limit_shares_it_in_proportion():
    np.testing.assert_allclose(one([60.0, 20.0, 5.0], ([0, 1], 40.0, AMOUNT)), [30.0, 10.0, 5.0])


def test_a_share_of_the_requirement_moves_with_it():
    rule = ([0], 0.3, REQUIREMENT)
    np.testing.assert_allclose(one([80.0, 9.0], rule, requirement=200.0), [60.0, 9.0])
    np.testing.assert_allclose(one([80.0, 9.0], rule, requirement=0.0), [0.0, 9.0])


def test_a_share_of_what_is_posted_is_one_of_what_counts():
    """40 % of the total beside 30: 0.4 / 0.6 x 30 = 20, which is 40 % of 50."""
    np.testing.assert_allclose(one([80.0, 30.0], ([0], 0.4, POSTED)), [20.0, 30.0], rtol=1e-14)
    np.testing.assert_allclose(one([15.0, 30.0], ([0], 0.4, POSTED)), [15.0, 30.0], rtol=1e-14)
    np.testing.assert_allclose(one([80.0, 0.0], ([0], 0.4, POSTED)), [0.0, 0.0], atol=1e-12)
    np.testing.assert_allclose(one([80.0, 30.0], ([0, 1], 1.0, POSTED)), [80.0, 30.0], rtol=1e-14)


def test_three_assets_of_at_most_a_half_each():
    """100, 30 and 20: the first may be half of what counts, so 50 beside 30 and 20."""
    rules = [([asset], 0.5, POSTED) for asset in range(3)]
    np.testing.assert_allclose(one([100.0, 30.0, 20.0], *rules), [50.0, 30.0, 20.0], rtol=1e-13)


def test_narrow_limits_come_before_wide_ones_whatever_their_order():
    rules = [([0, 1, 2], 60.0, AMOUNT), ([0], 10.0, AMOUNT)]
    expected = [10.0 * 60.0 / 90.0, 80.0 * 60.0 / 90.0, 0.0]
    for some in (rules, rules[::-1]):
        np.testing.assert_allclose(one([70.0, 80.0, 0.0], *some), expected, rtol=1e-14)


def test_an_infinite_limit_is_none():
    np.testing.assert_array_equal(
        one([80.0, 30.0], ([0], np.inf, REQUIREMENT), requirement=0.0), [80.0, 30.0]
    )


def test_accounts_may_have_limits_of_their_own():
    own = ConcentrationLimits(jnp.array([[True, False]]), jnp.array([[10.0], [20.0]]), (AMOUNT,))
    found = count(jnp.full((2, 2), 30.0), own, jnp.ones(2))
    np.testing.assert_allclose(found, [[10.0, 30.0], [20.0, 30.0]])


NESTED = ([0], [1], [2], [0, 1], [2, 3], [0, 1, 2, 3])
CROSSING = ([0, 1], [1, 2], [2, 3], [0, 3])


def best(value, groups, sizes, bases, requirement):
    """The most that the limits allow, by a linear program."""
    rows, bounds = [], []
    for group, size, basis in zip(groups, sizes, bases, strict=True):
        row = np.isin(np.arange(5), group).astype(float)
        if basis is POSTED:
            row = row - size
        rows.append(row)
        bounds.append({AMOUNT: size, REQUIREMENT: size * requirement, POSTED: 0.0}[basis])
    solved = linprog(-np.ones(5), rows, bounds, bounds=[(0.0, v) for v in value])
    assert solved.status == 0
    return -solved.fun, np.array(rows), np.array(bounds)


@pytest.mark.parametrize("groups", [NESTED, CROSSING], ids=["nested", "crossing"])
def test_limits_hold_and_nested_ones_count_the_most_possible(groups):
    random = np.random.default_rng(0)
    bases = tuple(list(LimitBasis)[k % 3] for k in range(len(groups)))
    value = random.uniform(0.0, 100.0, (40, 5))
    requirement = random.uniform(50.0, 200.0, 40)
    share = random.uniform(0.05, 0.7, (40, len(groups)))
    size = np.where([basis is AMOUNT for basis in bases], 100.0 * share, share)
    member = np.array([np.isin(np.arange(5), group) for group in groups])
    rules = ConcentrationLimits(jnp.asarray(member), jnp.asarray(size), bases)
    found = np.asarray(count(jnp.asarray(value), rules, jnp.asarray(requirement)))
    assert (found >= 0.0).all() and (found <= value).all()
    binding = 0
    for row in range(40):
        most, rows, bounds = best(value[row], groups, size[row], bases, requirement[row])
        assert (rows @ found[row] <= bounds + 1e-11 * (1.0 + abs(bounds))).all()
        assert found[row].sum() <= most * (1.0 + 1e-9)
        binding += most < value[row].sum() - 1e-9
        if groups is NESTED:
            np.testing.assert_allclose(found[row].sum(), most, rtol=1e-9)
    assert binding > 20  # the test would say nothing if limits did not bind


def test_more_of_an_asset_never_counts_less_where_limits_are_nested():
    random = np.random.default_rng(1)
    rules = limits(
        ([0], 30.0, AMOUNT), ([0, 1], 0.5, REQUIREMENT), ([2], 0.4, POSTED), ([3], 0.3, POSTED)
    )
    value = random.uniform(0.0, 100.0, (200, 4))
    more = value + random.uniform(0.0, 30.0, (200, 4)) * (random.random((200, 4)) < 0.3)
    before, after = (
        np.asarray(count(jnp.asarray(v), rules, jnp.full(200, 80.0)).sum(-1)) for v in (value, more)
    )
    assert (after >= before * (1.0 - 1e-12)).all()


@pytest.mark.parametrize(
    "rules",
    [
        (([0], 30.0, AMOUNT), ([0, 1], 0.5, REQUIREMENT)),
        (([0], 0.4, POSTED), ([0, 1, 2], 200.0, AMOUNT)),
        (([0], 0.4, POSTED), ([1], 0.2, POSTED), ([3], 5.0, AMOUNT)),
    ],
)
def test_derivatives_are_central_differences_by_value_size_and_requirement(rules):
    made = limits(*rules)

    def total(value, size, requirement):
        own = ConcentrationLimits(made.member, size, made.basis)
        return limited_value(value, own, requirement)[0]

    value = jnp.array([[70.0, 40.0, 25.0, 9.0]])
    assert_jacobians_are_central_differences(
        total, value, made.size, jnp.array([120.0]), rtol=1e-5, atol=1e-5
    )


def test_single_precision_breaks_no_limit():
    value = jnp.array([[80.0, 30.0, 7.0, 0.0]], jnp.float32)
    rules = limits(([0], 0.4, POSTED), ([1], 0.3, POSTED))
    single = ConcentrationLimits(rules.member, rules.size.astype(jnp.float32), rules.basis)
    found = np.asarray(count(value, single, jnp.ones(1, jnp.float32)))
    exact = np.asarray(count(value.astype(jnp.float64), rules, jnp.ones(1)))
    np.testing.assert_allclose(found, exact, rtol=1e-5)


def test_numbers_of_limits_that_differ_are_refused():
    with pytest.raises(InvalidInputError, match="one column of size and one basis for each limit"):
        ConcentrationLimits(jnp.ones((2, 3), bool), jnp.ones((1, 2)), (AMOUNT,))
    with pytest.raises(InvalidInputError, match="give None where there is none"):
        ConcentrationLimits(jnp.ones((0, 3), bool), jnp.ones((1, 0)), ())
