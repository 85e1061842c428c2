"""What is padded, cut or chunked to keep shapes changes no number."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from kinds import BTC, ETH, MEASURES, SOURCES, USDC, market, name, shocks
from scipy.stats.mstats import hdquantiles

from jaxmargin.book import Book, build_positions
from jaxmargin.instruments import LinearOptions, LinearPerpetuals
from jaxmargin.risk import HarrellDavis
from jaxmargin.scenarios import pad_scenarios
from jaxmargin.valuation import contract_pnl, revalue

measured = jax.jit(lambda measure, pnl, weight: measure(pnl, weight))

CONTRACTS = (
    LinearPerpetuals(jnp.array([BTC, ETH]), jnp.array([USDC, USDC]), jnp.array([1.0, 10.0])),
    LinearOptions(
        pillar=jnp.array([1, 2]),
        strike=jnp.array([60_000.0, 55_000.0]),
        sign=jnp.array([1.0, -1.0]),
        settlement=jnp.array([USDC, USDC]),
        multiplier=jnp.ones(2),
    ),
)


def book_of(account, instrument, quantity, accounts):
    positions = build_positions(
        np.asarray(account), np.asarray(instrument), np.asarray(quantity), accounts=accounts
    )
    return Book(CONTRACTS, positions)


@pytest.mark.parametrize("measure", MEASURES, ids=name)
@pytest.mark.parametrize("source", SOURCES, ids=name)
def test_padding_scenarios_changes_no_measure(source, measure):
    held = book_of([0, 1, 1, 2], [0, 1, 2, 3], [1.0, 2.0, -3.0, 1.5], accounts=3)
    moves = source.shocks(market(), jax.random.key(1))
    padded = pad_scenarios(moves)
    assert padded.weight.shape[0] >= moves.weight.shape[0]
    plain = measured(measure, revalue(held, market(), moves), moves.weight)
    result = measured(measure, revalue(held, market(), padded), padded.weight)
    # sums of the same numbers in another order, of accounts of some 1e5 USD gross
    np.testing.assert_allclose(result, plain, rtol=1e-12, atol=1e-9)


@pytest.mark.parametrize("measure", MEASURES, ids=name)
def test_padding_is_not_the_worst_scenario_of_an_account_that_always_gains(measure):
    """Padded scenarios have no profit, which would be worse than any of the nine gains.

    Expected: the smallest gain, and SciPy's own Harrell-Davis quantile.
    """
    gains = np.arange(1.0, 10.0)[None, :]
    padded, weight = np.pad(gains, ((0, 0), (0, 7))), np.pad(np.ones(9), (0, 7))
    found = float(measured(measure, padded, weight)[0])
    if isinstance(measure, HarrellDavis):
        assert found == pytest.approx(-hdquantiles(gains[0], [0.1])[0], rel=1e-12)
    else:
        assert found == -1.0  # a tail of 9 x 0.1 < 1 takes only the worst


@pytest.mark.parametrize("accounts", [70, 5_000])
def test_accounts_beyond_one_chunk_or_one_slice_are_valued_in_their_order(accounts):
    """Rows are cut into chunks of 64 and slices of 4,096; each account holds one contract."""
    random = np.random.default_rng(6)
    rows, quantity = random.integers(0, 4, accounts), random.normal(size=accounts)
    order = random.permutation(accounts)  # positions come in any order
    held = book_of(order, rows[order], quantity[order], accounts=accounts)
    profits = np.asarray(contract_pnl(held, market(), shocks(5)))
    result = revalue(held, market(), shocks(5))
    np.testing.assert_array_equal(result, quantity[:, None] * profits[rows])


def test_an_account_without_positions_has_no_profit_in_any_scenario():
    held = book_of([0, 2], [0, 1], [1.0, 1.0], accounts=4)
    result = np.asarray(revalue(held, market(), shocks(5)))
    np.testing.assert_array_equal(result[[1, 3]], 0.0)
    assert np.abs(result[[0, 2], 1:]).min() > 0.0
