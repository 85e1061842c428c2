"""Scenario sources: contracts of all, and the simple ones against a hand count."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from kinds import BTC, ETH, SOURCES, STETH, USDC, closes, history, market, name
from reference import reference

from jaxmargin.errors import InvalidInputError
from jaxmargin.margin import RiskMeasureRulebook
from jaxmargin.market import Market
from jaxmargin.risk import ExpectedShortfall
from jaxmargin.scenarios import (
    DepegJumps,
    HistoricalSimulation,
    SpotVolatilityGrid,
    price_history,
)

by_name = pytest.mark.parametrize("source", SOURCES, ids=name)
KEY = jax.random.key(7)


def one_asset_fewer():
    whole = market()
    return Market(
        whole.spot[:4], whole.perpetual[:4], whole.asset, whole.time, whole.forward, whole.rate,
        whole.surface,
    )  # fmt: skip


@by_name
def test_scenarios_are_finite_weighted_and_fit_the_market(source):
    made = source.shocks(market(), KEY)
    count = made.weight.shape[0]
    assert made.spot.shape == (5, count)
    assert all(leaf.shape[-1] == count for leaf in jax.tree.leaves(made) if leaf.ndim)
    assert all(bool(jnp.isfinite(leaf).all()) for leaf in jax.tree.leaves(made))
    assert bool((made.weight >= 0.0).all())
    assert float(made.weight.sum()) == pytest.approx(count, rel=1e-12)


@by_name
def test_the_same_key_makes_the_same_scenarios(source):
    first, second = source.shocks(market(), KEY), source.shocks(market(), KEY)
    for left, right in zip(jax.tree.leaves(first), jax.tree.leaves(second), strict=True):
        np.testing.assert_array_equal(left, right)


@by_name
def test_another_key_makes_others_exactly_where_there_is_chance(source):
    first, second = source.shocks(market(), KEY), source.shocks(market(), jax.random.key(8))
    still = {"HistoricalSimulation", "SpotVolatilityGrid", "TenorScaledGrid", "GivenScenarios"}
    assert bool(jnp.array_equal(first.spot, second.spot)) == (name(source) in still)


@by_name
def test_the_numeraire_does_not_move(source):
    assert float(jnp.abs(source.shocks(market(), KEY).spot[4]).max()) == 0.0


@by_name
def test_a_market_of_other_assets_is_refused(source):
    with pytest.raises(InvalidInputError, match="assets"):
        source.shocks(one_asset_fewer(), KEY)


@by_name
def test_every_source_serves_a_rulebook_and_a_jit(source):
    from kinds import book

    rulebook = RiskMeasureRulebook(source, KEY, ExpectedShortfall(0.9))
    result = rulebook.requirement(book(), market())
    assert bool(jnp.isfinite(result.initial).all()) and float(result.initial.max()) > 0.0
    jitted = jax.jit(lambda source, market, key: source.shocks(market, key))
    made, plain = jitted(source, market(), KEY), source.shocks(market(), KEY)
    np.testing.assert_allclose(made.spot, plain.spot, rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("horizon", [1, 2, 5])
def test_historical_returns_overlap_and_are_joint(horizon):
    close = np.asarray(closes(20))
    made = HistoricalSimulation(history(20), horizon_days=horizon).shocks(market(), KEY)
    for asset in range(4):
        for day in range(20 - horizon):
            expected = np.log(close[day + horizon, asset] / close[day, asset])
            if asset == STETH:  # follows ETH: its own move is that of the ratio
                expected -= np.log(close[day + horizon, ETH] / close[day, ETH])
            assert float(made.spot[asset, day]) == pytest.approx(expected, abs=1e-14)
    assert made.spot.shape[1] == 20 - horizon and float(made.overlap) == horizon
    np.testing.assert_allclose(made.time, horizon / 365.0, rtol=1e-15)
    moves = np.asarray(history(20).moves)
    level = np.array([moves[day : day + horizon, 4].sum() for day in range(20 - horizon)])
    np.testing.assert_allclose(made.volatility, [level] * 3 + [0.0 * level], atol=1e-14)


def test_age_weights_fall_by_the_decay_each_day():
    """Boudoukh et al.: the weight of age i is lambda^i (1 - lambda) / (1 - lambda^n)."""
    made = HistoricalSimulation(history(51), decay=0.98).shocks(market(), KEY)
    expected = 0.98 ** np.arange(49, -1, -1) * 0.02 / (1.0 - 0.98**50)
    np.testing.assert_allclose(made.weight / made.weight.sum(), expected, rtol=1e-12)
    equal = HistoricalSimulation(history(51)).shocks(market(), KEY)
    np.testing.assert_array_equal(equal.weight, np.ones(50))


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


def test_depegs_split_each_scenario_by_their_probability():
    plain = HistoricalSimulation(history())
    source = DepegJumps(
        plain, (USDC, STETH), jnp.array([0.5, 1.5]), jnp.array([0.1, 0.02]),
        leader=BTC, crash=0.03, crash_multiple=10.0,
    )  # fmt: skip
    before, after = plain.shocks(market(), KEY), source.shocks(market(), KEY)
    days = before.weight.shape[0]
    np.testing.assert_array_equal(after.spot[:, :days], before.spot)
    crash = np.asarray(before.spot[BTC]) < -0.03
    assert 5 < crash.sum() < days / 2
    probability = 1.0 - np.exp(-2.0 / 365.0 * np.where(crash, 10.0, 1.0))
    share = np.asarray(after.weight[days:] / (after.weight[:days] + after.weight[days:]))
    np.testing.assert_allclose(share, probability, rtol=1e-12)
    fall = np.asarray(before.spot - after.spot[:, days:])
    assert ((fall > 0.0).sum(axis=0) == 1).all()  # exactly one asset depegs, and falls
    assert not fall[[BTC, ETH, 4]].any()
    staked = fall[STETH] > 0.0  # three times as often: 75 % of 259, +-4 deviations
    assert abs(staked.sum() - 0.75 * days) < 4.0 * np.sqrt(days * 0.75 * 0.25)
    mean = fall[STETH][staked].mean()
    assert abs(mean - 0.02) < 4.0 * 0.02 / np.sqrt(staked.sum())


def test_a_crash_of_a_leader_that_follows_another_asset_is_that_of_its_price():
    plain = HistoricalSimulation(history())

    def shares(leader):
        made = DepegJumps(
            plain, (USDC,), jnp.array([0.5]), jnp.array([0.1]), leader=leader, crash=0.05,
            crash_multiple=10.0,
        ).shocks(market(), KEY)  # fmt: skip
        return np.asarray(made.weight[259:] / made.weight[:259])

    prices = plain.shocks(market(), KEY).spot
    both = np.asarray(prices[STETH] + prices[ETH])
    assert ((shares(STETH) > 1.01 * shares(STETH).min()) == (both < -0.05)).all()
    assert ((shares(ETH) > 1.01 * shares(ETH).min()) == (np.asarray(prices[ETH]) < -0.05)).all()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"horizon_days": 0}, "horizon_days must be at least 1; got 0"),
        ({"horizon_days": 5}, "at least horizon_days = 5 days; got 4"),
    ],
)
def test_a_history_shorter_than_the_horizon_is_refused(change, message):
    with pytest.raises(InvalidInputError, match=message):
        HistoricalSimulation(history(5), **change)


def test_depegs_that_do_not_fit_are_refused():
    plain = HistoricalSimulation(history())
    rate, size = jnp.array([0.5]), jnp.array([0.1])
    with pytest.raises(InvalidInputError, match="one per_year and one size for each of 2"):
        DepegJumps(plain, (USDC, STETH), rate, size)
    with pytest.raises(InvalidInputError, match="crash is a log fall and must be positive"):
        DepegJumps(plain, (USDC,), rate, size, crash=-0.1)
    with pytest.raises(InvalidInputError, match="crash_multiple must be at least 1"):
        DepegJumps(plain, (USDC,), rate, size, crash_multiple=0.5)
    with pytest.raises(InvalidInputError, match="the market has assets 0 to 4; got"):
        DepegJumps(plain, (9,), rate, size).shocks(market(), KEY)


def test_the_crash_days_are_among_the_real_returns():
    """Log returns of the data's provenance note, on their days."""
    pandas = pytest.importorskip("pandas")
    table = pandas.read_parquet(reference("data/daily_ohlcv_yahoo.parquet"))
    table = table[table["asset"].isin(["BTC", "ETH"]) & (table["date"] >= "2017-11-09")]
    prices = table.pivot(index="date", columns="asset", values="close")
    days = list(prices.index.astype(str).str[:10])
    past = price_history(jnp.asarray(prices[["BTC", "ETH"]].to_numpy()), market(), (BTC, ETH))
    made = HistoricalSimulation(past).shocks(market(), KEY)
    for day, moves in {
        "2020-03-12": [-0.465, -0.551],
        "2021-05-19": [-0.148, -0.317],
        "2022-06-13": [-0.174, -0.182],
    }.items():
        np.testing.assert_allclose(made.spot[:2, days.index(day) - 1], moves, atol=5e-4)
    assert int(jnp.argmin(made.spot[0])) == days.index("2020-03-12") - 1
    assert float(jnp.abs(made.spot[2:]).max()) == 0.0
