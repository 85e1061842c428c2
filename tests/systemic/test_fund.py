"""Sizes of default funds against loops over the full table of accounts and scenarios."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxmargin.book import build_positions
from jaxmargin.errors import InvalidInputError
from jaxmargin.systemic import member_exposures, size_fund

ACCOUNTS, CONTRACTS, SCENARIOS, MEMBERS = 150, 12, 7, 5


@pytest.fixture(scope="module")
def case():
    """Accounts of one to many positions, the last one wide, and an account without any."""
    random = np.random.default_rng(3)
    table = random.normal(size=(ACCOUNTS, CONTRACTS)) * (random.random((ACCOUNTS, CONTRACTS)) < 0.3)
    table[4] = 0.0
    table[-1] = 5.0
    account, contract = np.nonzero(table)
    positions = build_positions(account, contract, table[account, contract], accounts=ACCOUNTS)
    pnl = random.normal(size=(CONTRACTS, SCENARIOS))
    resources = random.uniform(0.0, 2.0, ACCOUNTS)
    member = random.integers(0, MEMBERS, ACCOUNTS).astype(np.int32)
    return table, positions, pnl, resources, member


def exposures_by_loop(table, pnl, resources, member, net):
    loss = -table @ pnl
    result = np.zeros((MEMBERS, SCENARIOS))
    for account in range(ACCOUNTS):
        for scenario in range(SCENARIOS):
            beyond = loss[account, scenario] - resources[account]
            result[member[account], scenario] += beyond if net else max(beyond, 0.0)
    return np.maximum(result, 0.0)


@pytest.mark.parametrize("net", [False, True])
def test_exposures_are_those_of_the_full_table(case, net):
    table, positions, pnl, resources, member = case
    found = member_exposures(
        jnp.asarray(pnl), positions, jnp.asarray(resources), member, members=MEMBERS, net=net
    )
    expected = exposures_by_loop(table, pnl, resources, member, net)
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-12)
    assert (expected > 0.0).any()


def test_fund_sizes_are_those_of_a_loop_over_scenarios_and_members(case):
    table, _, pnl, resources, member = case
    exposures = exposures_by_loop(table, pnl, resources, member, net=False)
    weight = np.arange(1.0, SCENARIOS + 1.0)
    sizes = size_fund(jnp.asarray(exposures), jnp.asarray(weight), level=0.8)
    best = dict.fromkeys(("cover_one", "cover_two", "largest_or_next_two"), (-1.0, -1))
    for scenario in range(SCENARIOS):
        ranked = sorted(range(MEMBERS), key=lambda m, s=scenario: -exposures[m, s])[:3]
        first, second, third = (exposures[m, scenario] for m in ranked)
        assert list(sizes.member[:, scenario]) == ranked
        for name, amount in (
            ("cover_one", first),
            ("cover_two", first + second),
            ("largest_or_next_two", max(first, second + third)),
        ):
            best[name] = max(best[name], (amount, scenario), key=lambda pair: pair[0])
    for row, (name, (amount, scenario)) in enumerate(best.items()):
        np.testing.assert_allclose(getattr(sizes, name), amount, rtol=1e-12)
        assert int(sizes.scenario[row]) == scenario
    total = exposures.sum(axis=0)
    np.testing.assert_allclose(sizes.expected, np.average(total, weights=weight), rtol=1e-12)
    mass, tail = 0.2 * weight.sum(), 0.0
    for scenario in np.argsort(-total):
        taken = min(mass, weight[scenario])
        tail, mass = tail + taken * total[scenario], mass - taken
    np.testing.assert_allclose(sizes.tail, tail / (0.2 * weight.sum()), rtol=1e-12)


def test_the_second_and_third_count_together_where_they_exceed_the_largest():
    exposures = jnp.array([[5.0, 9.0], [4.0, 1.0], [3.0, 1.0]])
    sizes = size_fund(exposures, jnp.ones(2))
    assert (sizes.cover_one, sizes.cover_two, sizes.largest_or_next_two) == (9.0, 10.0, 9.0)
    assert list(sizes.scenario) == [1, 1, 1]
    sizes = size_fund(exposures.at[0, 1].set(6.0), jnp.ones(2))
    assert (sizes.cover_one, sizes.cover_two, sizes.largest_or_next_two) == (6.0, 9.0, 7.0)
    assert list(sizes.scenario) == [1, 0, 0]


def test_one_member_without_exposure_needs_no_fund_and_is_not_named():
    sizes = size_fund(jnp.zeros((1, 2)), jnp.ones(2))
    assert float(sizes.cover_two) == 0.0 and (np.asarray(sizes.member) == -1).all()


def test_an_exposure_that_is_not_a_number_leaves_no_size():
    """In one of two scenarios, of either of two members; the sizes of the other stay."""
    for exposures in ([[np.nan, 3.0], [1.0, 2.0]], [[5.0, 3.0], [np.nan, 2.0]]):
        sizes = size_fund(jnp.array(exposures), jnp.ones(2))
        sums = ("cover_one", "cover_two", "largest_or_next_two", "expected", "tail")
        assert all(np.isnan(getattr(sizes, name)) for name in sums), sizes
        np.testing.assert_array_equal(sizes.largest[:, 1], [3.0, 2.0, 0.0])


def test_a_unit_of_margin_of_an_account_beyond_it_saves_the_fund_a_unit(case):
    _, positions, pnl, resources, member = case

    def cover_two(resources):
        exposures = member_exposures(
            jnp.asarray(pnl), positions, resources, member, members=MEMBERS
        )
        return size_fund(exposures, jnp.ones(SCENARIOS)).cover_two

    slope = np.asarray(jax.grad(cover_two)(jnp.asarray(resources)))
    assert set(slope) <= {0.0, -1.0} and (slope == -1.0).any()


def test_a_member_that_does_not_exist_is_refused(case):
    _, positions, pnl, resources, member = case
    with pytest.raises(InvalidInputError, match=r"member must lie in 0 \.\. 1"):
        member_exposures(jnp.asarray(pnl), positions, jnp.asarray(resources), member, members=2)
