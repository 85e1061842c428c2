"""Measures of all accounts in one pass, and their derivatives, against whole tables."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from kinds import MEASURES

from jaxmargin.book import FEW_SLOTS, Positions, build_positions
from jaxmargin.risk import ExpectedShortfall, ValueAtRisk, WorstCase, estimate_risk

CONTRACTS, SCENARIOS, ACCOUNTS = 240, 300, 25
SEVERAL = (ExpectedShortfall(0.9), ValueAtRisk(0.95), WorstCase(), ExpectedShortfall(0.975))
ONE = jnp.ones(())


def table(seed=0):
    return jax.random.t(jax.random.key(seed), 4.0, (CONTRACTS, SCENARIOS))


def weights(kind):
    """Equal ones, unequal ones, and some that are zero."""
    drawn = np.random.default_rng(5).uniform(0.2, 3.0, SCENARIOS)
    drawn[::7] = 0.0 if kind == "some zero" else drawn[::7]
    return jnp.ones(SCENARIOS) if kind == "equal" else jnp.asarray(drawn)


def holdings(*, dense=True):
    """Accounts of very different size, the last a market maker: blocks of 10, 40 and all."""
    random = np.random.default_rng(2)
    few = ACCOUNTS // 2
    sizes = [*random.integers(1, 11, few), *random.integers(31, 41, ACCOUNTS - few - 1)]
    sizes.append(200 if dense else 30)
    instrument = [random.choice(CONTRACTS, size, replace=False) for size in sizes]
    account = np.repeat(np.arange(ACCOUNTS), sizes)
    quantity = random.normal(size=account.size)
    matrix = np.zeros((ACCOUNTS, CONTRACTS))
    matrix[account, np.concatenate(instrument)] = quantity
    built = build_positions(account, np.concatenate(instrument), quantity, accounts=ACCOUNTS)
    return built, jnp.asarray(matrix)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_a_wider_block_shared_with_others_leaves_every_bit_of_a_measure(dtype):
    random = np.random.default_rng(3)
    sizes = np.array([2, 9, 10, 11, 19, 20, 12, 1, 21, 30, 26, 119, 85])
    account = np.repeat(np.arange(sizes.size), sizes)
    instrument = np.concatenate([random.choice(CONTRACTS, size, replace=False) for size in sizes])
    held = (account, instrument, random.normal(size=account.size))
    apart = build_positions(*held, accounts=sizes.size)
    shared = build_positions(*held, accounts=sizes.size, few_slots=FEW_SLOTS)
    assert (len(apart.blocks), len(shared.blocks)) == (4, 2)
    pnl, weight = table().astype(dtype), weights("unequal").astype(dtype)
    cast = [
        jax.tree.map(lambda leaf: leaf.astype(dtype) if leaf.dtype == float else leaf, held)
        for held in (apart, shared)
    ]
    one, other = (estimate_risk(SEVERAL[:1], pnl, held, weight, overlap=ONE) for held in cast)
    for ours, theirs in zip(jax.tree.leaves(one), jax.tree.leaves(other), strict=True):
        np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize("kind", ["equal", "unequal", "some zero"])
def test_all_measures_are_those_of_the_whole_table(kind):
    positions, matrix = holdings()
    weight = weights(kind)
    estimate = estimate_risk(SEVERAL, table(), positions, weight, overlap=4.0 * ONE)
    pnl = matrix @ table()
    for column, measure in enumerate(SEVERAL):
        shares = measure.weights(pnl, weight)
        expected = (
            measure(pnl, weight),
            2.0 * measure.standard_error(pnl, weight, shares),
            measure.tail_count(weight, shares) / 4.0,
        )
        found = (estimate.value, estimate.standard_error, estimate.tail_count)
        for ours, theirs in zip(found, expected, strict=True):
            np.testing.assert_allclose(ours[:, column], theirs, rtol=1e-9)
    possible = np.where(np.asarray(weight) > 0.0, pnl, np.inf)
    np.testing.assert_array_equal(estimate.worst_scenario, possible.argmin(axis=1))


@pytest.mark.parametrize(
    ("measures", "kind"),
    [*[((m,), "some zero") for m in MEASURES], (SEVERAL, "equal"), (SEVERAL, "unequal")],
)
def test_derivatives_are_those_of_the_whole_table(measures, kind):
    positions, matrix = holdings()
    weight = weights(kind)
    cotangent = jax.random.normal(jax.random.key(9), (ACCOUNTS, len(measures)))

    def streamed(quantities, pnl):
        held = with_quantities(positions, quantities)
        value = estimate_risk(measures, pnl, held, weight, overlap=ONE).value
        return jnp.sum(cotangent * value)

    def whole(matrix, pnl):
        values = [measure(matrix @ pnl, weight) for measure in measures]
        return jnp.sum(cotangent * jnp.stack(values, axis=-1))

    quantities = [block.quantity for block in positions.blocks]
    by_quantity, by_pnl = jax.grad(streamed, argnums=(0, 1))(quantities, table())
    by_matrix, by_table = jax.grad(whole, argnums=(0, 1))(matrix, table())
    np.testing.assert_allclose(by_pnl, by_table, rtol=1e-9, atol=1e-11)
    slopes = with_quantities(positions, by_quantity)
    for account in range(ACCOUNTS):
        instrument, _ = positions.of(account)
        np.testing.assert_allclose(
            slopes_of(positions, slopes, account),
            by_matrix[account, instrument],
            rtol=1e-9,
            atol=1e-11,
        )


def with_quantities(positions, quantities):
    blocks = [
        type(block)(**{**vars(block), "quantity": quantity})
        for block, quantity in zip(positions.blocks, quantities, strict=True)
    ]
    return Positions(tuple(blocks), positions.row)


def slopes_of(positions, slopes, account):
    """Slopes of the slots that an account uses."""
    row = int(positions.row[account])
    for block, slope in zip(positions.blocks, slopes.blocks, strict=True):
        if row < block.rows:
            return np.asarray(slope.quantity[row])[np.asarray(block.quantity[row]) != 0.0]
        row -= block.rows
    raise AssertionError


def test_more_equal_losses_at_the_edge_than_are_told_apart_give_a_derivative_between_theirs():
    """Twenty scenarios with the same loss of a spread whose legs differ between them."""
    legs = np.zeros((2, 40))
    legs[:, :20] = np.stack([np.arange(20.0), -np.arange(20.0) - 5.0])
    legs[:, 20:] = 1.0
    positions = build_positions(np.zeros(2, int), np.arange(2), np.ones(2), accounts=1)

    def value(quantity):
        held = with_quantities(positions, [quantity])
        risk = estimate_risk(
            (ExpectedShortfall(0.75),), jnp.asarray(legs), held, jnp.ones(40), overlap=ONE
        )
        return risk.value[0, 0]

    quantity = positions.blocks[0].quantity
    assert float(value(quantity)) == 5.0
    slope = np.asarray(jax.grad(value)(quantity))[0, :2]
    assert -19.0 <= slope[0] <= 0.0 and 5.0 <= slope[1] <= 24.0
    np.testing.assert_allclose(slope.sum(), 5.0, rtol=1e-12)  # Euler: the parts are the whole


def test_derivatives_within_a_jit_are_the_same():
    positions, _ = holdings()

    def total(pnl, weight):
        return jnp.sum(estimate_risk(SEVERAL[:2], pnl, positions, weight, overlap=ONE).value)

    outside = jax.grad(total)(table(), weights("unequal"))
    inside = jax.jit(jax.grad(total))(table(), weights("unequal"))
    np.testing.assert_allclose(inside, outside, rtol=1e-9, atol=1e-12)
