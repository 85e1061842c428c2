"""Second derivatives of smoothed margins, against differences of full runs on moved markets."""

import functools

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from compiling import compiled
from kinds import BTC, ETH, INSTRUMENTS, STETH, USD, USDC, market, shocks

from jaxmargin.book import Book, build_positions, pad_instruments
from jaxmargin.errors import InvalidInputError
from jaxmargin.instruments import LinearOptions, LinearPerpetuals, Spot
from jaxmargin.margin import RiskMeasureRulebook, start_run
from jaxmargin.risk import (
    ExpectedShortfall,
    KernelExpectedShortfall,
    KernelValueAtRisk,
    ValueAtRisk,
    WorstCase,
)
from jaxmargin.scenarios import GivenScenarios
from jaxmargin.sensitivities import (
    cross_gamma,
    hessian_vector_product,
    smoothed,
    smoothed_margin,
)

SMOOTH = smoothed(ExpectedShortfall(0.9), 0.2)
# spot in the first bucket, perpetuals in the second, options in the third, each of eight rows
HELD = [np.array([17, 0, 9, 1, 18]), np.array([1, 2, 8, 16, 20, 21]), np.zeros(0, int)]
QUANTITY = [np.array([3.0, -2.0, 1.5, 0.7, -4.0]), np.array([1.0, -0.2, 2.0, -1.0, 2.0, 0.3])]


def positions(change=0.0, place=0):
    """Three accounts, the last without a position; one quantity of the first is changed."""
    quantity = np.concatenate(QUANTITY)
    quantity[place] += change
    owner = np.repeat([0, 1], [5, 6])
    return build_positions(owner, np.concatenate(HELD), quantity, accounts=3)


@functools.cache
def contracts():
    chosen = (b for b in INSTRUMENTS if isinstance(b, Spot | LinearPerpetuals | LinearOptions))
    return tuple(pad_instruments(batch) for batch in chosen)


def moved(move):
    """Today's market after log moves, that of STETH of its ratio to ETH; by hand.

    No settlement price is fixed in part: moves would not compose, as differences need.
    """
    state, move = market(), np.asarray(move)
    growth = np.exp(move + np.where(np.arange(5) == STETH, move[ETH], 0.0))
    return eqx.tree_at(
        lambda m: (m.spot, m.perpetual, m.forward, m.fixed),
        state,
        (
            state.spot * growth,
            state.perpetual * growth,
            state.forward * growth[np.asarray(state.asset)],
            jnp.zeros(4),
        ),
    )


def run(*, move=None, change=0.0, place=0, measure=None):
    rulebook = RiskMeasureRulebook(
        GivenScenarios(shocks(40)), jax.random.key(0), measure or ExpectedShortfall(0.9)
    )
    return start_run(
        rulebook,
        Book(contracts(), positions(change, place)),
        moved(np.zeros(5) if move is None else move),
    )


@functools.cache
def found():
    return cross_gamma(run(), SMOOTH, account=0)


def steps():
    """A bump of each asset's log price and of each position, as arguments of `run`."""
    unit = np.eye(5)
    return [{"move": 1e-4 * unit[asset]} for asset in (BTC, ETH, STETH, USDC)] + [
        {"change": 1e-3, "place": place} for place in range(5)
    ]


def difference(of, step):
    """Central difference of a function of a run."""
    down = {key: value if key == "place" else -value for key, value in step.items()}
    size = 1e-4 if "move" in step else 1e-3
    return (of(run(**step)) - of(run(**down))) / (2.0 * size)


def test_the_value_is_that_of_the_accounts_pnl_and_the_gap_is_hard_less_smooth():
    today = run()
    margins = smoothed_margin(today, SMOOTH)
    np.testing.assert_allclose(found().value, margins.smooth[0], rtol=1e-12)
    np.testing.assert_array_equal(margins.hard[:2], today.requirement.initial[:2])
    np.testing.assert_array_equal(margins.gap, margins.hard - margins.smooth)
    assert float(margins.hard[2]) == float(margins.smooth[2]) == 0.0
    losses = np.sort(-np.asarray(today.pnl).T @ held_table()[0])[::-1]
    np.testing.assert_allclose(margins.hard[0], losses[:4].mean(), rtol=1e-12)  # a tenth of 40


def held_table():
    """Quantity of each row of the book that each account holds."""
    rows = sum(batch.multiplier.shape[0] for batch in contracts())
    table = np.zeros((2, rows))
    for account in range(2):
        table[account, HELD[account]] = QUANTITY[account]
    return table


def test_the_charged_measure_may_be_negative_before_its_floor():
    """A short position in what only falls gains in every scenario."""
    falls = eqx.tree_at(lambda s: s.spot, shocks(40), jnp.full((5, 40), -0.01).at[USD].set(0.0))
    rulebook = RiskMeasureRulebook(GivenScenarios(falls), jax.random.key(0), WorstCase())
    short = build_positions(np.zeros(1, int), np.zeros(1, int), np.array([-1.0]), accounts=1)
    gains = start_run(rulebook, Book(contracts(), short), market())
    expected = -60_000.0 * (1.0 - np.exp(-0.01))
    np.testing.assert_allclose(smoothed_margin(gains, SMOOTH).hard, [expected], rtol=1e-12)


