"""Futures that expire within the horizon settle at the shocked spot, counted by hand."""

import equinox as eqx
import jax.numpy as jnp
import numpy as np
import pytest
from kinds import BTC, USDC, market, shocks

from jaxmargin.instruments import InverseFutures, LinearFutures
from jaxmargin.valuation import pnl_by_value

PILLAR, ROW = jnp.array([0]), jnp.array([BTC])  # half a day left, forward 60,010, a quarter fixed


def profit(batch, spot_return, dollar_return=0.0):
    """P&L over a day in which the coin and the stablecoin move."""
    moves = shocks(1, days=1.0)
    spot = moves.spot.at[BTC, 0].set(spot_return).at[USDC, 0].set(dollar_return)
    return float(pnl_by_value(batch, market(), eqx.tree_at(lambda s: s.spot, moves, spot))[0, 0])


def settlement_price(spot_return):
    return 0.25 * 60_010.0 + 0.75 * 60_000.0 * np.exp(spot_return)


@pytest.mark.parametrize("spot_return", [-0.3, 0.0, 0.2])
@pytest.mark.parametrize("dollar_return", [-0.05, 0.0])
def test_a_linear_future_pays_the_settlement_price_less_its_price_today(spot_return, dollar_return):
    """Both prices in USDC, and the difference is worth what USDC is worth then."""
    future = LinearFutures(PILLAR, jnp.array([USDC]), jnp.array([0.1]))
    dollar = 0.9998 * np.exp(dollar_return)
    expected = 0.1 * (settlement_price(spot_return) / dollar - 60_010.0 / 0.9998) * dollar
    # 1e-12 of a notional of 6,000
    assert profit(future, spot_return, dollar_return) == pytest.approx(expected, abs=6e-9)


@pytest.mark.parametrize("spot_return", [-0.3, 0.0, 0.2])
def test_an_inverse_future_pays_the_difference_of_inverse_prices_in_the_coin(spot_return):
    future = InverseFutures(PILLAR, ROW, jnp.array([10.0]))
    coins = 10.0 * (1.0 / 60_010.0 - 1.0 / settlement_price(spot_return))
    expected = coins * 60_000.0 * np.exp(spot_return)
    assert profit(future, spot_return) == pytest.approx(expected, abs=1e-11)


def test_a_linear_and_an_inverse_future_of_equal_size_differ_by_the_convexity_of_the_coin():
    """A fall of 20 % loses 20 % of the notional in dollars and 25 % in coins worth 80 % then."""
    today = eqx.tree_at(
        lambda m: (m.fixed, m.forward), market(), (jnp.zeros(4), market().forward.at[0].set(6e4))
    )
    moves = shocks(1, days=1.0)
    moves = eqx.tree_at(lambda s: s.spot, moves, moves.spot.at[BTC, 0].set(np.log(0.8)))
    linear = pnl_by_value(LinearFutures(PILLAR, jnp.array([4]), jnp.array([1.0])), today, moves)
    inverse = pnl_by_value(InverseFutures(PILLAR, ROW, jnp.array([60_000.0])), today, moves)
    np.testing.assert_allclose([linear[0, 0], inverse[0, 0]], [-12_000.0, -12_000.0], rtol=1e-12)
