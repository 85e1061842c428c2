"""Runs that build on an earlier one equal full runs to the last bit."""

import dataclasses

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from kinds import INSTRUMENTS, PLAIN, RULEBOOKS, book, market, name, shocks

from jaxmargin.book import Book, after_trades, build_positions, pad_instruments
from jaxmargin.errors import InvalidInputError
from jaxmargin.instruments import AmericanOptions, BarrierOptions
from jaxmargin.margin import RiskMeasureRulebook, start_run, update_run
from jaxmargin.risk import ExpectedShortfall
from jaxmargin.scenarios import GivenScenarios
from jaxmargin.valuation import contract_pnl

by_name = pytest.mark.parametrize("rulebook", RULEBOOKS, ids=name)


def same(run, rulebook, held):
    """The requirement of `run` is that of a full run of `held`, bit for bit."""
    full = rulebook.requirement(held, market())
    for part in dataclasses.fields(full):
        if part.name != "execution":
            ours, theirs = getattr(run.requirement, part.name), getattr(full, part.name)
            jax.tree.map(np.testing.assert_array_equal, ours, theirs)
    assert run.requirement.initial.shape == (held.positions.accounts,)


def traded(held, account, instrument, quantity):
    arrays = (np.asarray(part) for part in (account, instrument, quantity))
    return Book(held.instruments, after_trades(held.positions, *arrays))


@by_name
def test_the_same_book_computes_nothing(rulebook):
    run = start_run(rulebook, book(), market())
    same(run, rulebook, book())
    assert run.charged == 20 and run.priced == sum(b.multiplier.shape[0] for b in PLAIN)
    again = update_run(run, book())
    assert (again.charged, again.priced) == (0, 0)
    same(again, rulebook, book())


@by_name
def test_trades_charge_only_who_traded(rulebook):
    run = start_run(rulebook, book(), market())
    held = traded(book(), [3, 7, 3, 11], [0, 2, 9, 1], [1.5, -2.0, 0.3, 0.7])
    updated = update_run(run, held)
    assert (updated.charged, updated.priced) == (3, 0)
    same(updated, rulebook, held)
    held = traded(held, [3], [9], [-0.3])  # closed again
    updated = update_run(updated, held)
    assert updated.charged == 1
    same(updated, rulebook, held)


@by_name
def test_an_account_that_outgrows_its_block_and_a_new_account_are_charged(rulebook):
    run = start_run(rulebook, book(), market())
    rows = sum(batch.multiplier.shape[0] for batch in book().instruments)
    held = traded(book(), np.zeros(30, int), np.arange(30) % rows, np.linspace(0.1, 3.0, 30))
    updated = update_run(run, held)
    assert updated.charged == 1
    same(updated, rulebook, held)
    accounts = [held.positions.of(account) for account in range(20)] + [([1, 3], [2.0, -1.0])]
    lengths = [len(instrument) for instrument, _ in accounts]
    positions = build_positions(
        np.repeat(np.arange(21), lengths),
        np.concatenate([instrument for instrument, _ in accounts]),
        np.concatenate([quantity for _, quantity in accounts]),
        accounts=21,
    )
    held = Book(held.instruments, positions)
    updated = update_run(updated, held)
    assert 1 <= updated.charged < 21
    same(updated, rulebook, held)


def appended(batch, extra):
    """`batch` with `extra` contracts after its own: its first ones with other multipliers."""
    count = batch.multiplier.shape[0]
    rows = jnp.arange(count + extra) % count
    longer = jax.tree.map(lambda leaf: leaf[rows], batch)
    times = jnp.where(jnp.arange(count + extra) < count, 1.0, 1.7)
    return eqx.tree_at(lambda b: b.multiplier, longer, longer.multiplier * times)


@by_name
@pytest.mark.parametrize("kind", range(len(INSTRUMENTS)), ids=[name(i) for i in INSTRUMENTS])
def test_a_new_contract_of_any_kind_is_priced_alone(rulebook, kind):
    own, other = INSTRUMENTS[kind], pad_instruments(INSTRUMENTS[3])
    count = own.multiplier.shape[0]
    first = other.multiplier.shape[0]
    holds = [np.array(column) for column in zip((0, 0), (0, first), (1, 1), (2, 0), strict=True)]
    positions = build_positions(*holds, np.array([1.0, -2.0, 0.5, 3.0]), accounts=3)
    run = start_run(rulebook, Book((other, pad_instruments(own)), positions), market())
    longer = pad_instruments(appended(own, 1))
    held = traded(Book((other, longer), positions), [1], [first + count], [1.25])
    updated = update_run(run, held)
    assert (updated.charged, updated.priced) == (1, 1)
    same(updated, rulebook, held)


@by_name
def test_contracts_beyond_the_padding_move_the_rows_after_them(rulebook):
    run = start_run(rulebook, book(), market())
    batches = list(book().instruments)
    extra = batches[0].multiplier.shape[0] - INSTRUMENTS[0].multiplier.shape[0] + 1
    batches[0] = pad_instruments(appended(INSTRUMENTS[0], extra))
    shift = batches[0].multiplier.shape[0] - book().instruments[0].multiplier.shape[0]
    assert shift > 0
    first = book().instruments[0].multiplier.shape[0]
    moved = eqx.tree_at(
        lambda p: [block.instrument for block in p.blocks],
        book().positions,
        [
            b.instrument + jnp.where(b.instrument >= first, shift, 0)
            for b in book().positions.blocks
        ],
    )
    held = Book(tuple(batches), moved)
    updated = update_run(run, held)
    assert (updated.charged, updated.priced) == (0, extra)
    same(updated, rulebook, held)


