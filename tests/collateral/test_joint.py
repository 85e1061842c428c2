"""Book and collateral in the same scenarios, against hand counts and plain loops."""

import itertools

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from kinds import BTC, ETH, USD, USDC, market, shocks, tilted_shocks

from jaxmargin.book import Book, DenseBlock, PositionBlock, Positions, build_positions
from jaxmargin.collateral import Holdings, collateral_pnl, joint_shortfall
from jaxmargin.errors import InvalidInputError
from jaxmargin.instruments import LinearOptions, Spot
from jaxmargin.risk import ExpectedShortfall, ValueAtRisk, WorstCase
from jaxmargin.scenarios import Shocks, pad_scenarios
from jaxmargin.valuation import revalue

FREE, KEY = jnp.zeros(5), jax.random.key(0)
COINS = Spot(jnp.array([BTC, ETH]), jnp.array([USD, USD]), jnp.ones(2))
PUT_AND_CALL = LinearOptions(
    pillar=jnp.array([1, 1]), strike=jnp.array([57_000.0, 63_000.0]), sign=jnp.array([-1.0, 1.0]),
    settlement=jnp.array([USD, USD]), multiplier=jnp.ones(2),
)  # fmt: skip


def held(batch, rows):
    """A book of one account per row of quantities."""
    quantity = np.atleast_2d(np.array(rows, float))
    account, instrument = np.nonzero(quantity)
    return Book(
        (batch,),
        build_positions(account, instrument, quantity[account, instrument], accounts=len(quantity)),
    )


def posted(rows):
    """Holdings from one dict of asset to quantity per account."""
    quantity = np.zeros((len(rows), 5))
    for account, row in enumerate(rows):
        quantity[account, list(row)] = list(row.values())
    return Holdings(jnp.asarray(quantity))


def joint(batch, rows, collateral, moves, measure=None, *, cost=FREE, pairings=32):
    return joint_shortfall(
        held(batch, rows), posted(collateral), market(), moves,
        WorstCase() if measure is None else measure, liquidation_cost=cost, key=KEY,
        pairings=pairings,
    )  # fmt: skip


def price_moves(*returns):
    """Scenarios that move the prices of BTC and ETH by simple returns and nothing else."""
    moves = np.zeros((5, len(returns)))
    moves[:2] = np.log1p(np.array(returns)).T
    count = len(returns)
    return Shocks(jnp.asarray(moves), jnp.zeros(count), jnp.ones(count), jnp.ones(()))


FOUR = price_moves((-0.1, 0.0), (-0.05, 0.2), (0.02, -0.1), (0.2, -0.02))


def test_coins_that_are_owed_and_posted_cancel_in_the_joint_view_alone():
    """Short 1 BTC at 60,000 loses 12,000 at +20 %; its collateral 6,000 at -10 %."""
    found = joint(COINS, [-1.0, 0.0], [{BTC: 1.0}], FOUR)
    np.testing.assert_allclose(found.book, [12_000.0])
    np.testing.assert_allclose(found.collateral, [6_000.0])
    np.testing.assert_allclose(found.joint, [0.0], atol=1e-9)
    np.testing.assert_allclose(found.separate, [18_000.0])
    assert float(found.wrong_way_charge[0]) < 0.0


def test_coins_held_and_posted_lose_together():
    found = joint(COINS, [2.0, 0.0], [{BTC: 1.0}], FOUR)
    np.testing.assert_allclose(found.joint, [18_000.0])
    np.testing.assert_allclose(found.joint, found.separate)
    assert float(found.wrong_way_charge[0]) > 0.0


def test_cash_neither_adds_nor_depends():
    found = joint(COINS, [2.0, 0.0], [{USD: 5_000.0}], FOUR)
    for part in (found.book, found.joint, found.independent):
        np.testing.assert_allclose(part, [12_000.0])
    np.testing.assert_array_equal(found.collateral, [0.0])
    np.testing.assert_allclose(found.wrong_way_charge, [0.0], atol=1e-9)
    np.testing.assert_allclose(found.spread, [0.0], atol=1e-9)
    np.testing.assert_allclose(found.shortfall, [7_000.0])


def test_selling_costs_lower_resources_and_moves_alike():
    """At 10 %, 1 BTC brings 54,000 and moves by 0.9 of the price."""
    found = joint(COINS, [20.0, 0.0], [{BTC: 1.0}], FOUR, cost=FREE.at[BTC].set(0.1))
    np.testing.assert_allclose(found.resources, [54_000.0])
    np.testing.assert_allclose(found.collateral, [5_400.0])
    np.testing.assert_allclose(found.shortfall, [120_000.0 + 5_400.0 - 54_000.0])


