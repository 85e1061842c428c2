"""Measures of sliding windows, known coverage, and what is made of a rolling backtest."""

import jax.numpy as jnp
import numpy as np
import pytest
import rolling_loops as loops
import scipy.stats

from jaxmargin.backtest import (
    ConstantWeights,
    RollingBacktest,
    backtest_pnl,
    filtered_model,
    made_up_portfolios,
    measure_names,
    run_backtest,
    with_tools,
)
from jaxmargin.errors import InvalidInputError
from jaxmargin.margin.procyclicality import EwmaFloor, StressedWeight
from jaxmargin.risk import ExpectedShortfall, ValueAtRisk, WorstCase
from jaxmargin.scenarios import EwmaVolatility

LEVELS = (0.5, 0.9, 0.925, 0.99)  # tails of 20, 4, 3 and 0.4 days in a window of 40


def small(margin, loss=None, day=None, horizon=1):
    margin = np.asarray(margin, np.float64)[:, None, None]
    loss = np.zeros(margin.shape[:2]) if loss is None else np.asarray(loss, np.float64)[:, None]
    day = np.arange(margin.shape[0]) if day is None else np.asarray(day)
    return RollingBacktest(margin, loss, np.ones(1), day, horizon)


@pytest.mark.parametrize("days", [41, 80, 81, 135])
def test_windows_that_slide_have_the_measures_of_windows_sorted_one_by_one(days):
    pnl = np.random.default_rng(days).integers(-30, 30, (days, 3)).astype(np.float64)  # with ties
    measures = [kind(level) for level in LEVELS for kind in (ExpectedShortfall, ValueAtRisk)]
    found = backtest_pnl(pnl, [*measures, WorstCase()], window=40)
    assert found.margin.shape == (days - 40, 3, 9)
    for row, day in enumerate(found.day):
        for column in range(3):
            losses = -pnl[day - 39 : day + 1, column]
            expected = [
                measure(losses, level)
                for level in LEVELS
                for measure in (loops.expected_shortfall, loops.value_at_risk)
            ]
            np.testing.assert_allclose(
                found.margin[row, column], [*expected, losses.max()], rtol=1e-12
            )


def test_weights_that_are_all_the_same_change_nothing():
    pnl = np.random.default_rng(0).normal(size=(50, 4))
    measures = (ExpectedShortfall(0.93), ValueAtRisk(0.9))
    alike = backtest_pnl(pnl, measures, window=30, weight=jnp.full(30, 2.5))
    np.testing.assert_allclose(
        alike.margin, backtest_pnl(pnl, measures, window=30).margin, rtol=1e-12
    )
    np.testing.assert_allclose(alike.tail_count, [2.1, 3.0], rtol=1e-12)


@pytest.mark.parametrize(("level", "rank"), [(0.99, 3), (0.95, 13)])
def test_exceedances_of_independent_days_are_as_many_as_ranks_say(level, rank):
    """The next of 251 independent losses is above the k-th largest of 250 with chance k / 251."""
    count = 20_000
    pnl = np.random.default_rng(3).standard_t(3, (251, count))
    hits = backtest_pnl(pnl, (ValueAtRisk(level),), window=250).exceeded().sum()
    low, high = scipy.stats.binom.interval(1.0 - 1e-6, count, rank / 251)
    assert low <= hits <= high


def test_filtered_margins_cover_as_ranks_say_when_volatility_moves_as_the_model_has_it():
    """Of 800 assets on the last day; the first variance has a weight of 0.9^100 by then."""
    random, decay, count = np.random.default_rng(6), 0.9, 800
    variance, returns = np.full(count, 1e-4), []
    for _ in range(201):
        returns.append(np.sqrt(variance) * random.standard_t(6, count) * np.sqrt(4.0 / 6.0))
        variance = decay * variance + (1.0 - decay) * returns[-1] ** 2
    returns = np.array(returns)[99:]
    model = filtered_model(jnp.asarray(returns), EwmaVolatility(jnp.asarray(decay)), window=101)
    found = run_backtest(model, ConstantWeights(jnp.eye(count)), returns, (ValueAtRisk(0.9),))
    low, high = scipy.stats.binom.interval(1.0 - 1e-6, count, 11 / 102)
    assert low <= found.exceeded()[-1].sum() <= high


def test_days_apart_are_a_horizon_from_each_other():
    every = small([5.0, 6.0, 7.0, 8.0, 9.0], day=[10, 11, 12, 13, 14], horizon=2)
    assert every.apart().day.tolist() == [10, 12, 14]
    assert every.apart().margin[:, 0, 0].tolist() == [5.0, 7.0, 9.0]
    assert every.apart().apart().day.tolist() == [10, 12, 14]


def test_margins_that_do_not_overlap_are_every_horizon_th_of_all():
    pnl = np.random.default_rng(2).normal(size=(40, 2))
    every, apart = (
        backtest_pnl(pnl, (ValueAtRisk(0.9),), window=20, horizon_days=3, overlapping=overlapping)
        for overlapping in (True, False)
    )
    np.testing.assert_array_equal(every.apart().day, apart.day)
    np.testing.assert_array_equal(every.apart().margin, apart.margin)
    np.testing.assert_array_equal(every.apart().loss, apart.loss)


def test_a_quarter_of_stressed_margin_and_a_slow_floor_come_on_top():
    """0.75 m + 0.25 max(m, 8) is 5, 10, 5; its average of half-life 1 is 5, 7.5, 6.25."""
    day = small([4.0, 10.0, 4.0])
    stressed = small([8.0, 8.0, 8.0])
    weighted = with_tools(day, (StressedWeight(0.25),), stressed=stressed)
    assert weighted.margin[:, 0, 0].tolist() == [5.0, 10.0, 5.0]
    both = with_tools(day, (StressedWeight(0.25), EwmaFloor(1.0)), stressed=stressed)
    assert both.margin[:, 0, 0].tolist() == pytest.approx([5.0, 10.0, 6.25])
    with pytest.raises(InvalidInputError, match="of the same days"):
        with_tools(day, (StressedWeight(0.25),), stressed=small([8.0]))


def test_structured_portfolios_have_names_and_the_weights_that_they_say():
    past = np.array([[0.1, -0.2, 0.3, 0.0], [0.0, 0.1, 0.0, -0.1]])  # sums 0.1, -0.1, 0.3, -0.1
    made = made_up_portfolios(["BTC", "ETH", "XRP", "LTC"], 60, seed=3, past=past)
    of = dict(zip(made.names, made.exposure, strict=True))
    np.testing.assert_allclose(of["short ETH"], [0, -1, 0, 0])
    np.testing.assert_allclose(of["long BTC against XRP"], [0.5, 0, -0.5, 0])
    np.testing.assert_allclose(of["long basket against BTC"], np.array([-3, 1, 1, 1]) / 6)
    np.testing.assert_allclose(of["long ETH against basket"], np.array([-1, 3, -1, -1]) / 6)
    assert of["long winners against losers"][[0, 2]].tolist() == [0.25, 0.25]
    assert len(made.names) == len(set(made.names)) == 60
    np.testing.assert_allclose(np.abs(made.exposure).sum(axis=1), 1.0)
    again = made_up_portfolios(["BTC", "ETH", "XRP", "LTC"], 60, seed=3, past=past)
    np.testing.assert_array_equal(made.exposure, again.exposure)


def test_measures_are_named_by_kind_and_level():
    names = measure_names((ExpectedShortfall(0.975), ValueAtRisk(0.99), WorstCase()))
    assert names == ["ES 97.5 %", "VaR 99 %", "worst case"]
