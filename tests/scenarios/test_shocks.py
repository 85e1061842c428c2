"""Shocks and what they do to a market."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from kinds import BTC, ETH, STETH, USD, book, market, shocks

from jaxmargin.errors import InvalidInputError
from jaxmargin.scenarios import Shocks, pad_scenarios, scenario_axes, shock_market


def one(moves):
    """The single scenario of `moves`, without its axis."""
    return jax.tree.map(lambda leaf: leaf[..., 0] if leaf.ndim else leaf, moves)


def still(**parts):
    """One scenario in which only `parts` move."""
    nothing = jax.tree.map(jnp.zeros_like, one(shocks(1)))
    return eqx.tree_at(
        lambda s: tuple(getattr(s, k) for k in parts), nothing, tuple(parts.values())
    )


def test_a_zero_shock_leaves_the_market_unchanged_bit_for_bit():
    before, after = market(), shock_market(market(), still())
    for left, right in zip(jax.tree.leaves(before), jax.tree.leaves(after), strict=True):
        np.testing.assert_array_equal(left, right)


def test_prices_forwards_and_perpetuals_move_by_hand():
    day, today = 1.0 / 365.0, market()
    after = shock_market(
        today,
        still(
            spot=jnp.zeros(5).at[BTC].set(np.log(1.1)),
            perpetual=jnp.zeros(5).at[BTC].set(0.001),
            basis=jnp.zeros(4).at[1].set(0.002),
            volatility=jnp.zeros(4).at[1].set(np.log(1.5)),
            rate=jnp.zeros(4).at[2].set(0.01),
            time=jnp.array(day),
        ),
    )
    np.testing.assert_allclose(after.spot[BTC], 66_000.0, rtol=1e-14)
    np.testing.assert_allclose(after.perpetual[BTC], 66_000.0 * 1.0004 * np.exp(0.001), rtol=1e-14)
    # carry ln(60,200 / 60,000) rolls down by a thirtieth
    carry = np.log(60_200.0 / 60_000.0) / 30.0
    np.testing.assert_allclose(after.forward[1], 60_200.0 * 1.1 * np.exp(0.002 - carry), rtol=1e-14)
    np.testing.assert_allclose(after.surface.scale, [1.0, 1.5, 1.0, 1.0], rtol=1e-14)
    np.testing.assert_allclose(after.rate, [0.0, 0.01, 0.03, 0.0], rtol=1e-14)
    np.testing.assert_allclose(after.time[1:], np.array([29.0, 199.0, 29.0]) / 365.0, rtol=1e-12)
    assert float(after.time[0]) == 0.0 and float(after.elapsed) == day


def test_a_forward_at_its_expiry_is_the_spot_so_that_nothing_jumps_there():
    nothing_fixed = eqx.tree_at(lambda m: m.fixed, market(), jnp.zeros(4))
    just_before = shock_market(nothing_fixed, still(time=market().time[1] * (1 - 1e-12)))
    at_expiry = shock_market(nothing_fixed, still(time=market().time[1]))
    np.testing.assert_allclose(just_before.forward[1], 60_000.0, rtol=1e-12)
    assert float(at_expiry.forward[1]) == 60_000.0


def test_only_the_open_share_of_a_settlement_average_moves():
    after = shock_market(market(), still(spot=jnp.zeros(5).at[BTC].set(np.log(0.8))))
    np.testing.assert_allclose(after.forward[0], 60_010.0 * (0.25 + 0.75 * 0.8), rtol=1e-14)


def test_what_follows_another_asset_moves_with_it_and_the_base_alone_does_not():
    moved = shock_market(market(), still(spot=jnp.zeros(5).at[ETH].set(np.log(0.9))))
    depegged = shock_market(market(), still(spot=jnp.zeros(5).at[STETH].set(np.log(0.9))))
    np.testing.assert_allclose(moved.spot[jnp.array([ETH, STETH])], [2_250.0, 2_232.0], rtol=1e-14)
    np.testing.assert_allclose(
        depegged.spot[jnp.array([ETH, STETH])], [2_500.0, 2_232.0], rtol=1e-14
    )


def test_padding_adds_still_scenarios_of_no_weight():
    padded = pad_scenarios(shocks(9))
    assert padded.weight.shape[0] == 10 and float(padded.weight[9]) == 0.0
    assert float(jnp.abs(padded.spot[:, 9]).max()) == 0.0
    np.testing.assert_array_equal(padded.spot[:, :9], shocks(9).spot)


def test_parts_with_different_numbers_of_scenarios_are_refused():
    parts = {name: getattr(shocks(4), name) for name in Shocks.__dataclass_fields__}
    # a whole-axis mistake such as this one reaches users without shape checks
    with pytest.raises((InvalidInputError, TypeError), match="scenario"):
        Shocks(**(parts | {"weight": jnp.ones(5)}))


def test_scenario_axes_are_last_and_scalars_have_none():
    axes = scenario_axes(shocks(3))
    assert axes.spot == -1 and axes.time == -1 and axes.overlap is None


def test_the_numeraire_and_books_of_the_examples_are_sound():
    assert float(market().spot[USD]) == 1.0
    assert book().positions.accounts == 20
