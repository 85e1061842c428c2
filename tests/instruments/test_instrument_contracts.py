"""What holds for every kind of instrument."""

import chex
import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from kinds import INSTRUMENTS, market, name, shocks

from jaxmargin.book import Book, build_positions, pad_instruments
from jaxmargin.scenarios import Shocks
from jaxmargin.valuation import contract_pnl, pnl_by_value

by_name = pytest.mark.parametrize("batch", INSTRUMENTS, ids=name)


def book_of(batch):
    nobody = np.zeros(0, np.int64)
    return Book((batch,), build_positions(nobody, nobody, np.zeros(0), accounts=0))


def notional(batch):
    """Largest multiplier times the largest price, in USD."""
    paid = market().spot[batch.settlement] if name(batch).startswith("Quanto") else jnp.ones(1)
    return float(batch.multiplier.max() * paid.max()) * 61_500.0


@by_name
def test_values_are_finite_and_one_per_contract(batch):
    value = batch.value(market())
    assert value.shape == batch.multiplier.shape and bool(jnp.isfinite(value).all())


@by_name
def test_no_move_and_no_time_is_no_profit(batch):
    still = jax.tree.map(jnp.zeros_like, shocks(4))
    still = eqx.tree_at(lambda s: (s.weight, s.overlap), still, (jnp.ones(4), jnp.ones(())))
    # the compiler may round today's value and the scenario's in the last place differently
    assert float(jnp.abs(pnl_by_value(batch, market(), still)).max()) <= 1e-15 * notional(batch)


@by_name
def test_the_hot_path_agrees_with_revaluation_by_value(batch):
    moves = shocks(40)
    fast = contract_pnl(book_of(batch), market(), moves)
    plain = pnl_by_value(batch, market(), moves)
    # 1e-14 of the notional is a few units in the last place of a price
    np.testing.assert_allclose(fast, plain, rtol=1e-11, atol=1e-14 * notional(batch))


@by_name
def test_padding_adds_contracts_without_profit_and_changes_no_other(batch):
    moves, count = shocks(6), batch.multiplier.shape[0]
    padded = contract_pnl(book_of(pad_instruments(batch)), market(), moves)
    assert padded.shape[0] % 8 == 0
    np.testing.assert_array_equal(padded[:count], contract_pnl(book_of(batch), market(), moves))
    assert float(jnp.abs(padded[count:]).max(initial=0.0)) == 0.0


@by_name
def test_derivatives_by_every_part_of_the_market_equal_central_differences(batch):
    today = market()
    floats, rest = eqx.partition(today, eqx.is_inexact_array)
    leaves, structure = jax.tree.flatten(floats)

    @jax.jit
    def total(leaves):
        state = eqx.combine(jax.tree.unflatten(structure, leaves), rest)
        value = batch.value(state) * state.spot[batch.settlement]  # in USD
        return jnp.sum(batch.multiplier * value)

    gradient = jax.grad(total)(leaves)
    for number, leaf in enumerate(leaves):
        for position in np.ndindex(leaf.shape):
            step = 1e-6 * max(abs(float(leaf[position])), 1e-2)
            up = [x.at[position].add(step) if i == number else x for i, x in enumerate(leaves)]
            down = [x.at[position].add(-step) if i == number else x for i, x in enumerate(leaves)]
            difference = float(total(up) - total(down)) / (2.0 * step)
            # rounding of the total, divided by the step, and the third derivative times step^2
            tolerance = 4e-16 * 5e5 / step + 1e-6 * abs(difference) + 1e-6
            assert abs(float(gradient[number][position]) - difference) <= tolerance


@by_name
def test_profits_are_finite_in_single_precision_and_close_to_double(batch):
    def single(tree):
        return jax.tree.map(
            lambda x: x.astype(jnp.float32) if jnp.issubdtype(x.dtype, jnp.floating) else x, tree
        )

    moves = shocks(30)
    double = contract_pnl(book_of(batch), market(), moves)
    result = contract_pnl(book_of(single(batch)), single(market()), single(moves))
    assert result.dtype == jnp.float32 and bool(jnp.isfinite(result).all())
    # relative to the notional: a few units of 6e-8 for a price
    np.testing.assert_allclose(result, double, atol=1e-6 * notional(batch))


@by_name
def test_one_trace_serves_books_of_the_same_shape(batch):
    chex.clear_trace_counter()
    priced = jax.jit(chex.assert_max_traces(lambda m, s: pnl_by_value(batch, m, s), n=1))
    for seed in (1, 2, 3):
        priced(market(), shocks(5, seed))


def expiring(days: float, spot_return: float) -> Shocks:
    return eqx.tree_at(
        lambda s: s.spot, shocks(1, days=days), shocks(1).spot.at[0, 0].set(spot_return)
    )


@pytest.mark.parametrize("spot_return", [-0.1, 0.0, 0.03])
def test_what_expires_within_the_horizon_settles_at_the_shocked_spot(spot_return):
    """By hand: 3/4 of the settlement average moves to the spot, 1/4 is fixed at the forward."""
    today, shocked_spot = market(), 60_000.0 * np.exp(spot_return)
    settlement = 0.25 * 60_010.0 + 0.75 * shocked_spot
    for batch in INSTRUMENTS[-2:]:  # linear and inverse options; rows 0 and 1 expire
        moves = expiring(1.0, spot_return)
        pnl = np.asarray(contract_pnl(book_of(batch), today, moves))[:2, 0]
        call, put = max(settlement - 58_000.0, 0.0), max(61_000.0 - settlement, 0.0)
        before = np.asarray(batch.value(today))[:2]
        if name(batch) == "InverseOptions":
            expected = (np.array([call, put]) / settlement - before) * shocked_spot
        else:  # quoted in USDC at 0.9998 USD: 58,000 USDC is 57,988.40 USD
            call = max(settlement / 0.9998 - 58_000.0, 0.0)
            put = max(61_000.0 - settlement / 0.9998, 0.0)
            expected = (np.array([call, put]) - before) * 0.9998
        np.testing.assert_allclose(pnl, expected, rtol=1e-12, atol=1e-9)


def test_perpetuals_pay_funding_for_the_time_that_passes():
    """By hand: long 1 BTC at 11 % a year for a day, price unchanged."""
    linear = INSTRUMENTS[3]
    still = jax.tree.map(jnp.zeros_like, shocks(1))
    a_day = eqx.tree_at(
        lambda s: (s.time, s.weight, s.overlap),
        still,
        (jnp.array([1 / 365]), jnp.ones(1), jnp.ones(())),
    )
    pnl = float(contract_pnl(book_of(linear), market(), a_day)[0, 0])
    np.testing.assert_allclose(pnl, -0.11 / 365 * 60_000.0 * 1.0004, rtol=1e-10)


def test_a_staked_coin_moves_with_its_base_and_by_its_own_depeg():
    moves = jax.tree.map(jnp.zeros_like, shocks(1))
    moves = eqx.tree_at(
        lambda s: (s.spot, s.weight),
        moves,
        (moves.spot.at[1, 0].set(np.log(0.9)).at[2, 0].set(np.log(0.95)), jnp.ones(1)),
    )
    pnl = contract_pnl(book_of(INSTRUMENTS[0]), market(), moves)
    np.testing.assert_allclose(pnl[1, 0], 2.0 * 2_480.0 * (0.9 * 0.95 - 1.0), rtol=1e-12)
