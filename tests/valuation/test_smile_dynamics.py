"""Smile dynamics in revaluation."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from kinds import BTC, INSTRUMENTS, market, shocks

from jaxmargin.book import Book, build_positions
from jaxmargin.market import StickyDelta, StickyMoneyness, StickyStrike
from jaxmargin.valuation import contract_pnl

NOBODY = build_positions(np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0), accounts=0)
LINEAR = INSTRUMENTS[-2]


def sticky(kind):
    today = eqx.tree_at(lambda m: m.fixed, market(), jnp.zeros(4))
    made = {
        "strike": StickyStrike(),
        "moneyness": StickyMoneyness(today.forward),
        "delta": StickyDelta(today.forward, today.time),
    }
    return eqx.tree_at(lambda m: m.dynamics, today, made[kind])


def spot_move(log_return):
    still = jax.tree.map(jnp.zeros_like, shocks(1))
    spot = still.spot.at[BTC, 0].set(log_return)
    return eqx.tree_at(lambda s: (s.spot, s.weight), still, (spot, jnp.ones(1)))


@pytest.mark.parametrize("kind", ["moneyness", "delta"])
@pytest.mark.parametrize("log_return", [-0.3, 0.1])
def test_where_the_smile_moves_along_price_scales_with_strike_and_spot(kind, log_return):
    """V(F e^r, K e^r) = e^r V(F, K) if the volatility of K e^r is what that of K was."""
    today, factor = sticky(kind), np.exp(log_return)
    scaled = eqx.tree_at(lambda b: b.strike, LINEAR, LINEAR.strike * factor)
    before = LINEAR.value(today) * today.spot[LINEAR.settlement] * LINEAR.multiplier
    book = Book((scaled,), NOBODY)
    start = scaled.value(today) * today.spot[scaled.settlement] * scaled.multiplier
    after = contract_pnl(book, today, spot_move(log_return))[:, 0] + start
    np.testing.assert_allclose(after[:5], factor * before[:5], rtol=1e-10)  # BTC options


def test_dynamics_agree_while_forwards_stand_still_and_differ_when_they_move():
    book = Book(tuple(INSTRUMENTS[-2:]), NOBODY)
    for log_return in (0.0, 0.1):
        moves = spot_move(log_return)
        strike, moneyness, delta = (
            np.asarray(contract_pnl(book, sticky(kind), moves))
            for kind in ("strike", "moneyness", "delta")
        )
        same = log_return == 0.0
        assert np.allclose(strike, moneyness, atol=1e-8) == same
        np.testing.assert_allclose(moneyness, delta, rtol=1e-9, atol=1e-8)  # no time, no shock


def test_time_and_volatility_tell_sticky_delta_from_sticky_moneyness():
    moves = shocks(10, days=5.0)
    book = Book(tuple(INSTRUMENTS[-2:]), NOBODY)
    moneyness = contract_pnl(book, sticky("moneyness"), moves)
    delta = contract_pnl(book, sticky("delta"), moves)
    assert bool(jnp.isfinite(delta).all()) and float(jnp.abs(moneyness - delta).max()) > 1.0
