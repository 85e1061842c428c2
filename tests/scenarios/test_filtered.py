"""Filtered historical simulation and the stationary bootstrap: identities and plain loops."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from kinds import history, market

from jaxmargin.errors import InvalidInputError
from jaxmargin.scenarios import (
    EwmaVolatility,
    FactorHistory,
    FilteredHistoricalSimulation,
    GarchVolatility,
    HistoricalSimulation,
    StationaryBootstrap,
)

KEY = jax.random.key(3)
EWMA = EwmaVolatility(jnp.array(0.94))
GARCH = GarchVolatility(jnp.full(8, 2e-5), jnp.full(8, 0.1), jnp.full(8, 0.85))


def filtered(past, model, **settings):
    return FilteredHistoricalSimulation(past, model, **settings).shocks(market(), KEY)


def test_constant_volatility_is_plain_historical_simulation():
    past = history()
    plain = HistoricalSimulation(past).shocks(market(), KEY)
    made = filtered(past, EwmaVolatility(jnp.array(1.0)))
    np.testing.assert_allclose(made.spot, plain.spot, rtol=1e-12, atol=1e-17)
    np.testing.assert_allclose(made.volatility, plain.volatility, rtol=1e-12, atol=1e-17)


def test_larger_moves_scale_scenarios_alike():
    past = history()
    larger = FactorHistory(past.factors, 3.0 * past.moves)
    once, thrice = filtered(past, EWMA), filtered(larger, EWMA)
    np.testing.assert_allclose(thrice.spot, 3.0 * once.spot, rtol=1e-12, atol=1e-17)


def test_each_date_is_its_surprise_at_todays_volatility():
    """By a plain loop over the recursion, from the mean square."""
    past = history(60)
    moves = np.asarray(past.moves)
    variance = (moves**2).mean(axis=0)
    residuals = []
    for row in moves:
        residuals.append(row / np.sqrt(variance))
        variance = 0.94 * variance + 0.06 * row**2
    expected = np.array(residuals) * np.sqrt(variance)
    made = filtered(past, EWMA)
    np.testing.assert_allclose(made.spot[:4], expected[:, :4].T, rtol=1e-11)


def test_dates_stay_together():
    """One date for all factors: the ratio of two residuals is one that has been."""
    past = history(60)
    made = filtered(past, EWMA, paths=500)
    plain = filtered(past, EWMA)
    known = np.asarray(plain.spot[0] / plain.spot[1])
    drawn = np.asarray(made.spot[0] / made.spot[1])
    nearest = np.abs(drawn[:, None] - known[None, :]).min(axis=1)
    assert nearest.max() <= 1e-9 * np.abs(known).max()
    assert len(np.unique(np.round(drawn, 9))) > 40


@pytest.mark.parametrize("model", [EWMA, GARCH])
def test_paths_iterate_the_recursion_with_the_drawn_dates(model):
    past, horizon, paths = history(80), 5, 32
    made = filtered(past, model, paths=paths, horizon_days=horizon)
    moves = np.asarray(past.moves)

    def following(variance, square):
        return np.asarray(model.next_variance(jnp.asarray(variance), jnp.asarray(square)))

    mean = (moves**2).mean(axis=0)
    variance, residuals = following(mean, mean), []
    for row in moves:
        residuals.append(row / np.sqrt(variance))
        variance = following(variance, row**2)
    dates = np.asarray(jax.random.randint(KEY, (horizon, paths), 0, len(moves)))
    for path in range(paths):
        today, total = variance, 0.0
        for date in dates[:, path]:
            move = residuals[date] * np.sqrt(today)
            total, today = total + move, following(today, move**2)
        np.testing.assert_allclose(made.spot[:4, path], total[:4], rtol=1e-10)


def test_a_mean_is_taken_out_before_the_filter():
    past = history()
    mean = past.moves.mean(axis=0)
    shifted = FactorHistory(past.factors, past.moves + 0.01)
    made = FilteredHistoricalSimulation(shifted, EWMA, mean + 0.01).shocks(market(), KEY)
    plain = FilteredHistoricalSimulation(past, EWMA, mean).shocks(market(), KEY)
    np.testing.assert_allclose(made.spot, plain.spot, rtol=1e-9, atol=1e-15)


def test_blocks_follow_each_other_and_have_the_stated_mean_length():
    """A history that counts its days shows which were drawn."""
    past = history(101)
    count = jnp.arange(1.0, 101.0)[:, None] * jnp.ones((1, 8))
    source = StationaryBootstrap(FactorHistory(past.factors, count), 4000, 5.0, 2)
    total = np.asarray(source.shocks(market(), KEY).spot[0])
    # two days in a row sum to an odd number, or to 101 over the end; others to any
    in_block = (total % 2 == 1) | (total == 101)
    share = 0.8 + 0.2 * 0.5  # half of the restarts give an odd sum as well
    assert abs(in_block.mean() - share) < 4.0 * np.sqrt(share * (1.0 - share) / 4000)


def test_resampling_does_not_make_a_short_history_longer():
    """100 days over 2 make 50 independent scenarios, however many paths are drawn."""
    past, horizon = history(101), 2
    for source in (
        StationaryBootstrap(past, 4000, 5.0, horizon),
        FilteredHistoricalSimulation(past, EWMA, paths=4000, horizon_days=horizon),
    ):
        made = source.shocks(market(), KEY)
        assert made.weight.shape[0] / float(made.overlap) == pytest.approx(50.0, rel=1e-12)
    few = StationaryBootstrap(past, 20, 5.0, horizon).shocks(market(), KEY)
    assert float(few.overlap) == 1.0


def test_a_block_of_one_day_draws_days_independently():
    past = history()
    horizon = 10
    made = StationaryBootstrap(past, 20_000, 1.0, horizon).shocks(market(), KEY)
    moves = np.asarray(past.moves[:, 0])
    expected = horizon * moves.var()
    error = expected * np.sqrt(2.2 / 20_000)  # kurtosis of a sum of ten is near 3
    assert abs(np.asarray(made.spot[0]).var() - expected) < 4.0 * error
    whole = StationaryBootstrap(past, 20_000, 1e9, horizon).shocks(market(), KEY)
    windows = np.array([np.roll(moves, -i)[:horizon].sum() for i in range(len(moves))])
    assert set(np.round(np.asarray(whole.spot[0]), 12)) <= set(np.round(windows, 12))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda p: FilteredHistoricalSimulation(p, EWMA, horizon_days=3),
            "give the number of paths",
        ),
        (lambda p: FilteredHistoricalSimulation(p, EWMA, paths=0), "paths must be at least 1"),
        (lambda p: FilteredHistoricalSimulation(p, EWMA, horizon_days=0), "horizon_days must be"),
        (lambda p: StationaryBootstrap(p, 0), "paths must be at least 1; got 0"),
        (lambda p: StationaryBootstrap(p, 9, 0.5), "mean_block_days must be at least 1; got 0.5"),
    ],
)
def test_settings_out_of_range_are_refused(make, message):
    with pytest.raises(InvalidInputError, match=message):
        make(history(20))
