"""Tests of the number and the order of exceedances against published figures."""

import numpy as np
import pytest
import scipy.stats
from forecasts import hits_on, real_forecasts
from reference import oracle

from jaxmargin.backtest import (
    BASEL_1996_PLUS_FACTORS,
    FRTB_MULTIPLIERS,
    Zone,
    ZoneLimits,
    binomial_test,
    conditional_coverage_test,
    count_transitions,
    days_since_exceedance,
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
    traffic_light,
    zone_starts,
)
from jaxmargin.backtest._result import chi_square_result

PUBLISHED = {"rtol": 5e-5}  # five digits are printed


LEVEL = 0.975  # of the forecasts of esback


def mathworks(test):
    return [
        row for row in oracle("backtest/mathworks_varbacktest.json")["cases"] if row["test"] == test
    ]


def agrees(result, row):
    np.testing.assert_allclose(result.statistic, row["stat"], **PUBLISHED)
    np.testing.assert_allclose(result.p_value, row["p_value"], **PUBLISHED)
    if "df" in row:
        assert result.degrees == row["df"]


def matlab_series():
    """57 exceedances in 1,043 days, the first on day 58, four of them on the day after another."""
    starts = 58 + 18 * np.arange(53)
    return hits_on(1043, *starts, *(starts[:4] + 1))


def test_real_series_have_the_exceedances_that_R_counts():
    losses, value_at_risk, _, _ = real_forecasts()
    published = oracle("backtest/r_esback_rugarch_gas.json")
    hits = find_exceedances(losses, value_at_risk)
    n = count_transitions(hits)
    assert hits.sum() == published["hits"]
    assert [n.calm_calm, n.calm_hit, n.hit_calm, n.hit_hit] == [
        published[key] for key in ("N00", "N01", "N10", "N11")
    ]
    ratio = hits.sum() / (0.025 * len(hits))
    np.testing.assert_allclose(ratio, published["GAS_AE"], rtol=1e-13)


def test_a_loss_equal_to_the_value_at_risk_is_no_exceedance():
    assert find_exceedances(np.array([1.0, 2.0, 3.0]), np.full(3, 2.0)).tolist() == [
        False,
        False,
        True,
    ]


def test_binomial_and_kupiec_agree_with_matlab():
    for row in mathworks("bin"):
        agrees(binomial_test(row["failures"], row["n"], level=row["level"]), row)
    for row in mathworks("pof"):
        agrees(kupiec_test(row["failures"], row["n"], level=row["level"]), row)


def test_independence_and_conditional_coverage_agree_with_matlab():
    hits = matlab_series()
    (independence,), (mixed,) = mathworks("cci"), mathworks("cc")
    n = count_transitions(hits)
    assert [n.calm_calm, n.calm_hit, n.hit_calm, n.hit_hit] == [
        independence[key] for key in ("n00", "n01", "n10", "n11")
    ]
    agrees(independence_test(hits), independence)
    agrees(conditional_coverage_test(hits, level=mixed["level"]), mixed)


def test_time_until_first_failure_agrees_with_matlab():
    (row,) = mathworks("tuff")
    agrees(first_exceedance_test(matlab_series(), level=row["level"]), row)


def test_times_between_failures_have_the_p_values_of_matlab():
    # MATLAB's series is not published: only the way from statistic to p-value can be compared
    for row in mathworks("tbfi") + mathworks("tbf"):
        high, low = (
            chi_square_result(row["stat"] + half, row["df"]).p_value for half in (-5e-4, 5e-4)
        )
        assert low < row["p_value"] < high and high / low < 1.0003  # the statistic is rounded too
    hits = matlab_series()
    gaps, mixed = (
        test(hits, level=0.95) for test in (time_between_independence_test, time_between_test)
    )
    assert (gaps.degrees, mixed.degrees) == (57, 58)
    (kupiec,) = (row["stat"] for row in mathworks("pof") if row["failures"] == 57)
    np.testing.assert_allclose(mixed.statistic - gaps.statistic, kupiec, **PUBLISHED)


