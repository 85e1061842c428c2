"""Liquidation prices where a rule refuses an account at some price, by hand."""

import equinox as eqx
import jax.numpy as jnp
import numpy as np
import pandas as pd
import pytest
from kinds import BTC, USD, market
from portfolio_kinds import DERIBIT

from jaxmargin.book import Book, build_positions
from jaxmargin.errors import InvalidInputError
from jaxmargin.instruments import LinearPerpetuals
from jaxmargin.report import state_lines
from jaxmargin.sensitivities import CrossingStatus, liquidation_moves, liquidation_prices
from jaxmargin.sensitivities._crossings import nearest_crossings, solve_crossing

STATE = market()
SPOT = np.asarray(STATE.spot)
COARSE = liquidation_moves(step=0.4)


def search(coins, equity, rule, accounts=None):
    """Liquidation prices by BTC of accounts with so many coins in its linear perpetual."""
    contracts = LinearPerpetuals(
        asset=jnp.array([BTC]), settlement=jnp.array([USD]), multiplier=jnp.ones(1)
    )
    count = len(coins)
    held = build_positions(np.arange(count), np.zeros(count, int), coins, accounts=count)
    return liquidation_prices(
        rule, Book((contracts,), held), STATE, np.asarray(equity), asset=BTC, moves=COARSE,
        accounts=accounts,
    )  # fmt: skip


@pytest.mark.parametrize("accounts", [None, np.arange(3)])
def test_prices_at_which_a_rule_refuses_one_account_leave_those_of_others_as_they_are(accounts):
    """10 coins pass the threshold, 25 coins at today's price, at +150 %; 2 coins never do.

    The same accounts a thousand times smaller have the same prices, as the rule's margin grows
    with size once the dampener is zero.
    """
    threshold = 2.5 * SPOT[BTC] * 10.0
    rule = eqx.tree_at(
        lambda r: (r.delta_threshold, r.extended_dampener),
        DERIBIT,
        (jnp.full(5, threshold), jnp.zeros(5)),
    )
    coins = np.array([10.0, -2.0, 10.0])
    equity = np.array([0.9, 0.4, 20.0]) * 10.0 * SPOT[BTC]
    found = search(coins, equity, rule, accounts)
    small = search(1e-3 * coins, 1e-3 * equity, rule, accounts)
    known, unknown = CrossingStatus.FOUND, CrossingStatus.UNKNOWN
    none = CrossingStatus.NONE
    assert found.above.status.tolist() == [unknown, known, unknown]
    assert small.above.status.tolist() == [none, known, none]
    assert np.isnan(found.price_above[[0, 2]]).all()
    assert (1.0 + COARSE[COARSE >= 0.0] < 2.5).sum() > 1
    np.testing.assert_allclose(found.above.inner[0], (1.0 + COARSE)[1.0 + COARSE < 2.5].max())
    np.testing.assert_array_equal(found.below.status, small.below.status)
    np.testing.assert_allclose(found.price_below, small.price_below, rtol=1e-9)
    np.testing.assert_allclose(found.price_above[1], small.price_above[1], rtol=1e-9)


def test_a_node_that_is_not_known_ends_the_search_and_the_slopes_but_not_a_crossing_before():
    """By hand: a chord from 1 at 2 to -1 at 3 meets zero at 2.5, on the line from 3 at 1."""
    ratio, nan = np.array([1.0, 2.0, 3.0, 4.0]), np.nan
    table = np.array([[3.0, 1.0, nan, -1.0], [3.0, 1.0, -1.0, nan], [3.0, 2.0, 1.0, 0.5]])
    found = nearest_crossings(table, ratio, 0, step=1)
    assert [CrossingStatus(each).name for each in found.status] == ["UNKNOWN", "FOUND", "NONE"]
    np.testing.assert_array_equal(found.ratio, [nan, 2.5, nan])
    np.testing.assert_array_equal(found.inner, [2.0, 2.0, nan])
    np.testing.assert_array_equal(found.outer, [3.0, 3.0, nan])
    assert found.tolerance[1] < 1e-14 and np.isnan(found.tolerance[[0, 2]]).all()

    def gap(where):
        return nan if 2.4 < where < 2.9 else 5.0 - 2.0 * where

    assert solve_crossing(found, 1, gap) is found and solve_crossing(found, 0, gap) is found
    assert solve_crossing(found, 1, lambda u: 5.2 - 2.0 * u).ratio[1] == pytest.approx(2.6)


def test_an_account_that_a_rule_refuses_today_is_named():
    rule = eqx.tree_at(lambda r: r.delta_threshold, DERIBIT, jnp.full(5, SPOT[BTC]))
    with pytest.raises(InvalidInputError, match="account 1, counted from 0: its delta in a coin"):
        search(np.array([0.5, 2.0]), [1e6, 1e6], rule)


def test_the_summary_counts_prices_that_are_not_known():
    states = pd.DataFrame({"account": ["a"], "status": ["covered"]})
    rows = [("a", "BTC", "below", "none"), ("a", "BTC", "above", "unknown")]
    prices = pd.DataFrame(rows, columns=["account", "asset", "side", "status"])
    line = state_lines(states, prices)[1]
    assert line == "Liquidation by BTC: none at a fall; none at a rise, 1 not known."
