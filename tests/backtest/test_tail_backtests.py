"""Tests of expected shortfall with a distribution of their own, against three R programs."""

import math
from fractions import Fraction

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.stats
from forecasts import real_forecasts
from reference import oracle

from jaxmargin.backtest import (
    ScenarioLosses,
    Zone,
    calibration_test,
    cumulative_violations,
    exceedance_bootstrap_test,
    exceedance_mean_test,
    minimally_biased,
    one_sided_calibration_test,
    probability_transform,
    shortfall_light_start,
    shortfall_ranks_test,
    shortfall_traffic_light,
    simulated_test,
    tail_dependence_test,
    tail_depth_test,
)
from jaxmargin.backtest._shortfall_light import _distribution
from jaxmargin.errors import InvalidInputError

LEVEL = 0.975


def test_probability_transform_counts_worse_scenarios_and_half_of_the_equal_ones():
    pnl = np.array([[-3.0, -2.0, -2.0, 1.0]] * 4)
    found = probability_transform(np.array([4.0, 2.5, 2.0, -5.0]), pnl)
    np.testing.assert_allclose(found, np.array([0.5, 1.5, 2.5, 4.5]) / 5.0, rtol=1e-15)


def test_exceedance_residuals_of_the_real_series_agree_with_R():
    losses, value_at_risk, expected_shortfall, volatility = real_forecasts()
    file = oracle("backtest/r_esback_rugarch_gas.json")
    plain = exceedance_mean_test(losses, value_at_risk, expected_shortfall)
    np.testing.assert_allclose(plain.p_value, file["rugarch_ESTest"]["p.value"], rtol=1e-11)
    published = file["esback_er_B1000_seed1"]
    for sides, name in ((True, "twosided"), (False, "onesided")):
        for scale, kind in ((None, "simple"), (volatility, "standardized")):
            found = exceedance_bootstrap_test(
                losses,
                value_at_risk,
                expected_shortfall,
                jax.random.key(11),
                scale,
                replications=4000,
                two_sided=sides,
            )
            # R's draws are 1,000: standard error 0.014 at most
            np.testing.assert_allclose(found.p_value, published[f"pvalue_{name}_{kind}"], atol=0.03)


def test_exceedance_residuals_need_two_exceedances_that_differ():
    risk, shortfall = np.ones((4, 6)), np.full((4, 6), 2.0)
    losses = np.zeros((4, 6))
    losses[1, 3] = 3.0
    losses[2, :3] = 3.0
    losses[3, :3] = [1.5, 3.0, 2.5]
    plain = exceedance_mean_test(losses, risk, shortfall)
    drawn = exceedance_bootstrap_test(losses, risk, shortfall, jax.random.key(0), replications=200)
    for result in (plain, drawn):
        assert np.isnan(result.p_value).tolist() == [True, True, True, False]
    residuals = np.array([-0.5, 1.0, 0.5])
    expected = residuals.mean() / residuals.std(ddof=1) * np.sqrt(3.0)
    np.testing.assert_allclose(plain.statistic[3], expected, rtol=1e-14)
    np.testing.assert_allclose(drawn.statistic[3], expected, rtol=1e-14)


def test_calibration_of_the_real_series_agrees_with_R():
    series = real_forecasts()
    file = oracle("backtest/r_esback_rugarch_gas.json")
    for hommel, name in ((True, "esback_cc_hommel"), (False, "esback_cc_bonferroni")):
        published = file[name]
        for given, kind in ((series[:3], "simple"), (series, "general")):
            both = calibration_test(*given, level=LEVEL)
            one = one_sided_calibration_test(*given, level=LEVEL, hommel=hommel, as_published=True)
            np.testing.assert_allclose(
                both.p_value, published[f"pvalue_twosided_{kind}"], rtol=1e-11
            )
            np.testing.assert_allclose(
                one.p_value, published[f"pvalue_onesided_{kind}"], rtol=1e-11
            )
            assert both.degrees == (2 if kind == "simple" else 1)
            # the prudent signs see the 155 exceedances where 113 are expected as well
            prudent = one_sided_calibration_test(*given, level=LEVEL, hommel=hommel)
            assert prudent.p_value <= one.p_value


def test_calibration_without_an_exceedance_says_nothing():
    losses, risk, shortfall = np.zeros((2, 50)), np.ones((2, 50)), np.full((2, 50), 2.0)
    losses[1, 4:9] = [1.5, 3.0, 2.5, 1.2, 1.9]
    for test in (calibration_test, one_sided_calibration_test):
        assert np.isnan(test(losses, risk, shortfall, level=0.9).p_value).tolist() == [True, False]


