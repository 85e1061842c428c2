"""Single against double precision on tightly hedged books, relative to gross notional."""

import jax
import jax.numpy as jnp
import numpy as np
from kinds import market, shocks

from jaxmargin.book import Book, build_positions, pad_instruments
from jaxmargin.instruments import InverseOptions, LinearFutures
from jaxmargin.risk import ExpectedShortfall
from jaxmargin.valuation import revalue

ACCOUNTS, SPOT = 200, 60_000.0


def hedged_book():
    """Long calls, short puts and short futures of one strike and expiry: conversions, near zero.

    In coin-settled options some P&L of second order is left; gross notional is three times the
    spot for each contract held.
    """
    random = np.random.default_rng(17)
    strike = jnp.asarray(np.linspace(45_000.0, 80_000.0, 20))
    options = InverseOptions(
        pillar=jnp.full(40, 1),
        strike=jnp.tile(strike, 2),
        sign=jnp.repeat(jnp.array([1.0, -1.0]), 20),
        settlement=jnp.zeros(40, jnp.int32),
        multiplier=jnp.ones(40),
    )
    future = LinearFutures(
        pillar=jnp.array([1]), settlement=jnp.array([4]), multiplier=jnp.array([1.0])
    )
    padded = (pad_instruments(options), pad_instruments(future))
    size = random.uniform(0.5, 20.0, ACCOUNTS)
    held = random.integers(0, 20, ACCOUNTS)
    account = np.tile(np.arange(ACCOUNTS), 3)
    instrument = np.concatenate([held, 20 + held, np.full(ACCOUNTS, padded[0].strike.shape[0])])
    quantity = np.concatenate([size, -size, -size])
    return Book(padded, build_positions(account, instrument, quantity, accounts=ACCOUNTS)), size


def single(tree):
    return jax.tree.map(
        lambda x: x.astype(jnp.float32) if jnp.issubdtype(x.dtype, jnp.floating) else x, tree
    )


def test_the_error_of_single_precision_is_bounded_by_gross_notional(record_property):
    """At most 1e-6 of gross notional per scenario and 5e-7 for the shortfall: a few roundings."""
    book, size = hedged_book()
    moves = shocks(500, seed=8)
    double = np.asarray(revalue(book, market(), moves))
    rough = revalue(single(book), single(market()), single(moves))
    assert rough.dtype == jnp.float32
    gross = 3.0 * SPOT * size
    error = np.abs(np.asarray(rough) - double).max(axis=1) / gross
    record_property("largest_error_over_gross_notional", float(error.max()))
    print(f"largest error of a scenario over gross notional: {error.max():.1e}")
    assert error.max() < 1e-6
    # the books are hedged: what is left is small against what is held
    assert np.abs(double).max() < 0.02 * gross.max()
    measure = ExpectedShortfall(0.975)
    shortfall = np.asarray(measure(rough, jnp.ones(500, jnp.float32)), np.float64)
    exact = np.asarray(measure(jnp.asarray(double), jnp.ones(500)))
    assert (np.abs(shortfall - exact) / gross).max() < 5e-7
