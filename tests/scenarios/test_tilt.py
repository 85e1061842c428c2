"""Moves of volatilities that differ between strikes, and dampened P&L."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from kinds import book, market, shocks, tilted_shocks

from jaxmargin.scenarios import TiltShocks, pad_scenarios, shock_market
from jaxmargin.valuation import contract_pnl

PILLAR = 1  # BTC in 30 days, forward 60,200


def tilted(**parts):
    """The market after one scenario in which only the tilt moves, by the same at every pillar."""
    numbers = {"width": 0.2, "skew": 0.0, "wings": 0.0, "floor": 0.0} | parts
    tilt = TiltShocks(**{name: jnp.full((4, 1), number) for name, number in numbers.items()})
    moves = jax.tree.map(jnp.zeros_like, shocks(1))
    moves = eqx.tree_at(lambda s: s.tilt, moves, tilt, is_leaf=lambda leaf: leaf is None)
    still = jax.tree.map(lambda leaf: leaf[..., 0] if leaf.ndim else leaf, moves)
    return shock_market(market(), still)


def ratio(after, log_moneyness):
    strike = 60_200.0 * jnp.exp(jnp.asarray(log_moneyness))
    pillar = jnp.full(strike.shape, PILLAR)
    return after.volatility(pillar, strike) / market().volatility(pillar, strike)


def test_a_skew_turns_the_smile_up_to_the_width_and_is_flat_beyond():
    np.testing.assert_allclose(
        ratio(tilted(skew=0.15), [-0.5, -0.2, -0.1, 0.0, 0.1, 0.2, 0.5]),
        [0.85, 0.85, 0.925, 1.0, 1.075, 1.15, 1.15],
        rtol=1e-12,
    )


def test_wings_rise_on_both_sides_and_never_push_a_volatility_below_zero():
    np.testing.assert_allclose(
        ratio(tilted(wings=0.3), [-0.5, -0.1, 0.0, 0.1]), [1.3, 1.15, 1.0, 1.15], rtol=1e-12
    )
    np.testing.assert_array_equal(ratio(tilted(wings=-1.5), [-0.5, 0.5]), [0.0, 0.0])


def test_no_volatility_is_below_the_floor():
    strikes = jnp.array([42_140.0, 60_200.0, 84_280.0])
    pillar = jnp.full(3, PILLAR)
    quoted = market().volatility(pillar, strikes)
    floored = tilted(floor=0.6).volatility(pillar, strikes)
    np.testing.assert_array_equal(floored, jnp.maximum(quoted, 0.6))


def test_moneyness_is_counted_from_todays_forward_whatever_the_spot_does():
    moves = jax.tree.map(lambda leaf: leaf[..., 5] if leaf.ndim else leaf, tilted_shocks())
    after = shock_market(market(), moves)
    np.testing.assert_array_equal(after.tilt.forward, market().forward)
    assert not np.allclose(after.forward, market().forward)


def test_a_still_tilt_changes_no_volatility():
    np.testing.assert_array_equal(ratio(tilted(), [-0.3, -0.1, 0.0, 0.2]), np.ones(4))


def test_damping_multiplies_the_profit_of_its_scenario():
    full = tilted_shocks(9)
    undamped = eqx.tree_at(lambda s: s.damping, full, jnp.ones(9))
    np.testing.assert_allclose(
        contract_pnl(book(), market(), full),
        contract_pnl(book(), market(), undamped) * full.damping[None, :],
        rtol=1e-14,
    )


def test_padding_keeps_widths_positive():
    padded = pad_scenarios(tilted_shocks(9))
    assert padded.tilt.width.shape == (4, 10) and bool((padded.tilt.width > 0.0).all())
    assert bool(jnp.isfinite(contract_pnl(book(), market(), padded)).all())