def test_cumulative_violations_and_their_tests_follow_their_formulas():
    uniform = np.random.default_rng(2).random((3, 400))
    depth = cumulative_violations(uniform, level=0.9)
    np.testing.assert_allclose(depth, np.where(uniform < 0.1, 1.0 - uniform / 0.1, 0.0), atol=1e-12)
    unit = tail_depth_test(uniform, level=0.9)
    deviation = np.sqrt(0.1 * (1.0 / 3.0 - 0.1 / 4.0))
    np.testing.assert_allclose(
        unit.statistic, np.sqrt(400) * (depth.mean(axis=-1) - 0.05) / deviation, rtol=1e-12
    )
    for row, found in zip(
        depth - 0.05, tail_dependence_test(uniform, level=0.9, lags=2).statistic, strict=True
    ):
        auto = [
            sum(row[t] * row[t - lag] for t in range(lag, 400)) / (400 - lag) for lag in range(3)
        ]
        np.testing.assert_allclose(
            found, 400 * ((auto[1] / auto[0]) ** 2 + (auto[2] / auto[0]) ** 2), rtol=1e-10
        )
    assert np.isnan(tail_dependence_test(np.full(30, 0.5), level=0.9).p_value)


def test_sums_of_violations_have_the_distribution_of_few_days_in_closed_form():
    x = np.array([0.0, 0.25, 0.5, 1.0])
    for days, expected in (
        (1, 0.9 + 0.1 * x),
        (2, 0.81 + 0.18 * x + 0.005 * x**2),
        (3, 0.729 + 0.243 * x + 0.027 * x**2 / 2.0 + 0.001 * x**3 / 6.0),
    ):
        grid, cumulative = _distribution(days, 0.9)
        np.testing.assert_allclose(np.interp(x[:3], grid, cumulative), expected[:3], atol=2e-6)
    assert np.interp(3.0, grid, cumulative) == pytest.approx(1.0, abs=1e-6)


@pytest.mark.parametrize("tail", [0.01, 0.025])
def test_sums_of_violations_have_the_exact_distribution_of_sums_of_uniform_variables(tail):
    grid, cumulative = _distribution(250, 1.0 - tail)
    chance = scipy.stats.binom.pmf(np.arange(40), 250, tail)
    for share in (0.5, 0.95, 0.9999):
        x = Fraction(shortfall_light_start(250, share, level=1.0 - tail))
        exact = chance[0]
        for number in range(1, 40):  # Irwin and Hall's formula, in rational numbers
            terms = (
                (-1) ** k * math.comb(number, k) * (x - k) ** number
                for k in range(min(math.floor(x), number) + 1)
            )
            exact += chance[number] * float(sum(terms) / math.factorial(number))
        np.testing.assert_allclose(exact, share, rtol=0.0, atol=2e-2 * min(1e-4, 1.0 - share))
        np.testing.assert_allclose(np.interp(float(x), grid, cumulative), share, rtol=1e-12)


@pytest.mark.parametrize("days", [250, 500])
def test_the_shortfall_light_begins_where_simulation_says(days):
    cases = oracle("backtest/costanzino_curran_es_traffic_light.json")["own_monte_carlo"]
    for tail in (0.025, 0.05, 0.01):
        row = cases.get(f"N{days}_a{tail}")
        if row is None:
            continue
        grid, cumulative = _distribution(days, 1.0 - tail)
        mass = np.diff(cumulative, prepend=0.0)
        mean = np.sum(mass * grid)
        np.testing.assert_allclose(mean, row["mean"], rtol=2e-3)  # of half a grid step
        np.testing.assert_allclose(np.sqrt(np.sum(mass * (grid - mean) ** 2)), row["sd"], rtol=3e-4)
        yellow, red = (
            shortfall_light_start(days, share, level=1.0 - tail) for share in (0.95, 0.9999)
        )
        np.testing.assert_allclose(yellow, row["crit95"], rtol=3e-3)
        np.testing.assert_allclose(
            red, row["crit99_99"], rtol=2.5e-2
        )  # noisy: few series lie there