@by_name
def test_changed_terms_charge_everyone_who_holds_the_contract(rulebook):
    run = start_run(rulebook, book(), market())
    batches = list(book().instruments)
    doubled = batches[0].multiplier.at[0].multiply(2.0)
    batches[0] = eqx.tree_at(lambda b: b.multiplier, batches[0], doubled)
    held = Book(tuple(batches), book().positions)
    holders = [a for a in range(20) if 0 in book().positions.of(a)[0]]
    updated = update_run(run, held)
    assert (updated.charged, updated.priced) == (len(holders), 1)
    same(updated, rulebook, held)


def test_a_dense_account_is_updated_like_the_others():
    many = pad_instruments(appended(INSTRUMENTS[3], 200))
    account = np.concatenate([np.zeros(180, int), [1, 1, 2]])
    instrument = np.concatenate([np.arange(180), [3, 50, 4]])
    quantity = np.random.default_rng(0).normal(size=183)
    held = Book((many,), build_positions(account, instrument, quantity, accounts=3))
    run = start_run(RULEBOOKS[0], held, market())
    after = traded(held, [0, 2], [190, 4], [2.0, 1.0])
    updated = update_run(run, after)
    assert updated.charged == 2
    same(updated, RULEBOOKS[0], after)


def test_many_accounts_and_scenarios_in_single_precision_are_updated_bit_for_bit():
    """Several chunks in a full run, one or two in an update."""
    single = [jax.tree.map(as_single, each) for each in (shocks(7_000), market(), book(900))]
    rulebook = RiskMeasureRulebook(
        GivenScenarios(single[0]), jax.random.key(0), ExpectedShortfall(0.975)
    )
    held = single[2]
    run = start_run(rulebook, held, single[1])
    random = np.random.default_rng(1)
    who = random.choice(900, 40, replace=False)
    trades = who, random.integers(0, 20, 40), random.normal(size=40)
    after = Book(held.instruments, after_trades(held.positions, *trades))
    updated = update_run(run, after)
    full = rulebook.requirement(after, single[1])
    assert updated.charged == 40 and full.initial.dtype == jnp.float32
    for part in ("initial", "standard_error", "tail_count"):
        ours, theirs = getattr(updated.requirement, part), getattr(full, part)
        np.testing.assert_array_equal(ours, theirs)


def as_single(leaf):
    return leaf.astype(jnp.float32) if jnp.issubdtype(leaf.dtype, jnp.floating) else leaf


def test_american_and_barrier_options_are_priced_as_a_batch():
    for kind in (AmericanOptions, BarrierOptions):
        own = next(batch for batch in INSTRUMENTS if isinstance(batch, kind))
        size, count = own.multiplier.shape[0], 35
        many = appended(own, count - size)
        holds = np.arange(count) % 5, np.arange(count), np.ones(count)
        positions = build_positions(*holds, accounts=5)
        before = Book((pad_instruments(many),), positions)
        run = start_run(RULEBOOKS[0], before, market())
        for rows, priced in ((36, 1), (60, 60)):  # within the padding of 40 rows, and beyond
            longer = Book((pad_instruments(appended(own, rows - size)),), positions)
            after = traded(longer, [1], [count], [1.0])
            updated = update_run(run, after)
            assert updated.priced == priced
            same(updated, RULEBOOKS[0], after)
            pnl = contract_pnl(after, market(), RULEBOOKS[0].shocks(market()))
            np.testing.assert_array_equal(updated.pnl, pnl)


def test_a_position_in_a_contract_that_the_book_does_not_have_is_refused():
    beyond = traded(book(), [4], [5_000], [1.0])
    with pytest.raises(InvalidInputError, match="row 5000 of the book, which has"):
        RULEBOOKS[0].requirement(beyond, market())
    with pytest.raises(InvalidInputError, match="row 5000 of the book, which has"):
        update_run(start_run(RULEBOOKS[0], book(), market()), beyond)


def test_a_quantity_too_large_for_a_finite_margin_is_refused():
    for held in (traded(book(), [4, 4], [0, 1], [1e307, 1e307]),):
        with pytest.raises(InvalidInputError, match="the first that of account 4"):
            RULEBOOKS[0].requirement(held, market())
        with pytest.raises(InvalidInputError, match="the first that of account 4"):
            update_run(start_run(RULEBOOKS[0], book(), market()), held)


def test_a_new_contract_without_a_finite_price_is_refused():
    run = start_run(RULEBOOKS[0], book(), market())
    batches = list(book().instruments)
    worthless = appended(INSTRUMENTS[0], 1)
    broken = eqx.tree_at(
        lambda b: b.multiplier, worthless, worthless.multiplier.at[-1].set(jnp.nan)
    )
    batches[0] = pad_instruments(broken)
    with pytest.raises(InvalidInputError, match="is not finite in some scenario"):
        update_run(run, Book(tuple(batches), book().positions))
