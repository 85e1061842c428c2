"""What holds for every add-on.

One book without exotic contracts and every add-on at once: each charge is a component of its name,
so that one program serves them all.
"""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from add_on_kinds import ADD_ONS, ALL, CONVEX_ADD_ONS, RULE
from kinds import INSTRUMENTS, PLAIN, book, kinds_of, market, name

from jaxmargin.book import Book, build_positions
from jaxmargin.margin import kind_of, start_run, update_run
from jaxmargin.margin.add_ons import AbstractAddOn, WrongWayAddOn

SMOOTH = [INSTRUMENTS[i] for i in (0, 1, 2, 3, 10)]  # enough for gradients, which compile slowly
KINDS = [batch for batch in PLAIN if kind_of(batch) in RULE.accepts]
by_number = pytest.mark.parametrize("number", range(len(ADD_ONS)), ids=[name(a) for a in ADD_ONS])


def positions_of(held):
    """Account, instrument and quantity of every position of a book."""
    found = []
    for account in range(held.positions.accounts):
        rows, quantity = held.positions.of(account)
        found += [(account, int(r), float(q)) for r, q in zip(rows, quantity, strict=True)]
    return tuple(np.array(column) for column in zip(*found, strict=True))


HELD = book(20, 5, KINDS)
ACCOUNT, INSTRUMENT, QUANTITY = positions_of(HELD)


def charges(account, instrument, quantity, *, accounts=22, instruments=None):
    """Charge of every add-on, by number."""
    held = Book(
        HELD.instruments if instruments is None else instruments,
        build_positions(account, instrument, quantity, accounts=accounts),
    )
    found = ALL.requirement(held, market()).components
    return [np.asarray(found[add_on.name]) for add_on in ADD_ONS]


@pytest.fixture(scope="module")
def charged():
    """The charges of 20 random accounts and of two without positions."""
    return charges(ACCOUNT, INSTRUMENT, QUANTITY)


def test_every_add_on_has_an_example():
    missing = kinds_of(AbstractAddOn) - {type(add_on) for add_on in ADD_ONS}
    assert not missing, f"add an example to tests/add_on_kinds.py: {missing}"


@by_number
def test_charges_are_not_negative_and_an_account_without_positions_has_none(number, charged):
    assert bool((charged[number] >= 0.0).all()) and charged[number].max() > 0.0
    np.testing.assert_array_equal(charged[number][20:], [0.0, 0.0])


@pytest.fixture(scope="module")
def shuffled():
    random = np.random.default_rng(3)
    order, names = random.permutation(ACCOUNT.size), random.permutation(22)
    found = charges(names[ACCOUNT[order]], INSTRUMENT[order], QUANTITY[order])
    return [each[names] for each in found]


@by_number
def test_the_order_of_positions_and_accounts_is_irrelevant(number, charged, shuffled):
    np.testing.assert_allclose(shuffled[number], charged[number], rtol=1e-11, atol=1e-9)


@pytest.fixture(scope="module")
def doubled():
    return charges(ACCOUNT, INSTRUMENT, 2.0 * QUANTITY)


@by_number
def test_twice_the_positions_cost_twice_or_more_where_it_is_convex(number, charged, doubled):
    if isinstance(ADD_ONS[number], CONVEX_ADD_ONS):
        assert bool((doubled[number] >= 2.0 * charged[number] * (1.0 - 1e-12)).all())
        assert bool((doubled[number] > 2.2 * charged[number]).any())
        return
    np.testing.assert_allclose(doubled[number], 2.0 * charged[number], rtol=1e-12)


