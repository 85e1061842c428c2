"""What holds for every rulebook."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from kinds import CONVEX, RULEBOOKS, VENUE_RULEBOOKS, book_of, market, name

from jaxmargin.book import Book, build_positions
from jaxmargin.errors import InvalidInputError
from jaxmargin.valuation._accounts import _on_block
from jaxmargin.valuation._option_price import _pnl
from jaxmargin.valuation._options import _hoist

by_name = pytest.mark.parametrize("rulebook", [*RULEBOOKS, *VENUE_RULEBOOKS], ids=name)


def holdings(held):
    """Account, instrument and quantity of every position of a book."""
    rows = [row for block in held.positions.blocks for row in np.asarray(block.instrument)]
    sizes = [row for block in held.positions.blocks for row in np.asarray(block.quantity)]
    found = [
        (account, int(i), float(q))
        for account, row in enumerate(np.asarray(held.positions.row))
        for i, q in zip(rows[row], sizes[row], strict=True)
        if q != 0.0
    ]
    return tuple(np.array(column) for column in zip(*found, strict=True))


def with_positions(rulebook, account, instrument, quantity, accounts=20):
    held = build_positions(account, instrument, quantity, accounts=accounts)
    return Book(book_of(rulebook).instruments, held)


@by_name
def test_margins_are_never_negative_and_maintenance_is_not_above_initial(rulebook):
    result = rulebook.requirement(book_of(rulebook), market())
    assert result.initial.shape == (20,)
    assert bool((result.initial >= 0.0).all() and (result.maintenance >= 0.0).all())
    assert bool((result.maintenance <= result.initial).all()) and float(result.initial.max()) > 0.0


@by_name
def test_components_sum_to_initial_margin(rulebook):
    result = rulebook.requirement(book_of(rulebook), market())
    np.testing.assert_allclose(sum(result.components.values()), result.initial, rtol=1e-12)


@by_name
def test_offsetting_positions_cancel(rulebook):
    """The same positions, half with one sign and half with the other, in equal contracts."""
    doubled = tuple(
        jax.tree.map(lambda leaf: jnp.tile(leaf, 2), b) for b in book_of(rulebook).instruments
    )
    rows, first = [], 0
    for batch in book_of(rulebook).instruments:
        count = batch.multiplier.shape[0]
        rows += [(first + i, first + count + i) for i in range(count)]
        first += 2 * count
    pair = np.array(rows)
    quantity = np.random.default_rng(1).normal(size=len(pair))
    positions = build_positions(
        np.zeros(2 * len(pair), int), pair.T.reshape(-1), np.concatenate([quantity, -quantity]),
        accounts=1,
    )  # fmt: skip
    result = rulebook.requirement(Book(doubled, positions), market())
    assert float(result.initial[0]) <= 1e-9 * 60_000.0  # rounding of sums of 1e5 USD


@by_name
def test_the_order_of_positions_and_accounts_is_irrelevant(rulebook):
    account, instrument, quantity = holdings(book_of(rulebook))
    expected = rulebook.requirement(book_of(rulebook), market()).initial
    random = np.random.default_rng(3)
    order, names = random.permutation(account.size), random.permutation(20)
    shuffled = with_positions(rulebook, names[account[order]], instrument[order], quantity[order])
    result = rulebook.requirement(shuffled, market()).initial
    np.testing.assert_allclose(result[names], expected, rtol=1e-11)


@by_name
def test_twice_the_positions_need_twice_the_margin_or_more_where_it_is_convex(rulebook):
    account, instrument, quantity = holdings(book_of(rulebook))
    once = rulebook.requirement(book_of(rulebook), market())
    twice = rulebook.requirement(
        with_positions(rulebook, account, instrument, 2.0 * quantity), market()
    )
    if isinstance(rulebook, CONVEX):  # more than twice, where a tier is passed
        assert bool((twice.initial >= 2.0 * once.initial * (1.0 - 1e-12)).all())
        return
    np.testing.assert_allclose(twice.initial, 2.0 * once.initial, rtol=1e-12)
    np.testing.assert_allclose(twice.standard_error, 2.0 * once.standard_error, rtol=1e-9)


@by_name
def test_an_account_without_positions_needs_nothing(rulebook):
    account, instrument, quantity = holdings(book_of(rulebook))
    result = rulebook.requirement(
        with_positions(rulebook, account, instrument, quantity, 22), market()
    )
    np.testing.assert_array_equal(result.initial[20:], [0.0, 0.0])


@by_name
def test_a_changed_quantity_or_an_added_position_compiles_nothing(rulebook):
    def programs():
        return [f._cache_size() for f in (_on_block._cached, _hoist, _pnl)]

    account, instrument, quantity = holdings(book_of(rulebook))
    rulebook.requirement(with_positions(rulebook, account, instrument, quantity), market())
    before = programs()
    quantity[3] += 1.5
    rulebook.requirement(with_positions(rulebook, account, instrument, quantity), market())
    few = int(np.argmin(np.bincount(account)))  # an account with room in its slots
    unheld = np.setdiff1d(instrument, instrument[account == few])[0]
    more = (np.append(account, few), np.append(instrument, unheld), np.append(quantity, 1.0))
    result = rulebook.requirement(with_positions(rulebook, *more), market())
    assert programs() == before
    assert bool(jnp.isfinite(result.initial).all())


@by_name
def test_gradients_by_quantities_and_by_the_market_equal_central_differences(rulebook):
    """Along a random direction of each array of the positions and of the market."""
    held = book_of(rulebook, 3)
    parts = (held.positions.blocks, market())
    floats, rest = eqx.partition(parts, eqx.is_inexact_array)
    leaves, structure = jax.tree.flatten(floats)

    @jax.jit
    @jax.value_and_grad
    def total(leaves):
        blocks, state = eqx.combine(jax.tree.unflatten(structure, leaves), rest)
        moved = eqx.tree_at(lambda b: b.positions.blocks, held, blocks)
        return jnp.sum(rulebook.requirement(moved, state).initial)

    gradient, random, step = total(leaves)[1], np.random.default_rng(8), 1e-6
    for number, leaf in enumerate(leaves):
        size = np.abs(leaf) + 1e-2
        if number < len(held.positions.blocks):  # an empty slot stays empty
            size = np.where(leaf == 0.0, 0.0, size)
        line = random.normal(size=leaf.shape) * size
        up, down = (
            total([x + move * line if i == number else x for i, x in enumerate(leaves)])[0]
            for move in (step, -step)
        )
        found = float(np.sum(gradient[number] * line))
        # 1e-10 is the rounding of a total of some 1e5 USD, by the step in the denominator
        assert found == pytest.approx(float(up - down) / (2.0 * step), rel=1e-5, abs=2e-4), number


@by_name
def test_a_profit_that_is_not_finite_is_refused(rulebook):
    broken = eqx.tree_at(lambda m: m.spot, market(), market().spot.at[0].set(jnp.nan))
    with pytest.raises(InvalidInputError, match=r"The P&L of \d+ of \d+ contracts is not finite"):
        rulebook.requirement(book_of(rulebook), broken)


@by_name
def test_progress_ends_at_the_whole(rulebook):
    seen = []
    rulebook.requirement(book_of(rulebook), market(), progress=lambda *step: seen.append(step))
    assert seen and seen[-1][0] == seen[-1][1]