def test_bitcoin_posted_for_a_short_put_costs_more_than_for_a_short_call():
    """The put loses when the collateral falls, the call when it rises."""
    found = joint(
        PUT_AND_CALL, [[-3.0, 0.0], [0.0, -3.0]], [{BTC: 1.0}] * 2, shocks(40),
        ExpectedShortfall(0.85),
    )  # fmt: skip
    assert float(found.wrong_way_charge[0]) > 2.0 * float(found.spread[0])
    assert float(found.wrong_way_charge[1]) < -2.0 * float(found.spread[1])
    np.testing.assert_allclose(found.collateral[0], found.collateral[1])
    assert bool((found.joint <= found.separate * (1.0 + 1e-12)).all())


def plain_shortfall(pnl, level):
    """Mean of the worst losses of equally likely scenarios, the last in part."""
    losses, tail = np.sort(-pnl)[::-1], (1.0 - level) * pnl.size
    whole = int(tail + 1e-9)
    return (losses[:whole].sum() + (tail - whole) * losses[min(whole, pnl.size - 1)]) / tail


def test_every_part_is_that_of_plain_loops():
    measure, collateral = ExpectedShortfall(0.7), [{BTC: 1.0, USDC: 100.0}, {ETH: 30.0}]
    rows = [[-3.0, 1.0], [0.0, -2.0]]
    cost, moves = jnp.array([0.1, 0.05, 0.2, 0.01, 0.0]), shocks(5)
    found = joint(PUT_AND_CALL, rows, collateral, moves, measure, cost=cost, pairings=2_000)
    ours = np.asarray(revalue(held(PUT_AND_CALL, rows), market(), moves))
    price = np.asarray(market().spot)[:, None]
    move = np.asarray(moves.spot).copy()
    move[2] += move[1]  # staked ETH follows ETH
    unit = (1.0 - np.asarray(cost))[:, None] * price * np.expm1(move)
    theirs = np.asarray(posted(collateral).quantity) @ unit
    for account in range(2):
        np.testing.assert_allclose(found.book[account], plain_shortfall(ours[account], 0.7))
        np.testing.assert_allclose(found.collateral[account], plain_shortfall(theirs[account], 0.7))
        together = ours[account] + theirs[account]
        np.testing.assert_allclose(found.joint[account], plain_shortfall(together, 0.7))
        every = [
            plain_shortfall(ours[account] + theirs[account][list(order)], 0.7)
            for order in itertools.permutations(range(5))
        ]  # all 120; the sample of 2,000 has a standard error
        error = np.std(every) / np.sqrt(2_000)
        assert abs(float(found.independent[account]) - np.mean(every)) < 4.0 * error
        np.testing.assert_allclose(found.spread[account], np.std(every), rtol=0.1)


def test_without_dependence_the_charge_is_chance():
    """ETH is drawn apart from BTC here: over 30 sets of scenarios charges average out."""
    charges = []
    for seed in range(30):
        found = joint(
            COINS, [3.0, 0.0], [{ETH: 40.0}], shocks(40, seed), ExpectedShortfall(0.85), pairings=32
        )
        charges.append(float(found.wrong_way_charge[0] / found.spread[0]))
    assert abs(np.mean(charges)) < 4.0 / np.sqrt(30)
    assert 0.7 < np.std(charges) < 1.4


def test_value_at_risk_of_both_is_the_order_statistic_of_their_sum():
    """Of 40 losses at 85 %, the sixth largest."""
    rows, collateral = [-3.0, 1.0], [{BTC: 1.0}]
    found = joint(PUT_AND_CALL, rows, collateral, shocks(40), ValueAtRisk(0.85))
    ours = np.asarray(revalue(held(PUT_AND_CALL, rows), market(), shocks(40)))[0]
    theirs = 60_000.0 * np.expm1(np.asarray(shocks(40).spot[BTC]))
    np.testing.assert_allclose(found.joint[0], np.sort(-(ours + theirs))[-6], rtol=1e-10)


def test_padded_scenarios_change_nothing():
    rows, collateral = [[-3.0, 1.0], [1.0, -2.0]], [{BTC: 1.0}, {ETH: 30.0, BTC: 0.5}]
    padded = pad_scenarios(shocks(37))
    assert padded.weight.shape == (40,)
    found = [
        joint(PUT_AND_CALL, rows, collateral, moves, ExpectedShortfall(0.85))
        for moves in (shocks(37), padded)
    ]
    for ours, theirs in zip(*map(jax.tree.leaves, found), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-11)


def test_dampened_scenarios_dampen_collateral_too():
    moves = tilted_shocks(20)
    whole = eqx.tree_at(lambda s: s.damping, moves, None, is_leaf=lambda leaf: leaf is None)
    np.testing.assert_allclose(
        collateral_pnl(market(), moves, FREE),
        collateral_pnl(market(), whole, FREE) * moves.damping[None, :],
    )