@pytest.fixture(scope="module")
def merged():
    """Accounts joined in pairs, beside the sum of their charges."""
    pair = np.stack([ACCOUNT // 2, INSTRUMENT])
    unique, inverse = np.unique(pair, axis=1, return_inverse=True)
    total = np.bincount(inverse.reshape(-1), QUANTITY)
    return charges(unique[0], unique[1], total)


@by_number
def test_accounts_do_not_offset_each_other_but_positions_of_one_do(number, charged, merged):
    """Charges of add-ons that are linear in size are subadditive; an account pays for its own."""
    apart = charged[number][:20].reshape(10, 2).sum(axis=1)
    joined = merged[number][:10]
    if isinstance(ADD_ONS[number], (*CONVEX_ADD_ONS, WrongWayAddOn)):
        assert not np.allclose(joined, apart)  # sizes add up, and what is long meets what is held
        return
    assert bool((joined <= apart * (1.0 + 1e-12) + 1e-9).all())


@pytest.fixture(scope="module")
def cancelled():
    """The same positions, half with one sign and half with the other, in equal contracts."""
    twice = tuple(jax.tree.map(lambda leaf: jnp.tile(leaf, 2), each) for each in KINDS)
    rows, first = [], 0
    for batch in KINDS:
        count = batch.multiplier.shape[0]
        rows += [(first + i, first + count + i) for i in range(count)]
        first += 2 * count
    pair = np.array(rows)
    quantity = np.random.default_rng(1).normal(size=len(pair))
    return charges(
        np.zeros(2 * len(pair), int), pair.T.reshape(-1), np.concatenate([quantity, -quantity]),
        instruments=twice,
    )  # fmt: skip


@by_number
def test_offsetting_positions_cancel(number, cancelled):
    assert cancelled[number][0] <= 1e-9 * 60_000.0  # rounding of sums of 1e5 USD


@pytest.fixture(scope="module")
def slopes():
    """Gradients of all charges of three accounts and their differences, by add-on and leaf.

    Along a random direction of each leaf of the positions and of the market.
    """
    held = book(3, 7, SMOOTH)
    parts = (held.positions.blocks, market())
    floats, rest = eqx.partition(parts, eqx.is_inexact_array)
    leaves, structure = jax.tree.flatten(floats)
    random = np.random.default_rng(8)
    lines = [jnp.asarray(random.normal(size=x.shape)) * jnp.abs(x) for x in leaves]

    @jax.jit
    def totals(leaves):
        blocks, state = eqx.combine(jax.tree.unflatten(structure, leaves), rest)
        moved = eqx.tree_at(lambda b: b.positions.blocks, held, blocks)
        found = ALL.requirement(moved, state).components
        return jnp.stack([jnp.sum(found[add_on.name]) for add_on in ADD_ONS])

    gradients = jax.jit(jax.jacrev(totals))(leaves)
    exact = [np.sum(g * d[None], axis=tuple(range(1, g.ndim)))
             for g, d in zip(gradients, lines, strict=True)]  # fmt: skip
    differences, step = [], 1e-6
    for number, line in enumerate(lines):
        up, down = (
            totals([x + move * line if i == number else x for i, x in enumerate(leaves)])
            for move in (step, -step)
        )
        differences.append(np.asarray(up - down) / (2.0 * step))
    return np.array(exact).T, np.array(differences).T


@by_number
def test_gradients_by_quantities_and_by_the_market_equal_central_differences(number, slopes):
    exact, differences = slopes[0][number], slopes[1][number]
    assert np.abs(differences).max() > 0.0
    # 1e-10 is the rounding of a charge of some 1e5 USD, by the step in the denominator
    np.testing.assert_allclose(exact, differences, rtol=2e-6, atol=1e-10 / 1e-6)


def test_an_updated_run_equals_a_full_one():
    moved = build_positions(ACCOUNT, INSTRUMENT, QUANTITY + (ACCOUNT == 7), accounts=20)
    after = Book(HELD.instruments, moved)
    run = update_run(start_run(ALL, HELD, market()), after)
    full = ALL.requirement(after, market())
    assert run.charged == 1
    np.testing.assert_array_equal(run.requirement.initial, full.initial)
    np.testing.assert_array_equal(run.requirement.maintenance, full.maintenance)
