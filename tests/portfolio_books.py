"""Books and rules for tests of venues' portfolio margin: plain markets, and settings as shipped."""

import copy
import dataclasses

import jax.numpy as jnp
import numpy as np
from scipy.stats import norm

from jaxmargin.book import Book, build_positions
from jaxmargin.io import Problems, build_rulebook, read_rulebook_file, rulebook_library
from jaxmargin.market import Market, QuotedVolatilities


def shipped(kind, name, assets, needed, change=lambda content: None):
    """A rule from the first set that comes with the package, after a change."""
    problems = Problems()
    settings = next(iter(read_rulebook_file(rulebook_library()[name], problems).sets.values()))
    content = copy.deepcopy(settings.content)
    change(content)
    settings = dataclasses.replace(settings, content=content)
    rule = build_rulebook(kind, settings, assets, needed, problems)
    problems.raise_if_any()
    return rule


def margined(rule, batches, quantities, state):
    """Margins of accounts from a row of quantities each, one per contract."""
    table = np.array(quantities, float)
    account, column = np.nonzero(table)
    positions = build_positions(account, column, table[account, column], accounts=len(table))
    return rule.requirement(Book(tuple(batches), positions), state)


def plain_market(spot, perpetual, years, forward, volatility=0.6):
    """Coins and USD, the last asset; a flat volatility for each future, one by coin at most."""
    coins, pillars = len(spot), len(years)
    return Market(
        spot=jnp.array([*spot, 1.0]),
        perpetual=jnp.array([*perpetual, 1.0]),
        asset=jnp.arange(pillars),
        time=jnp.array(years),
        forward=jnp.array(forward),
        rate=jnp.zeros(pillars),
        surface=QuotedVolatilities(
            jnp.array(forward)[:, None] * jnp.array([[0.9, 1.1]]),
            jnp.full((pillars, 2), volatility),
            jnp.ones(pillars),
        ),
        base=jnp.arange(coins + 1),
    )


def black(sign, forward, strike, total):
    """Value before discounting, and d1."""
    d1 = np.log(forward / strike) / total + 0.5 * total
    return sign * (forward * norm.cdf(sign * d1) - strike * norm.cdf(sign * (d1 - total))), d1
