"""The options' own kernel at the edges: expired, without volatility, far from the money."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from kinds import BTC, ETH, USD, USDC, market, shocks, tilted_shocks

from jaxmargin.book import Book, build_positions
from jaxmargin.instruments import InverseOptions, LinearOptions
from jaxmargin.valuation import contract_pnl, pnl_by_value

NOBODY = build_positions(np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0), accounts=0)
STRIKES = np.array([1e-3, 3e4, 6e4, 6.001e4, 6.02e4, 6.15e4, 1.2e5, 1e9])
NOTIONAL = 61_500.0


def every_strike(kind):
    """Calls and puts of every strike on every Bitcoin pillar, the money of each included."""
    pillar, strike, sign = (
        grid.reshape(-1) for grid in np.meshgrid([0, 1, 2], STRIKES, [1.0, -1.0], indexing="ij")
    )
    settlement = np.full(pillar.size, BTC if kind is InverseOptions else USDC)
    return kind(*(jnp.asarray(x) for x in (pillar, strike, sign, settlement, np.ones(pillar.size))))


def edge_market():
    """The first pillar has expired, the second has next to no volatility."""
    return eqx.tree_at(
        lambda m: (m.time, m.surface.quote),
        market(),
        (market().time.at[0].set(0.0), market().surface.quote.at[1].set(1e-9)),
    )


def rescaled_market():
    """Volatilities that a factor of their own has already moved."""
    return eqx.tree_at(lambda m: m.surface.scale, market(), jnp.array([0.7, 1.3, 2.0, 0.9]))


both = pytest.mark.parametrize("kind", [LinearOptions, InverseOptions])


@both
@pytest.mark.parametrize("today", [market, edge_market, rescaled_market])
@pytest.mark.parametrize("made", [shocks, tilted_shocks])
@pytest.mark.parametrize("days", [0.0, 1.0, 300.0])
def test_the_kernel_agrees_with_value_in_every_corner(kind, today, made, days):
    batch, moves = every_strike(kind), made(12, days=days)
    damping = 1.0 if moves.damping is None else moves.damping[None, :]
    fast = contract_pnl(Book((batch,), NOBODY), today(), moves)
    # 1e-12 of the notional; strikes of 1e9 are their own notional
    scale = np.maximum(NOTIONAL, np.asarray(batch.strike))[:, None]
    difference = np.abs(np.asarray(fast - damping * pnl_by_value(batch, today(), moves)))
    assert (difference <= 1e-12 * scale).all()


@both
def test_derivatives_of_the_kernel_are_finite_in_every_corner(kind):
    batch, moves = every_strike(kind), shocks(12)

    def total(state, moves):
        return contract_pnl(Book((batch,), NOBODY), state, moves).sum()

    floats, rest = eqx.partition(edge_market(), eqx.is_inexact_array)
    gradient = jax.grad(lambda f, s: total(eqx.combine(f, rest), s), argnums=(0, 1))(floats, moves)
    assert all(bool(jnp.isfinite(leaf).all()) for leaf in jax.tree.leaves(gradient))


@both
def test_what_has_expired_pays_as_if_exercised_whatever_the_volatility(kind):
    """By hand: at time zero, with nothing fixed, P&L is the change of the intrinsic value."""
    today = eqx.tree_at(lambda m: m.fixed, edge_market(), jnp.zeros(4))
    moves = shocks(12, days=1.0)
    batch = jax.tree.map(lambda leaf: leaf[:16], every_strike(kind))  # pillar 0
    strike, sign = np.asarray(batch.strike)[:, None], np.asarray(batch.sign)[:, None]
    before, after = 60_010.0, 60_000.0 * np.exp(np.asarray(moves.spot)[BTC])
    if kind is LinearOptions:
        dollar = 0.9998 * np.exp(np.asarray(moves.spot)[USDC])
        payoff = np.maximum(sign * (after / dollar - strike), 0.0)
        expected = (payoff - np.maximum(sign * (before / 0.9998 - strike), 0.0)) * dollar
    else:
        payoff = np.maximum(sign * (after - strike), 0.0) / after
        expected = (payoff - np.maximum(sign * (before - strike), 0.0) / before) * after
    result = contract_pnl(Book((batch,), NOBODY), today, moves)
    scale = np.maximum(NOTIONAL, strike)
    assert (np.abs(np.asarray(result) - expected) <= 1e-12 * scale).all()


@both
def test_a_process_in_single_precision_is_right_to_a_millionth_of_the_notional(kind):
    """As on an accelerator: 64-bit types off altogether, today's values still taken in 64 bits."""
    batch, moves = every_strike(kind), shocks(12)
    double = np.asarray(contract_pnl(Book((batch,), NOBODY), market(), moves))

    def single(tree):
        return jax.tree.map(
            lambda x: jnp.asarray(
                np.asarray(x),
                jnp.float32 if jnp.issubdtype(x.dtype, jnp.inexact) else jnp.int32,
            ),
            tree,
        )

    with jax.enable_x64(False):
        result = contract_pnl(Book((single(batch),), NOBODY), single(market()), single(moves))
    assert result.dtype == jnp.float32
    # single precision keeps 6e-8; a price and its log-moneyness are a dozen operations
    scale = np.maximum(NOTIONAL, np.asarray(batch.strike))[:, None]
    assert (np.abs(np.asarray(result, np.float64) - double) <= 1e-6 * scale).all()


@pytest.mark.parametrize(
    ("kind", "settlement"),
    [
        (InverseOptions, [ETH, BTC, BTC, ETH, BTC, BTC, ETH]),
        (LinearOptions, [USDC, USD, USDC, USD, USDC, USDC, USDC]),
    ],
)
def test_contracts_find_their_own_pillar_and_settlement(kind, settlement):
    """Distinct (pillar, settlement) pairs are shared by contracts; none may get another's."""
    options = kind(
        pillar=jnp.array([3, 0, 2, 3, 1, 0, 3]),
        strike=jnp.array([2_400.0, 59e3, 70e3, 2_600.0, 60e3, 61e3, 2_500.0]),
        sign=jnp.array([1.0, -1.0, 1.0, -1.0, 1.0, 1.0, -1.0]),
        settlement=jnp.array(settlement),
        multiplier=jnp.arange(1.0, 8.0),
    )
    moves = shocks(12)
    together = contract_pnl(Book((options,), NOBODY), market(), moves)
    for row in range(7):
        alone = jax.tree.map(lambda leaf, row=row: leaf[row : row + 1], options)
        np.testing.assert_allclose(
            together[row : row + 1],
            pnl_by_value(alone, market(), moves),
            rtol=1e-11,
            atol=1e-12 * 7.0 * NOTIONAL,
        )