def test_the_shortfall_light_of_right_models_is_green_in_nineteen_of_twenty():
    uniform = np.random.default_rng(6).random((4000, 250))
    uniform[0] = 0.5
    right = shortfall_traffic_light(uniform, level=LEVEL)
    assert right.probability[0] == pytest.approx(LEVEL**250, rel=1e-12)
    assert right.type_one_error[0] == 1.0 and right.zone[0] == Zone.GREEN
    assert 0.037 < np.mean(right.zone != Zone.GREEN) < 0.063  # standard error 0.0034
    assert np.mean(right.zone == Zone.RED) < 0.001
    wrong = shortfall_traffic_light(uniform**2.0, level=LEVEL)
    assert np.mean(wrong.zone == Zone.RED) > 0.9


def test_right_models_are_rejected_by_tests_of_the_tail_about_as_often_as_promised():
    # 1,000 portfolios of 1,000 days: standard error 0.007, the rest is for asymptotics in a tail
    # of 25 days
    random = np.random.default_rng(8)
    losses = random.standard_normal((1000, 1000))
    risk = np.full(losses.shape, 1.959963984540054)
    shortfall = np.full(losses.shape, 2.3378027922014133)
    unit = np.ones_like(losses)
    uniform = scipy.stats.norm.sf(losses)
    for result in (
        tail_depth_test(uniform, level=LEVEL),
        tail_depth_test(uniform, level=LEVEL, two_sided=False),
        tail_dependence_test(uniform, level=LEVEL),
        calibration_test(losses, risk, shortfall, level=LEVEL),
        calibration_test(losses, risk, shortfall, unit, level=LEVEL),
        exceedance_mean_test(losses, risk, shortfall),
    ):
        assert 0.015 < np.mean(result.rejected()) < 0.12
    for given in ((), (unit,)):
        one = one_sided_calibration_test(losses, risk, shortfall, *given, level=LEVEL)
        assert np.mean(one.rejected()) < 0.06  # corrected for several tests: no more than promised
    few = losses[:200], risk[:200], shortfall[:200]
    drawn = exceedance_bootstrap_test(*few, jax.random.key(5), replications=400)
    assert 0.01 < np.mean(drawn.rejected()) < 0.12


def test_heavy_tails_behind_a_normal_model_are_found():
    random = np.random.default_rng(10)
    losses = random.standard_t(3, (300, 1000)) / np.sqrt(3.0)  # unit variance
    risk = np.full(losses.shape, 1.959963984540054)
    shortfall = np.full(losses.shape, 2.3378027922014133)
    assert np.mean(exceedance_mean_test(losses, risk, shortfall).rejected()) > 0.7
    one_sided = one_sided_calibration_test(losses, risk, shortfall, level=LEVEL)
    assert np.mean(one_sided.rejected()) > 0.12  # three times as often as right models
    twice = 2.0 * random.standard_normal((300, 1000))
    uniform = scipy.stats.norm.sf(twice)
    for result in (
        tail_depth_test(uniform, level=LEVEL, two_sided=False),
        calibration_test(twice, risk, shortfall, level=LEVEL),
        one_sided_calibration_test(twice, risk, shortfall, level=LEVEL),
    ):
        assert np.mean(result.rejected()) > 0.99
    # volatility that comes in waves, which the model does not see
    wave = np.exp(1.2 * np.sin(np.arange(1000) / 20.0))
    uneven = scipy.stats.norm.sf(random.standard_normal((300, 1000)) * wave)
    assert np.mean(tail_dependence_test(uneven, level=LEVEL).rejected()) > 0.9


def test_unusable_input_of_tests_of_the_tail_ends_with_one_clear_line():
    one, two = np.ones(4), np.full(4, 2.0)
    key = jax.random.key(0)
    for call, message in (
        (lambda: tail_depth_test(two, level=0.9), "must lie in \\[0, 1\\]"),
        (lambda: tail_dependence_test(one, level=0.9, lags=4), "lags < days"),
        (lambda: calibration_test(one, one, two, -one, level=0.9), "volatility must be positive"),
        (lambda: probability_transform(one, np.full((4, 5), np.nan)), "pnl must be finite"),
        (lambda: shortfall_ranks_test(one, np.ones((4, 5)), key, level=0.9), "1 at least; got 4"),
        (
            lambda: shortfall_ranks_test(one, np.ones((4, 5)), key, level=0.5),
            "no expected loss|have none",
        ),
        (
            lambda: simulated_test(
                minimally_biased, one, one, -two, ScenarioLosses(jnp.ones((4, 2))), key, level=0.9
            ),
            "expected_shortfall must be positive",
        ),
    ):
        with pytest.raises(InvalidInputError, match=message):
            call()
