"""P&L attribution between the engine's own ways to a P&L: single precision, and delta and gamma.

250 days of joint moves on a book of every plain kind of contract, as the desk test of the Basel
framework has it.
"""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from kinds import book, market, shocks

from jaxmargin.backtest import Zone, attribution_test
from jaxmargin.scenarios import Shocks
from jaxmargin.valuation import revalue

ACCOUNTS, DAYS, STEP = 12, 250, 1e-3


def in_single(tree):
    return jax.tree.map(
        lambda leaf: leaf.astype(jnp.float32) if leaf.dtype == jnp.float64 else leaf, tree
    )


def scaled(moves, size):
    """The same moves times `size`; time does not pass, so that the market of size 0 is today's."""
    parts = {name: getattr(moves, name) for name in Shocks.__dataclass_fields__}
    for name in ("spot", "perpetual", "funding", "basis", "volatility", "rate"):
        parts[name] = size * parts[name]
    return Shocks(**parts)


@pytest.fixture(scope="module")
def moves():
    return shocks(DAYS, seed=11, days=0.0)


@pytest.fixture(scope="module")
def full(moves):
    return np.asarray(revalue(book(ACCOUNTS), market(), moves))


def delta_gamma(moves):
    """Slope and curvature of each account's P&L along each day's move, by central differences."""
    up, down = (
        np.asarray(revalue(book(ACCOUNTS), market(), scaled(moves, size))) for size in (STEP, -STEP)
    )
    return (up - down) / (2.0 * STEP) + 0.5 * (up + down) / STEP**2


def test_single_precision_is_in_the_green_zone_for_every_account(full, moves):
    single = revalue(*map(in_single, (book(ACCOUNTS), market(), moves)))
    assert single.dtype == jnp.float32
    found = attribution_test(full, np.asarray(single, np.float64))
    assert (found.zone == Zone.GREEN).all(), found
    assert found.correlation.min() > 0.9999 and found.distance.max() < 0.01


def test_delta_and_gamma_are_green_for_days_as_usual_and_not_for_moves_of_a_crisis(full, moves):
    """A series of second order errs by the cube of the move: 5 % a day, and five times it."""
    usual = attribution_test(full, delta_gamma(moves))
    assert (usual.zone == Zone.GREEN).all()
    crisis = scaled(moves, 5.0)
    found = np.asarray(revalue(book(ACCOUNTS), market(), crisis))
    large = attribution_test(found, delta_gamma(crisis))
    assert (large.zone != Zone.GREEN).any(), large
    assert large.correlation.min() < usual.correlation.min()
