"""Margins by the market: every number, buckets, and ladders."""

import functools

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from kinds import BTC, ETH, RULEBOOKS, STETH, USDC, book, market, name

from jaxmargin.errors import InvalidInputError
from jaxmargin.margin import RiskMeasureRulebook
from jaxmargin.risk import WorstCase
from jaxmargin.scenarios import SpotVolatilityGrid
from jaxmargin.sensitivities import (
    DELTA_BUCKETS,
    margin_buckets,
    margin_ladder,
    margin_to_market,
    one_account,
)

GRID = RiskMeasureRulebook(
    SpotVolatilityGrid(
        jnp.array([-0.15, -0.05, 0.0, 0.05, 0.15]),
        jnp.array([-0.25, 0.0, 0.4]),
        jnp.array([1.0, 1.0, 0.0, 0.0, 0.0]),
    ),
    jax.random.key(0),
    WorstCase(),
)
EVERY = [*RULEBOOKS, GRID]
by_name = pytest.mark.parametrize(
    "number", range(len(EVERY)), ids=[*map(name, RULEBOOKS), "SpotVolatilityGrid"]
)
FOUR = 4  # accounts


@functools.cache
def slopes_of(number):
    return margin_to_market(EVERY[number], book(FOUR), market())


@functools.cache
def program(number):
    """All margins together of a state; compiled, since it is called some hundred times."""
    held = book(FOUR)
    return jax.jit(lambda state: EVERY[number].requirement(held, state).initial.sum())


def total(number, state):
    return float(program(number)(state))


@by_name
def test_every_number_of_the_market_is_a_central_difference(number):
    slopes, state = slopes_of(number), market()
    assert jax.tree.structure(slopes) == jax.tree.structure(state)
    found, numbers = jax.tree.leaves(slopes), jax.tree.leaves(state)
    moved = 0
    for leaf, (slope, value) in enumerate(zip(found, numbers, strict=True)):
        if not jnp.issubdtype(value.dtype, jnp.inexact):
            np.testing.assert_array_equal(slope, value)
            continue
        expected = np.zeros(value.shape)
        for place in np.ndindex(value.shape):
            step = 1e-6 * max(abs(float(value[place])), 1e-2)
            up, down = (
                total(number, with_leaf(state, leaf, value.at[place].add(sign * step)))
                for sign in (1.0, -1.0)
            )
            expected[place] = (up - down) / (2 * step)
            moved += 1
        scale = max(np.abs(expected).max(), 1.0)
        np.testing.assert_allclose(slope, expected, rtol=1e-5, atol=1e-5 * scale, err_msg=str(leaf))
    assert moved == 76  # 3 x 5 of assets, 5 x 4 of pillars, 2 x 20 of quotes, elapsed


def with_leaf(state, leaf, value):
    return eqx.tree_at(lambda m: jax.tree.leaves(m)[leaf], state, value)


def test_weights_choose_accounts_and_one_account_alone_is_the_same():
    held, state = book(FOUR), market()
    weight = jnp.zeros(FOUR).at[2].set(1.0)
    chosen = margin_to_market(RULEBOOKS[0], held, state, weight=weight)
    alone = margin_to_market(RULEBOOKS[0], one_account(held, 2), state)
    for one, other in zip(jax.tree.leaves(chosen), jax.tree.leaves(alone), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-9, atol=1e-9 * float(np.abs(one).max()))
    every = [
        margin_to_market(RULEBOOKS[0], one_account(held, account), state).spot
        for account in range(FOUR)
    ]
    np.testing.assert_allclose(sum(every), slopes_of(0).spot, rtol=1e-9, atol=1e-6)


@by_name
@pytest.mark.parametrize("asset", [BTC, ETH, STETH])
def test_the_slope_of_a_ladder_is_the_bucket_of_the_price(number, asset):
    """The ladder is of full runs; a central difference of a hundredth of a basis point."""
    held, state, step = book(FOUR), market(), 1e-6
    ladder = margin_ladder(
        EVERY[number],
        held,
        state,
        asset=asset,
        price=np.array([-step, 0.0, step]),
        volatility=np.zeros(1),
    )[:, :, 0]
    today = np.asarray(EVERY[number].requirement(held, state).initial)
    np.testing.assert_allclose(ladder[:, 1], today, rtol=1e-12)
    slope = (ladder[:, 2] - ladder[:, 0]).sum() / (2 * step)
    bucket = margin_buckets(slopes_of(number), state).price[asset]
    assert 0.01 * slope == pytest.approx(float(bucket), rel=1e-5, abs=1e-3)


@by_name
def test_volatility_buckets_add_up_to_a_parallel_move_of_the_quotes(number):
    state = market()
    buckets = margin_buckets(slopes_of(number), state)
    assert buckets.volatility.shape == (4, len(DELTA_BUCKETS))
    for pillar in (1, 3):
        step = 1e-6
        up, down = (
            total(number, eqx.tree_at(quote, state, quote(state).at[pillar].add(sign * step)))
            for sign in (1.0, -1.0)
        )
        expected = 0.01 * (up - down) / (2 * step)
        assert float(buckets.volatility[pillar].sum()) == pytest.approx(expected, rel=1e-5)


def quote(state):
    return state.surface.quote


def test_quotes_are_sorted_into_buckets_by_their_delta():
    """Deltas by hand from N(d1): strikes 0.7, 0.9, 1, 1.1, 1.4 of the forward, 30 days."""
    state = market()
    ones = jax.tree.map(jnp.ones_like, state.surface.quote)
    slopes = eqx.tree_at(quote, jax.tree.map(jnp.zeros_like, state), ones)
    found = margin_buckets(slopes, state).volatility[1]
    # sigma sqrt(T) is 0.215, 0.172, 0.158, 0.161, 0.178: d1 1.77, 0.70, 0.08, -0.51, -1.80
    np.testing.assert_allclose(found, [0.01, 0.01, 0.01, 0.01, 0.01], rtol=1e-12)


def test_a_volatility_ladder_meets_full_runs_and_bad_moves_are_refused():
    held, state = book(FOUR), market()
    moves = {"price": np.array([0.0, 0.1]), "volatility": np.array([0.0, 0.5])}
    ladder = margin_ladder(RULEBOOKS[0], held, state, asset=BTC, **moves)
    scale = lambda m: m.surface.scale  # noqa: E731
    raised = eqx.tree_at(scale, state, 1.5 * scale(state))
    expected = RULEBOOKS[0].requirement(held, raised).initial
    np.testing.assert_allclose(ladder[:, 0, 1], expected, rtol=1e-12)
    assert np.abs(ladder[:, 1, 0] - ladder[:, 0, 0]).min() > 0.0
    with pytest.raises(InvalidInputError, match="price is a relative change and must be above -1"):
        margin_ladder(RULEBOOKS[0], held, state, asset=USDC, **moves | {"price": np.array([-1.0])})
    with pytest.raises(InvalidInputError, match="weight needs one number for each of 4 accounts"):
        margin_to_market(RULEBOOKS[0], held, state, weight=jnp.ones(3))