def test_first_derivatives_are_differences_of_full_runs():
    """The runs price options by their own kernel, not by `value`."""
    gradient = np.concatenate([found().by_asset[:4], in_order(found().by_position)])
    slopes = [difference(lambda r: float(smoothed_margin(r, SMOOTH).smooth[0]), s) for s in steps()]
    np.testing.assert_allclose(gradient, slopes, rtol=1e-5)


def in_order(by_position):
    """Entries of positions in the order in which the test lists them."""
    place = {row: number for number, row in enumerate(found().instrument)}
    return np.asarray(by_position)[[place[row] for row in HELD[0]]]


def test_positions_are_listed_by_their_rows_in_the_book():
    assert sorted(found().instrument) == sorted(HELD[0])


def test_second_derivatives_are_differences_of_gradients():
    def gradient(of):
        gamma = cross_gamma(of, SMOOTH, account=0)
        return np.concatenate([gamma.by_asset, gamma.by_position])

    pairs = [difference(gradient, step) for step in steps()]
    gamma = found()
    by_asset = np.concatenate([gamma.asset_asset, gamma.position_asset]).T[:4]
    by_position = in_order(np.concatenate([gamma.position_asset, gamma.position_position], axis=1))
    scale = np.abs(pairs).max(axis=1, keepdims=True)  # rounding and curvature of a difference
    together = np.concatenate([by_asset, by_position]) / scale
    np.testing.assert_allclose(together, np.array(pairs) / scale, atol=1e-5)


def test_second_derivatives_are_symmetric_and_scale_with_the_position():
    gamma = found()
    for block in (gamma.position_position, gamma.asset_asset):
        np.testing.assert_allclose(block, block.T, atol=1e-12 * float(jnp.abs(block).max()))
    held = dict(zip(HELD[0], QUANTITY[0], strict=True))
    quantity = np.array([held[row] for row in gamma.instrument])
    # of degree one in quantities: the gradient by them does not change along them (Euler)
    along = np.asarray(gamma.position_position) @ quantity
    np.testing.assert_allclose(along, 0.0, atol=1e-9 * float(jnp.abs(gamma.by_position).max()))
    by_asset = quantity @ np.asarray(gamma.position_asset)
    np.testing.assert_allclose(by_asset, gamma.by_asset, rtol=1e-9, atol=1e-9)


def test_a_product_with_a_direction_is_that_with_the_whole_hessian():
    random, gamma = np.random.default_rng(2), found()
    quantity, move = random.normal(size=5), random.normal(size=5)
    by_position, by_asset = hessian_vector_product(
        run(), SMOOTH, jnp.asarray(quantity), jnp.asarray(move), account=0
    )
    np.testing.assert_allclose(
        by_position, gamma.position_position @ quantity + gamma.position_asset @ move, rtol=1e-10
    )
    np.testing.assert_allclose(
        by_asset,
        quantity @ gamma.position_asset + gamma.asset_asset @ move,
        rtol=1e-10,
        atol=1e-8,  # the numeraire, which moves nothing here
    )


def test_another_account_of_the_same_kinds_and_buckets_compiles_nothing():
    today = run()
    found()
    with compiled() as names:
        other = cross_gamma(today, SMOOTH, account=1)
        smoothed_margin(today, SMOOTH)
    assert names == []
    assert other.position_asset.shape == (6, 5)
    np.testing.assert_allclose(other.value, smoothed_margin(today, SMOOTH).smooth[1], rtol=1e-12)


def test_an_account_without_positions_has_no_second_derivatives():
    none = cross_gamma(run(), SMOOTH, account=2)
    assert none.position_position.shape == (0, 0)
    np.testing.assert_array_equal(none.asset_asset, 0.0)


def test_smoothed_keeps_the_kind_and_the_level():
    assert smoothed(ExpectedShortfall(0.95), 0.1) == KernelExpectedShortfall(0.95, 0.1)
    assert smoothed(ValueAtRisk(0.99), 0.3) == KernelValueAtRisk(0.99, 0.3)
    with pytest.raises(InvalidInputError, match="WorstCase has no smoothed neighbor"):
        smoothed(WorstCase(), 0.1)


def test_directions_of_another_length_and_unknown_accounts_are_refused():
    today = run()
    with pytest.raises(InvalidInputError, match="one entry per position and per asset, 5 and 5"):
        hessian_vector_product(today, SMOOTH, jnp.zeros(4), jnp.zeros(5), account=0)
    with pytest.raises(InvalidInputError, match=r"account must lie in 0 \.\. 2"):
        cross_gamma(today, SMOOTH, account=3)
