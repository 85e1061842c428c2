"""Tests of exceedances at their limits, of many portfolios, and how often they reject."""

import numpy as np
import pytest
import scipy.stats
from forecasts import clustered_hits, hits_on, random_hits

from jaxmargin.backtest import (
    ZoneLimits,
    binomial_test,
    conditional_coverage_test,
    duration_shape,
    duration_test,
    dynamic_quantile_test,
    exact_binomial_test,
    find_exceedances,
    first_exceedance_test,
    independence_test,
    kupiec_test,
    time_between_independence_test,
    time_between_test,
)
from jaxmargin.errors import InvalidInputError


@pytest.mark.parametrize("level", [0.5, 0.95, 0.99, 0.999])
def test_series_without_and_with_nothing_but_exceedances_have_their_limits(level):
    days = 4000
    none, always = np.zeros(days, bool), np.ones(days, bool)
    empty, full = -2.0 * days * np.log(level), -2.0 * days * np.log(1.0 - level)
    for hits, expected in ((none, empty), (always, full)):
        count = int(hits.sum())
        kupiec, mixed = (
            kupiec_test(count, days, level=level),
            conditional_coverage_test(hits, level=level),
        )
        np.testing.assert_allclose([kupiec.statistic, mixed.statistic], expected, rtol=1e-10)
        assert independence_test(hits).statistic == 0.0 and independence_test(hits).p_value == 1.0
        assert np.isfinite(kupiec.p_value)
    np.testing.assert_allclose(
        first_exceedance_test(none, level=level).statistic, empty, rtol=1e-10
    )
    np.testing.assert_allclose(time_between_test(none, level=level).statistic, empty, rtol=1e-10)
    np.testing.assert_allclose(
        time_between_independence_test(always, level=level).statistic, full, rtol=1e-10
    )
    for hits in (none, hits_on(days, 17)):
        assert np.isnan(duration_test(hits).p_value) and np.isnan(duration_shape(hits))
        assert not duration_test(hits).rejected()
    assert np.isnan(time_between_independence_test(none, level=level).p_value)


def test_no_pair_of_exceedances_counts_as_zero_times_the_logarithm_of_zero():
    hits = hits_on(12, 3, 6, 9)
    # n00 = 5, n01 = 3, n10 = 3, n11 = 0: by hand with 0 ln 0 = 0
    together = 8 * np.log(8 / 11) + 3 * np.log(3 / 11)
    apart = 5 * np.log(5 / 8) + 3 * np.log(3 / 8)
    np.testing.assert_allclose(
        independence_test(hits).statistic, -2.0 * (together - apart), rtol=1e-13
    )


def test_every_test_of_many_portfolios_is_the_test_of_each():
    hits = random_hits(6, 300, 0.05).reshape(2, 3, 300)
    hits[0, 0], hits[0, 1] = False, True
    losses = np.random.default_rng(3).standard_normal(hits.shape)
    value_at_risk = np.where(hits, losses - 0.1, losses + 0.1)
    tests = [
        independence_test,
        duration_test,
        lambda h: conditional_coverage_test(h, level=0.95),
        lambda h: first_exceedance_test(h, level=0.95),
        lambda h: time_between_test(h, level=0.95),
        lambda h: kupiec_test(h.sum(axis=-1), 300, level=0.95),
    ]
    for test in tests:
        together = test(hits)
        assert together.statistic.shape == together.p_value.shape == (2, 3)
        for place in np.ndindex(2, 3):
            alone = test(hits[place])
            np.testing.assert_allclose(together.statistic[place], alone.statistic, rtol=1e-12)
            np.testing.assert_allclose(together.p_value[place], alone.p_value, rtol=1e-12)
    together = dynamic_quantile_test(losses, value_at_risk, level=0.95)
    alone = dynamic_quantile_test(losses[1, 2], value_at_risk[1, 2], level=0.95)
    np.testing.assert_allclose(together.statistic[1, 2], alone.statistic, rtol=1e-10)


DAYS, TAIL, PORTFOLIOS = 1000, 0.05, 2000


def rejections(result):
    return float(np.mean(result.rejected(0.95)))


def test_right_models_are_rejected_about_as_often_as_promised():
    # 2,000 portfolios: the share has a standard error of 0.005; the rest of the room is for
    # discreteness and for asymptotic distributions at 1,000 days
    hits = random_hits(PORTFOLIOS, DAYS, TAIL)
    count, level = hits.sum(axis=-1), 1.0 - TAIL
    for result in (
        binomial_test(count, DAYS, level=level),
        kupiec_test(count, DAYS, level=level),
        independence_test(hits),
        conditional_coverage_test(hits, level=level),
    ):
        assert 0.03 < rejections(result) < 0.08
    assert 0.025 < rejections(exact_binomial_test(count, DAYS, level=level)) <= 0.055
    assert 0.03 < rejections(duration_test(hits)) < 0.13  # durations are whole days, not continuous
    # Haas's chi-square is one of 50 exponential-like gaps, for which it is known to be too small
    assert 0.03 < rejections(first_exceedance_test(hits, level=level)) < 0.09
    assert 0.03 < rejections(time_between_test(hits, level=level)) < 0.25
    normal = np.random.default_rng(9).standard_normal((400, DAYS))
    fixed = np.full(normal.shape, scipy.stats.norm.ppf(level))
    assert 0.02 < rejections(dynamic_quantile_test(normal, fixed, level=level)) < 0.10


def test_too_low_a_value_at_risk_is_found_by_the_tests_of_coverage():
    hits = random_hits(500, DAYS, 2.0 * TAIL)
    count, level = hits.sum(axis=-1), 1.0 - TAIL
    for result in (
        binomial_test(count, DAYS, level=level),
        exact_binomial_test(count, DAYS, level=level),
        kupiec_test(count, DAYS, level=level),
        conditional_coverage_test(hits, level=level),
    ):
        assert rejections(result) > 0.98
    assert rejections(independence_test(hits)) < 0.1  # not what it looks for


def test_clusters_are_found_by_the_tests_of_independence():
    hits = clustered_hits(500, DAYS, TAIL, 0.3)
    level = 1.0 - TAIL
    assert rejections(independence_test(hits)) > 0.95
    assert rejections(conditional_coverage_test(hits, level=level)) > 0.95
    assert rejections(duration_test(hits)) > 0.8
    assert rejections(time_between_independence_test(hits, level=level)) > 0.9
    assert np.mean(duration_shape(hits)) < 0.85
    losses = np.where(hits, 2.0, 0.0) + 0.1 * np.random.default_rng(1).random(hits.shape)
    assert rejections(dynamic_quantile_test(losses, np.ones_like(losses), level=level)) > 0.95


def test_unusable_input_ends_with_one_clear_line():
    good = np.array([1.0, 2.0])
    for call, message in (
        (lambda: kupiec_test(3, 2, level=0.95), "0 <= exceedances <= days"),
        (lambda: kupiec_test(3, 20, level=95.0), "must lie in \\(0, 1\\); got 95.0"),
        (lambda: find_exceedances(good, np.array([1.0, np.nan])), "value_at_risk must be finite"),
        (lambda: find_exceedances(np.zeros(0), np.zeros(0)), "one day at least"),
        (lambda: dynamic_quantile_test(good, good, level=0.9), "days >= 2 \\* lags"),
        (lambda: ZoneLimits(0.99, 0.95), "yellow < red"),
        (lambda: kupiec_test(3, 20, level=0.95).rejected(5.0), "level must lie in"),
    ):
        with pytest.raises(InvalidInputError, match=message):
            call()
