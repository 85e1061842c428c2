"""Venue grids against the published formulas, by hand."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from kinds import DAYS, market, tenor_grid

from jaxmargin.errors import InvalidInputError
from jaxmargin.scenarios import shock_market

KEY = jax.random.key(0)
UP, NONE, DOWN, LINEAR, ABSOLUTE, TAIL = 0, 1, 2, 6, 7, 8


def after(scenario):
    made = tenor_grid().shocks(market(), KEY)
    return shock_market(
        market(), jax.tree.map(lambda leaf: leaf[..., scenario] if leaf.ndim else leaf, made)
    )


def at_forward(state):
    return np.asarray(state.volatility(jnp.arange(4), market().forward))


def test_volatility_moves_grow_towards_expiry_with_two_powers_and_a_floor():
    """(30 / max(days, 1))^0.3 up to 30 days, ^0.13 beyond; half a day counts as one."""
    power = np.where(DAYS <= 30.0, 0.3, 0.13)
    scale = (30.0 / np.maximum(DAYS, 1.0)) ** power
    np.testing.assert_allclose(scale, [30.0**0.3, 1.0, (30.0 / 200.0) ** 0.13, 1.0])
    quoted = at_forward(market())
    np.testing.assert_allclose(at_forward(after(UP)), quoted * (1.0 + 0.5 * scale), rtol=1e-12)
    np.testing.assert_array_equal(at_forward(after(NONE)), quoted)
    down = np.maximum(1.0 - 0.275 * scale, 0.0)
    np.testing.assert_allclose(at_forward(after(DOWN)), quoted * down, rtol=1e-12)


def test_a_rise_has_a_minimum_and_a_fall_does_not_go_below_zero():
    quiet = eqx.tree_at(lambda m: m.surface.scale, market(), 0.1 * jnp.ones(4))
    grid = eqx.tree_at(lambda g: g.range_down, tenor_grid(), jnp.array(0.5))
    made = grid.shocks(quiet, KEY)

    def state(scenario):
        moves = jax.tree.map(lambda leaf: leaf[..., scenario] if leaf.ndim else leaf, made)
        return at_forward(shock_market(quiet, moves))

    np.testing.assert_array_equal(state(UP), 0.45)
    # half a day: 1 - 0.5 x 30^0.3 is negative, so that no volatility is left
    assert state(DOWN)[0] < 1e-9 and (state(DOWN)[1:] > 0.0).all()


@pytest.mark.parametrize("pillar", [1, 2])
def test_skew_scenarios_turn_and_lift_the_smile_by_the_published_amounts(pillar):
    """cap = .15 - .05 sqrt t at k* = max(.01, 4 sqrt t (.6 - .1 sqrt t)), Derive's parameters."""
    root = np.sqrt(DAYS[pillar] / 365.0)
    cap, width = 0.15 - 0.05 * root, max(0.01, root * 4.0 * (0.6 - 0.1 * root))
    moneyness = np.array([-3.0, -1.0, -0.4, 0.0, 0.4, 1.0, 3.0]) * width
    strike = market().forward[pillar] * jnp.exp(jnp.asarray(moneyness))
    at = jnp.full(strike.shape, pillar)
    quoted = np.asarray(market().volatility(at, strike))
    share = np.clip(moneyness / width, -1.0, 1.0)
    np.testing.assert_allclose(
        after(LINEAR).volatility(at, strike), quoted * (1.0 + cap * share), rtol=1e-12
    )
    np.testing.assert_allclose(
        after(ABSOLUTE).volatility(at, strike), quoted * (1.0 + cap * np.abs(share)), rtol=1e-12
    )
    np.testing.assert_array_equal(after(LINEAR).forward, market().forward)


def test_spots_move_as_stated_and_tails_are_dampened():
    made = tenor_grid().shocks(market(), KEY)
    np.testing.assert_allclose(
        jnp.expm1(made.spot[0]), [-0.15] * 3 + [0.15] * 3 + [0.0, 0.0, -0.66, 3.0], rtol=1e-12
    )
    np.testing.assert_array_equal(made.damping, [1.0] * 8 + [0.21, 0.0462])
    assert float(made.damping[TAIL]) == pytest.approx(0.77 * 0.18 / 0.66, abs=1e-12)  # Derive, BTC


def test_parts_that_do_not_fit_are_refused():
    with pytest.raises(InvalidInputError, match="one spot_move, damping and mode per scenario"):
        eqx.tree_at(lambda g: g.damping, tenor_grid(), jnp.ones(3)).__check_init__()
    with pytest.raises(InvalidInputError, match="skew is needed for the modes linear and absolute"):
        eqx.tree_at(lambda g: g.skew, tenor_grid(), None).__check_init__()