def test_times_between_failures_are_a_sum_over_the_gaps():
    # gaps of 3, 1 and 4 days; each is a series whose first exceedance ends it
    hits = hits_on(10, 3, 4, 8)
    each = [first_exceedance_test(hits_on(gap, gap), level=0.9).statistic for gap in (3, 1, 4)]
    result = time_between_independence_test(hits, level=0.9)
    np.testing.assert_allclose(result.statistic, np.sum(each), rtol=1e-14)
    assert each[1] == pytest.approx(-2.0 * np.log(0.1), rel=1e-14)  # an exceedance on day one
    assert days_since_exceedance(hits).tolist() == [1, 2, 3, 1, 1, 2, 3, 4, 1, 2]


def test_exact_binomial_probabilities_agree_with_dowd_and_vartests():
    (row,) = oracle("backtest/dowd_binomial.json")["cases"]
    result = exact_binomial_test(row["failures"], row["n"], level=row["level"])
    np.testing.assert_allclose(result.p_value, row["one_sided_p"], rtol=5e-7)
    # 155 exceedances in 4,527 days: vartests 0.4.1 prints 9.0266e-05, and 7.7084e-05 for mid-p
    plain = exact_binomial_test(155, 4527, level=LEVEL)
    middle = exact_binomial_test(155, 4527, level=LEVEL, middle=True)
    np.testing.assert_allclose([plain.p_value, middle.p_value], [9.0266e-05, 7.7084e-05], rtol=1e-5)


def test_sides_of_the_exact_binomial_test_add_up():
    counts = np.arange(11)
    more, fewer, either = (
        exact_binomial_test(counts, 10, level=0.8, side=side).p_value
        for side in ("more", "fewer", "either")
    )
    chance = scipy.stats.binom.pmf(counts, 10, 0.2)
    np.testing.assert_allclose(more + fewer, 1.0 + chance, rtol=1e-13)
    np.testing.assert_allclose(more, np.cumsum(chance[::-1])[::-1], rtol=1e-12)
    assert np.all(either >= np.minimum(more, fewer)) and np.all(either <= 1.0)


def test_coverage_of_the_real_series_agrees_with_R():
    losses, value_at_risk, _, _ = real_forecasts()
    file = oracle("backtest/r_esback_rugarch_gas.json")
    published, hits = file["rugarch_VaRTest"], find_exceedances(losses, value_at_risk)
    kupiec = kupiec_test(hits.sum(), len(hits), level=LEVEL)
    mixed = conditional_coverage_test(hits, level=LEVEL)
    for result, statistic, p_value, gas in (
        (kupiec, "uc.LRstat", "uc.LRp", "GAS_LRuc"),
        (mixed, "cc.LRstat", "cc.LRp", "GAS_LRcc"),
    ):
        np.testing.assert_allclose(result.statistic, published[statistic], rtol=1e-11)
        # R subtracts from one: the last digits of small p-values are lost there
        np.testing.assert_allclose(result.p_value, published[p_value], atol=1e-15, rtol=1e-9)
        np.testing.assert_allclose(result.statistic, file[gas]["Test"], rtol=1e-11)
        np.testing.assert_allclose(result.p_value, file[gas]["Pvalue"], atol=1e-15, rtol=1e-9)
    assert published["uc.Decision"] == published["cc.Decision"] == "Reject H0"
    assert kupiec.rejected() and mixed.rejected() and not kupiec.rejected(0.9999)


def test_windows_of_the_real_series_agree_with_R_all_at_once():
    losses, value_at_risk, _, _ = real_forecasts()
    rows = oracle("backtest/r_esback_rugarch_gas.json")["rugarch_VaRTest_windows"]
    windows = [slice(row["start"] - 1, row["start"] - 1 + row["len"]) for row in rows]
    hits = find_exceedances(
        np.stack([losses[window] for window in windows]),
        np.stack([value_at_risk[window] for window in windows]),
    )
    count = hits.sum(axis=-1)
    assert count.tolist() == [row["hits"] for row in rows]
    kupiec = kupiec_test(count, 500, level=LEVEL)
    mixed = conditional_coverage_test(hits, level=LEVEL)
    for found, key in (
        (kupiec.statistic, "uc"),
        (kupiec.p_value, "ucp"),
        (mixed.statistic, "cc"),
        (mixed.p_value, "ccp"),
    ):
        np.testing.assert_allclose(found, [row[key] for row in rows], rtol=1e-10)


