"""A made-up market, options, scenarios and accounts, which the benchmarks of margin share."""

import jax
import jax.numpy as jnp
import numpy as np

from jaxmargin.instruments import InverseOptions
from jaxmargin.market import Market, QuotedVolatilities
from jaxmargin.scenarios import Shocks

SPOT, PILLARS, NODES, DAYS = 60_000.0, 24, 40, 1


def market():
    """One coin, 24 expiries from a week to eleven months, and a smile for each."""
    years = np.linspace(0.02, 0.9, PILLARS)
    forward = SPOT * np.exp(0.04 * years)
    strikes = forward[:, None] * np.linspace(0.5, 1.8, NODES)
    quotes = 0.5 + 0.3 * np.log(strikes / forward[:, None]) ** 2
    return Market(
        spot=jnp.array([SPOT]),
        perpetual=jnp.array([SPOT]),
        asset=jnp.zeros(PILLARS, jnp.int32),
        time=jnp.asarray(years),
        forward=jnp.asarray(forward),
        rate=jnp.zeros(PILLARS),
        surface=QuotedVolatilities(jnp.asarray(strikes), jnp.asarray(quotes), jnp.ones(PILLARS)),
    )


def options(random, count, state):
    """Inverse options with strikes between the quoted ones, sorted by expiry."""
    pillar = np.sort(random.integers(0, PILLARS, count)).astype(np.int32)
    forward = np.asarray(state.forward, np.float64)[pillar]
    return InverseOptions(
        pillar=jnp.asarray(pillar),
        strike=jnp.asarray(forward * random.uniform(0.55, 1.75, count)),
        sign=jnp.asarray(random.choice([-1.0, 1.0], count)),
        settlement=jnp.zeros(count, jnp.int32),
        multiplier=jnp.ones(count),
    )


def shocks(random, scenarios):
    """Heavy-tailed one-day moves of the coin, and moves of each expiry's volatility."""
    spot = 0.025 * random.standard_t(4, scenarios)
    own = 0.02 * random.normal(size=(PILLARS, scenarios))
    level = -1.0 * spot + 0.05 * random.normal(size=scenarios)
    return Shocks(
        spot=jnp.asarray(spot[None, :]),
        time=jnp.full(scenarios, DAYS / 365),
        weight=jnp.ones(scenarios),
        overlap=jnp.ones(()),
        volatility=jnp.asarray(level + own),
    )


def held(random, accounts, width, contracts):
    """Account, contract and quantity of every position; no account holds a contract twice.

    Contracts are a random start and random steps onward, around the end; no loop over accounts.
    """
    step = random.integers(1, contracts // width + 1, (accounts, width))
    first = random.integers(0, contracts, (accounts, 1))
    instrument = (first + np.cumsum(step, axis=1)) % contracts
    account = np.repeat(np.arange(accounts), width)
    return account, instrument.reshape(-1), random.normal(size=accounts * width)


def as_type(tree, dtype):
    """`tree` with all floating-point arrays in `dtype`."""
    return jax.tree.map(
        lambda x: x.astype(dtype) if jnp.issubdtype(x.dtype, jnp.floating) else x, tree
    )


def shortfall_error(shortfall, pnl, held, *, every, level):
    """Largest error of each `every`-th account's ES, over its gross notional.

    Against NumPy's sorted sums in double precision over the contract P&L `pnl`. Positions are
    ordered by account.
    """
    account, instrument, quantity = held
    shortfall, pnl = np.asarray(shortfall, np.float64), np.asarray(pnl)
    tail = round((1.0 - level) * pnl.shape[1], 9)
    weight = np.clip(tail - np.arange(pnl.shape[1]), 0.0, 1.0) / tail
    errors = []
    for row in range(0, shortfall.size, every):
        mine = slice(*np.searchsorted(account, (row, row + 1)))
        total = np.sort(quantity[mine] @ pnl[instrument[mine]].astype(np.float64))
        gross = np.abs(quantity[mine]).sum() * SPOT
        errors.append(abs(shortfall[row] + total @ weight) / gross)
    return float(max(errors))
