"""Deltas in coins of linear, inverse and spot contracts, by hand."""

import jax.numpy as jnp
import numpy as np
from portfolio_books import plain_market

from jaxmargin.book import Book, build_positions
from jaxmargin.instruments import InversePerpetuals, LinearPerpetuals, Spot
from jaxmargin.systemic import linear_positions


def test_linear_contracts_are_their_coins_and_inverse_ones_their_dollars():
    market = plain_market([100.0, 10.0], [101.0, 10.0], [0.5, 0.5], [102.0, 11.0])
    usd, one = jnp.array([2]), jnp.array([1.0])
    book = Book(
        (
            Spot(jnp.array([1]), usd, one),
            LinearPerpetuals(jnp.array([0]), usd, jnp.array([2.0])),
            InversePerpetuals(jnp.array([0]), jnp.array([0]), jnp.array([10.0])),
        ),
        build_positions(
            np.array([0, 0, 1, 2]), np.array([0, 1, 2, 1]), np.array([7.0, 3.0, 5.0, -1.0]),
            accounts=3,
        ),
    )  # fmt: skip
    found = linear_positions(book, market)
    expected = [
        # a perpetual at 101 moves by 1.01 for each 1 of spot; what it is worth is owed in dollars
        [2.0 * 3.0 * 1.01, 7.0, -2.0 * 3.0 * 101.0 - 7.0 * 10.0],
        [10.0 * 5.0 / 101.0, 0.0, 0.0],  # 50 dollars at a mark of 101, paid in coins
        [-2.0 * 1.01, 0.0, 2.0 * 101.0],
    ]
    np.testing.assert_allclose(found, expected, rtol=1e-12)
