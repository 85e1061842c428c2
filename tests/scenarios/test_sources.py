"""Scenario sources: contracts of all, and each against a hand count."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from kinds import ETH, SOURCES, STETH, closes, market, name
from reference import reference

from jaxmargin.errors import InvalidInputError
from jaxmargin.scenarios import HistoricalSimulation, SpotVolatilityGrid

by_name = pytest.mark.parametrize("source", SOURCES, ids=name)
KEY = jax.random.key(7)


@by_name
def test_scenarios_are_finite_weighted_and_fit_the_market(source):
    made = source.shocks(market(), KEY)
    count = made.weight.shape[0]
    assert made.spot.shape == (5, count) and made.volatility.shape == (4, count)
    assert all(bool(jnp.isfinite(leaf).all()) for leaf in jax.tree.leaves(made))
    assert bool((made.weight >= 0.0).all()) and float(made.weight.sum()) == count


@by_name
def test_the_same_key_makes_the_same_scenarios(source):
    first, second = source.shocks(market(), KEY), source.shocks(market(), KEY)
    for left, right in zip(jax.tree.leaves(first), jax.tree.leaves(second), strict=True):
        np.testing.assert_array_equal(left, right)


@by_name
def test_the_numeraire_does_not_move(source):
    assert float(jnp.abs(source.shocks(market(), KEY).spot[4]).max()) == 0.0


@pytest.mark.parametrize("horizon", [1, 2, 5])
def test_historical_returns_overlap_and_are_joint(horizon):
    close = np.asarray(closes(20))
    made = HistoricalSimulation(jnp.asarray(close), horizon).shocks(market(), KEY)
    for asset in range(5):
        for day in range(20 - horizon):
            expected = np.log(close[day + horizon, asset] / close[day, asset])
            if asset == STETH:  # follows ETH: its own move is that of the ratio
                expected -= np.log(close[day + horizon, ETH] / close[day, ETH])
            assert float(made.spot[asset, day]) == pytest.approx(expected, abs=1e-14)
    assert made.spot.shape[1] == 20 - horizon and float(made.overlap) == horizon
    np.testing.assert_allclose(made.time, horizon / 365.0, rtol=1e-15)


def test_a_grid_has_every_pair_of_moves_in_order():
    grid = SpotVolatilityGrid(
        jnp.array([-0.1, 0.2]), jnp.array([-0.25, 0.0, 0.5]), jnp.array([1.0, 1.0, 0.0, 0.5, 0.0])
    )
    made = grid.shocks(market(), KEY)
    np.testing.assert_allclose(jnp.exp(made.spot[0]), [0.9, 0.9, 0.9, 1.2, 1.2, 1.2], rtol=1e-14)
    np.testing.assert_allclose(jnp.exp(made.spot[3]), np.sqrt(jnp.exp(made.spot[0])), rtol=1e-14)
    np.testing.assert_allclose(
        jnp.exp(made.volatility[2]), [0.75, 1.0, 1.5, 0.75, 1.0, 1.5], rtol=1e-14
    )
    assert float(jnp.abs(made.spot[2]).max()) == 0.0 and float(made.time.max()) == 0.0


def test_a_history_shorter_than_the_horizon_is_refused():
    with pytest.raises(InvalidInputError, match="more than horizon_days = 5 days; got 5"):
        HistoricalSimulation(closes(5), 5)
    with pytest.raises(InvalidInputError, match="horizon_days must be at least 1; got 0"):
        HistoricalSimulation(closes(5), 0)


def test_a_history_of_other_assets_is_refused():
    with pytest.raises(InvalidInputError, match="4 columns for 5 assets"):
        HistoricalSimulation(closes(9)[:, :4]).shocks(market(), KEY)
    with pytest.raises(InvalidInputError, match="got 2 for 5 assets"):
        SpotVolatilityGrid(jnp.zeros(1), jnp.zeros(1), jnp.ones(2)).shocks(market(), KEY)


def test_the_crash_of_march_2020_is_among_the_real_returns():
    """BTC -0.465 and ETH -0.551 on 2020-03-12: figures of the data's provenance note."""
    pandas = pytest.importorskip("pandas")
    table = pandas.read_parquet(reference("data/daily_ohlcv_yahoo.parquet"))
    table = table[table["asset"].isin(["BTC", "ETH"]) & (table["date"] >= "2017-11-09")]
    prices = table.pivot(index="date", columns="asset", values="close")
    others = np.ones((len(prices), 3))
    history = np.hstack([prices[["BTC", "ETH"]].to_numpy(), others])
    history[:, STETH] = history[:, ETH]  # a ratio of one
    made = HistoricalSimulation(jnp.asarray(history)).shocks(market(), KEY)
    row = list(prices.index.astype(str).str[:10]).index("2020-03-12") - 1
    np.testing.assert_allclose(made.spot[:3, row], [-0.465, -0.551, 0.0], atol=5e-4)
    assert int(jnp.argmin(made.spot[0])) == row
