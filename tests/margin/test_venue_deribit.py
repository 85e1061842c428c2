"""Deribit's portfolio margin of futures against its own answers' parts and hand counts."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxmargin.errors import InvalidInputError
from jaxmargin.margin.venues import (
    DeribitParameters,
    deribit_dampened_pnl,
    deribit_extended_pnl,
    deribit_future_vectors,
    deribit_inverse_pnl,
    deribit_margin,
    deribit_moves,
    deribit_offset_pnl,
    deribit_roll_shock,
    deribit_shocked_volatility,
)

EXTENDED = jnp.array([-0.66, -0.33, 0.5, 1.0, 2.0, 3.0, 4.0, 5.0])


def parameters(*, buckets=4, **changes):
    given = {
        "price_range": 0.16,
        "extended_factor": 1.0,
        "extended_dampener": 1e5,
        "annualized_move_risk": 0.075,
        "least_annualized_move": 0.01,
        "pnl_offset": 0.5,
        "most_offset_pnl": 1e7,
        "delta_threshold": 2e7,
        "maintenance_factor": 0.8,
    }
    return DeribitParameters(**{**given, **changes}, extended_moves=EXTENDED, buckets=buckets)


@jax.jit
def margin_of(size, years, index, settings):
    vectors = deribit_future_vectors(size, settings)
    return deribit_margin(
        *vectors, delta=size, years=years, index=index, parameters=settings, spot=0.25
    )


def test_the_table_has_nine_even_moves_with_three_columns_each():
    moves = deribit_moves(0.16, 4)
    expected = [-0.16, -0.12, -0.08, -0.04, 0.0, 0.04, 0.08, 0.12, 0.16]
    np.testing.assert_allclose(moves, expected, atol=1e-16)
    standard, extended = deribit_future_vectors(jnp.array([2.0, -1.0]), parameters())
    assert standard.shape == (2, 27) and extended.shape == (2, 8)
    np.testing.assert_allclose(standard[0, :3], [-0.32 / 0.84] * 3, rtol=1e-14)
    np.testing.assert_allclose(standard[0], -2.0 * standard[1], rtol=1e-14)


def test_the_coins_gained_are_those_of_a_contract_in_dollars():
    """q S dollars at S and at S (1 + m): q S (1 / S - 1 / (S (1 + m))) coins."""
    spot, moved = 50e3, 50e3 * (1.0 + EXTENDED)
    found = deribit_inverse_pnl(jnp.array([[3.0]]), EXTENDED)
    np.testing.assert_allclose(found[0, 0], 3.0 * spot * (1 / spot - 1 / moved), rtol=1e-13)


def test_an_extended_entry_of_a_future_is_that_of_the_whole_range():
    _, extended = deribit_future_vectors(jnp.array([1.0]), parameters())
    expected = np.where(EXTENDED < 0.0, -0.16 / 0.84, 0.16 / 1.16)
    np.testing.assert_allclose(extended[0], expected, rtol=1e-13)
    # by hand for another P&L: 7 at +200 % counts 7 x 1.5 x .16 / 2 x 3 / 1.16
    one = deribit_extended_pnl(jnp.array([7.0]), jnp.array([2.0]), price_range=0.16, factor=1.5)
    np.testing.assert_allclose(one, 7.0 * 1.5 * 0.08 * 3.0 / 1.16, rtol=1e-14)


def test_the_dampener_takes_more_off_the_further_the_move_and_stops_at_zero():
    """-66 %: (.66 / .16 - 1) 100,000 / (.84 x 50,000) = 7.44 coins; +50 %: 3.66; inside: 0."""
    move = jnp.array([-0.66, 0.5, -0.66, 0.1])
    pnl = jnp.array([[-10.0, 5.0, 2.0, -1.0]])
    found = deribit_dampened_pnl(
        pnl, move, index=jnp.array([50e3]), price_range=0.16, dampener=100e3
    )
    left = [-10.0 + (0.66 / 0.16 - 1) * 2.0 / 0.84, 5.0 - (0.5 / 0.16 - 1) * 2.0 / 1.16, 0.0, -1.0]
    np.testing.assert_allclose(found, [left], rtol=1e-13)


def test_gains_count_in_part_and_up_to_a_cap_and_losses_in_full():
    found = deribit_offset_pnl(jnp.array([-4.0, 2.0, 100.0]), 0.6, 30.0, 2.0)
    np.testing.assert_allclose(found, [-4.0, 1.2, 15.0])


def test_the_roll_is_charged_on_every_position_by_its_time():
    """Perpetual 2 at the least 1 %; future of a year -3 at 7.5 %."""
    found = deribit_roll_shock(jnp.array([2.0, -3.0]), jnp.array([0.0, 1.0]), 0.075, 0.01)
    assert float(found) == pytest.approx(0.02 + 0.225, rel=1e-14)


def test_margins_are_the_rounded_worst_case_with_the_roll_and_what_is_given():
    """Long 1.23456789 perpetual coins, short 0.5 of a future of a year: -16 % decides."""
    size, years = jnp.array([1.23456789, -0.5]), jnp.array([0.0, 1.0])
    margin = margin_of(size, years, jnp.array(50e3), parameters())
    worst = 0.73456789 * 0.16 / 0.84
    assert float(margin.worst_case) == pytest.approx(worst, rel=1e-14)
    assert int(margin.worst_scenario) == 0
    matrix = round(worst, 9) + 0.0123456789 + 0.5 * 0.075
    assert float(margin.risk_matrix) == pytest.approx(matrix, abs=1e-15)
    assert float(margin.initial) == pytest.approx(matrix + 0.25, abs=1e-15)
    assert float(margin.maintenance) == pytest.approx(0.8 * matrix, abs=1e-15)
    np.testing.assert_allclose(margin.standard[-3:], 0.5 * 0.73456789 * 0.16 / 1.16, rtol=1e-13)
    assert float(margin.delta_excess) == 0.0


def test_a_far_move_decides_where_the_dampener_is_small():
    settings = parameters(extended_dampener=0.0, extended_factor=2.0)
    margin = margin_of(jnp.array([-1.0, 0.0]), jnp.zeros(2), jnp.array(50e3), settings)
    assert int(margin.worst_scenario) >= 27 + 2  # of the rises, all of which are the same
    assert float(margin.worst_case) == pytest.approx(2.0 * 0.16 / 1.16, rel=1e-13)


def test_a_delta_above_the_threshold_is_shown_and_opposite_positions_cancel_in_it():
    index = jnp.array(50e3)
    margin = margin_of(jnp.array([-500.0, 60.0]), jnp.zeros(2), index, parameters())
    assert float(margin.delta_excess) == pytest.approx(440 * 50e3 - 2e7, rel=1e-14)
    assert float(margin_of(jnp.array([450.0, -400.0]), jnp.zeros(2), index, parameters())
                 .delta_excess) == 0.0  # fmt: skip


def test_an_empty_account_needs_nothing_but_what_is_given():
    margin = margin_of(jnp.zeros(2), jnp.zeros(2), jnp.array(50e3), parameters())
    assert float(margin.maintenance) == 0.0 and float(margin.initial) == 0.25


def test_the_gradient_passes_the_rounding():
    years, index, settings = jnp.array([0.0, 1.0]), jnp.array(50e3), parameters()

    def smooth(size):
        margin = margin_of(size, years, index, settings)
        return margin.worst_case + margin.roll_shock

    size, step = jnp.array([1.2, -0.5]), 1e-6
    found = jax.grad(lambda q: margin_of(q, years, index, settings).initial)(size)
    bumps = [
        (smooth(size.at[row].add(step)) - smooth(size.at[row].add(-step))) / (2.0 * step)
        for row in range(2)
    ]
    np.testing.assert_allclose(found, bumps, rtol=1e-7)


def test_many_accounts_at_once_are_each_account_alone():
    sizes, years = jax.random.normal(jax.random.key(0), (3, 2)), jnp.array([0.0, 0.3])
    index, settings = jnp.array(50e3), parameters()
    together = jax.vmap(margin_of, in_axes=(0, None, None, None))(sizes, years, index, settings)
    alone = [float(margin_of(size, years, index, settings).initial) for size in sizes]
    np.testing.assert_allclose(together.initial, alone, rtol=1e-13)


def test_volatility_columns_follow_the_published_formula():
    """60 days: (30 / 60)^.13; 7.5 days: 4^.3; a low one is lifted to .5, a fall stops at zero."""
    found = deribit_shocked_volatility(
        jnp.array([0.8, 0.2, 0.6]), jnp.array([60.0, 7.5, 0.1]), range_up=0.4, range_down=0.5,
        short_power=0.3, long_power=0.13, floor_days=1.0, minimum_up=0.5,
    )  # fmt: skip
    far, near, floor = 0.5**0.13, 4.0**0.3, 30.0**0.3
    np.testing.assert_allclose(
        found,
        [
            [0.8 * (1 - 0.5 * far), 0.8, 0.8 * (1 + 0.4 * far)],
            [0.2 * (1 - 0.5 * near), 0.2, 0.5],
            [0.0, 0.6, 0.6 * (1 + 0.4 * floor)],
        ],
        rtol=1e-13,
    )


def test_a_table_without_steps_is_refused():
    with pytest.raises(InvalidInputError, match="buckets must be at least 1; got 0"):
        parameters(buckets=0)