def test_wide_accounts_get_the_same_as_narrow_ones():
    rows = np.zeros((8, 10))
    rows[:3, :2] = np.random.default_rng(3).normal(size=(3, 2))
    collateral = posted([{BTC: 1.0}, {ETH: 9.0}, {}])
    columns = jnp.broadcast_to(jnp.arange(10, dtype=jnp.int32), (8, 10))
    found = [
        joint_shortfall(
            Book((PUT_AND_CALL,), Positions((block,), jnp.array([2, 0, 1]))), collateral, market(),
            shocks(40), ExpectedShortfall(0.85), liquidation_cost=FREE, key=KEY,
        )
        for block in (
            PositionBlock(jnp.where(columns < 2, columns, 0), jnp.asarray(rows)),
            DenseBlock(jnp.asarray(rows[:, :8])),
        )
    ]  # fmt: skip
    for ours, theirs in zip(*map(jax.tree.leaves, found), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-10, atol=1e-9)


def test_accounts_of_different_size_keep_their_own_collateral():
    options = jax.tree.map(lambda leaf: jnp.tile(leaf, 12), PUT_AND_CALL)
    random = np.random.default_rng(8)
    rows = np.array([random.normal(size=24) * (np.arange(24) < n) for n in (1, 18, 3, 12)])
    quantity, moves = random.uniform(0.0, 3.0, (4, 5)), shocks(40)
    whole = held(options, rows)
    assert len(whole.positions.blocks) == 2
    found = joint_shortfall(
        whole, Holdings(jnp.asarray(quantity)), market(), moves, ExpectedShortfall(0.85),
        liquidation_cost=FREE, key=KEY,
    )  # fmt: skip
    pnl = np.asarray(revalue(whole, market(), moves))
    both = pnl + quantity @ np.asarray(collateral_pnl(market(), moves, FREE))
    for account in range(4):
        np.testing.assert_allclose(found.book[account], plain_shortfall(pnl[account], 0.85))
        np.testing.assert_allclose(found.joint[account], plain_shortfall(both[account], 0.85))


def test_derivatives_by_what_is_posted_are_central_differences():
    moves = shocks(40)

    def total(quantity):
        found = joint_shortfall(
            held(PUT_AND_CALL, [-3.0, 1.0]), Holdings(quantity), market(), moves,
            ExpectedShortfall(0.85), liquidation_cost=FREE, key=KEY,
        )  # fmt: skip
        return (found.joint + 2.0 * found.independent + 3.0 * found.collateral).sum()

    quantity = posted([{BTC: 1.0, ETH: 10.0, 2: 3.0, USDC: 100.0, USD: 10.0}]).quantity
    gradient = jax.grad(total)(quantity)
    for asset in range(5):
        step = 1e-6 * float(quantity[0, asset])
        up, down = (total(quantity.at[0, asset].add(move)) for move in (step, -step))
        np.testing.assert_allclose(
            gradient[0, asset], (up - down) / (2.0 * step), rtol=1e-5, atol=1e-4
        )


def test_shapes_and_settings_that_do_not_fit_are_refused():
    with pytest.raises(InvalidInputError, match="pairings must be at least 1; got 0"):
        joint(COINS, [1.0, 0.0], [{BTC: 1.0}], FOUR, pairings=0)
    with pytest.raises(InvalidInputError, match="holdings has 2 accounts and 5 assets, but the"):
        joint(COINS, [1.0, 0.0], [{BTC: 1.0}] * 2, FOUR)


@pytest.mark.parametrize("number", [-1.0, float("nan"), float("inf")])
def test_quantities_and_costs_that_are_no_such_numbers_are_refused(number):
    with pytest.raises(InvalidInputError, match=r"holdings.quantity must be finite and not negat"):
        joint(COINS, [1.0, 0.0], [{BTC: number}], FOUR)
    with pytest.raises(InvalidInputError, match="liquidation_cost must be finite and not negat"):
        joint(COINS, [1.0, 0.0], [{BTC: 1.0}], FOUR, cost=FREE.at[ETH].set(number))


def test_a_cost_above_one_is_refused():
    with pytest.raises(InvalidInputError, match="1 - liquidation_cost must be finite and not neg"):
        joint(COINS, [1.0, 0.0], [{BTC: 1.0}], FOUR, cost=FREE.at[ETH].set(1.5))


def test_a_profit_that_is_not_finite_is_refused():
    broken = eqx.tree_at(lambda s: s.spot, FOUR, FOUR.spot.at[ETH, 1].set(jnp.nan))
    with pytest.raises(InvalidInputError, match="P&L of 1 of 2 contracts is not finite"):
        joint(COINS, [1.0, 0.0], [{BTC: 1.0}], broken)
    cash = eqx.tree_at(lambda s: s.spot, FOUR, FOUR.spot.at[USDC, 1].set(jnp.nan))
    with pytest.raises(InvalidInputError, match=r"P&L of 1 of 5 assets .* the first in row \[3\]"):
        joint(COINS, [1.0, 0.0], [{BTC: 1.0}], cash)