def test_duration_of_the_real_series_agrees_with_rugarch():
    losses, value_at_risk, _, _ = real_forecasts()
    hits = find_exceedances(losses, value_at_risk)
    published = oracle("backtest/r_esback_rugarch_gas.json")["rugarch_VaRDurTest"]
    # rugarch's search stops at 1e-6 in the shape, which the likelihood does not feel
    np.testing.assert_allclose(duration_shape(hits), published["b"], rtol=1e-5)
    ratio = 2.0 * (published["uLL"] - published["rLL"])
    result = duration_test(hits)
    np.testing.assert_allclose(result.statistic, ratio, rtol=1e-9)
    np.testing.assert_allclose(result.p_value, published["LRp"], atol=1e-15)


def test_dynamic_quantile_of_the_real_series_agrees_with_GAS():
    losses, value_at_risk, _, _ = real_forecasts()
    published = oracle("backtest/r_esback_rugarch_gas.json")["GAS_DQ_lags4"]
    result = dynamic_quantile_test(losses, value_at_risk, level=LEVEL, lags=4)
    np.testing.assert_allclose(result.statistic, published["stat"], rtol=1e-11)
    assert result.degrees == 7 and result.p_value < 1e-30  # GAS rounds it to zero


def test_dynamic_quantile_does_not_depend_on_the_unit_of_money():
    losses, value_at_risk, _, _ = real_forecasts()
    one, million = (
        dynamic_quantile_test(unit * losses, unit * value_at_risk, level=LEVEL)
        for unit in (1.0, 1e6)
    )
    np.testing.assert_allclose(one.statistic, million.statistic, rtol=1e-9)


def test_dynamic_quantile_leaves_out_a_constant_value_at_risk():
    losses = np.random.default_rng(4).standard_normal((2, 300))
    result = dynamic_quantile_test(losses, np.full((2, 300), 1.28), level=0.9)
    assert result.degrees.tolist() == [6, 6]
    assert np.all(np.isfinite(result.p_value))


def test_traffic_light_agrees_with_basel_and_matlab():
    rows = oracle("backtest/basel_traffic_light.json")["rows_n250_p01"]
    count = np.array([row["x"] for row in rows])
    light = traffic_light(count, 250, level=0.99)
    np.testing.assert_allclose(light.probability, [row["cum"] for row in rows], rtol=1e-12)
    np.testing.assert_allclose(light.type_one_error, [row["type1"] for row in rows], rtol=1e-9)
    assert [Zone(zone).name.lower() for zone in light.zone] == [row["zone"] for row in rows]
    assert FRTB_MULTIPLIERS.at(count).tolist() == [row["frtb_multiplier"] for row in rows]
    assert BASEL_1996_PLUS_FACTORS.at(count).tolist() == [
        row["basel1996_plus_factor"] for row in rows
    ]
    for row in mathworks("tl") + mathworks("traffic_light_zone"):
        light = traffic_light(row["failures"], row["n"], level=row["level"])
        assert Zone(int(light.zone)).name.lower() == row["zone"]
        if "probability" in row:
            np.testing.assert_allclose(light.probability, row["probability"], **PUBLISHED)
            np.testing.assert_allclose(light.type_one_error, row["type_I"], **PUBLISHED)


def test_zones_begin_where_they_are_published():
    for row in oracle("backtest/basel_traffic_light.json")["boundaries"]:
        assert zone_starts(row["n"], level=row["level"]) == (
            row["yellow_starts"],
            row["red_starts"],
        )
    assert zone_starts(250, level=0.99) == (5, 10)  # Basel Committee (1996), table 2
    assert zone_starts(250, level=0.99, zones=ZoneLimits(0.5, 0.9)) == (2, 5)
