"""Coverage by margin, its movements, and attribution of P&L."""

import numpy as np
import pytest
import scipy.stats
from forecasts import real_forecasts
from hypothesis import given
from hypothesis import strategies as st
from reference import oracle

from jaxmargin.backtest import (
    AttributionLimits,
    Zone,
    attribution_test,
    greatest_increase,
    log_change_deviation,
    margin_coverage,
    peak_to_trough,
    relative_cost,
)
from jaxmargin.errors import InvalidInputError

MARGIN = np.array([[10.0, 12.0, 9.0, 18.0, 15.0], [4.0, 4.0, 4.0, 4.0, 4.0]])


def test_movements_of_a_margin_by_hand():
    np.testing.assert_allclose(peak_to_trough(MARGIN), [2.0, 1.0])
    np.testing.assert_allclose(greatest_increase(MARGIN, days=1), [1.0, 0.0])
    np.testing.assert_allclose(greatest_increase(MARGIN, days=2), [15.0 / 9.0 - 1.0, 0.0])
    np.testing.assert_allclose(greatest_increase(MARGIN, days=4), [0.5, 0.0])
    changes = np.log([1.2, 0.75, 2.0, 15.0 / 18.0])
    np.testing.assert_allclose(log_change_deviation(MARGIN), [changes.std(ddof=1), 0.0])
    np.testing.assert_allclose(relative_cost(MARGIN[0], np.full(5, 8.0)), 64.0 / 40.0)


@given(
    st.lists(st.floats(0.1, 1e6), min_size=4, max_size=30), st.floats(1e-3, 1e3), st.integers(1, 3)
)
def test_movements_do_not_depend_on_the_unit_and_bound_each_other(margin, unit, days):
    values = np.array(margin)
    for measure in (
        peak_to_trough,
        log_change_deviation,
        lambda m: greatest_increase(m, days=days),
    ):
        np.testing.assert_allclose(measure(unit * values), measure(values), rtol=1e-9, atol=1e-9)
    assert greatest_increase(values, days=days) <= peak_to_trough(values) - 1.0 + 1e-12
    # the greatest step over several days is no more than that of one day, as often
    one = 1.0 + greatest_increase(values, days=1)
    assert 1.0 + greatest_increase(values, days=days) <= one**days * (1.0 + 1e-9)


@given(st.floats(1e-6, 1e9), st.integers(3, 40))
def test_a_constant_margin_does_not_move(value, days):
    margin = np.full(days, value)
    assert peak_to_trough(margin) == 1.0
    assert greatest_increase(margin, days=2) == 0.0
    assert log_change_deviation(margin) == 0.0
    assert relative_cost(margin, margin) == 1.0


def test_coverage_by_margin_by_hand():
    losses = np.array([[1.0, 5.0, 4.0, -2.0], [1.0, 4.0, 2.0, 3.0]])
    found = margin_coverage(
        losses, np.full((2, 4), 4.0) - np.array([[0.0, 1.0, 2.0, 0.0], [0.0] * 4])
    )
    assert found.breaches.tolist() == [2, 0] and found.days.tolist() == [4, 4]
    np.testing.assert_allclose(found.coverage, [0.5, 1.0])
    np.testing.assert_allclose(found.mean_loss_to_margin, [(5.0 / 3.0 + 2.0) / 2.0, np.nan])
    np.testing.assert_allclose(found.greatest_loss_to_margin, [2.0, np.nan])
    np.testing.assert_allclose(found.mean_shortfall, [2.0, np.nan])
    np.testing.assert_allclose(found.greatest_shortfall, [2.0, 0.0])
    np.testing.assert_allclose(found.total_shortfall, [4.0, 0.0])


def test_shortfalls_of_the_real_series_agree_with_GAS():
    losses, value_at_risk, _, _ = real_forecasts()
    file = oracle("backtest/r_esback_rugarch_gas.json")
    found = margin_coverage(losses, value_at_risk)
    assert found.breaches == file["hits"] and found.days == file["n"]
    np.testing.assert_allclose(found.mean_shortfall, file["GAS_AD"]["ADmean"], rtol=1e-12)
    np.testing.assert_allclose(found.greatest_shortfall, file["GAS_AD"]["ADmax"], rtol=1e-12)


def test_attribution_agrees_with_scipy_also_where_values_are_equal():
    random = np.random.default_rng(3)
    one = random.standard_normal((2, 3, 250))
    two = one + 0.4 * random.standard_normal(one.shape)
    one[1], two[1] = np.round(one[1], 1), np.round(two[1] * 1.2, 1)  # many equal values
    found = attribution_test(one, two)
    for place in np.ndindex(2, 3):
        correlation = scipy.stats.spearmanr(one[place], two[place]).statistic
        distance = scipy.stats.ks_2samp(one[place], two[place]).statistic
        np.testing.assert_allclose(found.correlation[place], correlation, rtol=1e-12)
        np.testing.assert_allclose(found.distance[place], distance, rtol=1e-12)


def test_attribution_has_the_zones_of_the_basel_framework():
    # limits of MAR32: 0.80 and 0.70 for the correlation, 0.09 and 0.12 for the distance
    hypothetical = np.arange(250.0)
    same = attribution_test(hypothetical, hypothetical)
    assert (same.correlation, same.distance, same.zone) == (1.0, 0.0, Zone.GREEN)
    moved = (
        hypothetical + np.array([22.0, 23.0, 30.0, 31.0])[:, None]
    )  # distances of 22/250 and so on
    found = attribution_test(np.broadcast_to(hypothetical, moved.shape), moved)
    np.testing.assert_allclose(found.distance, [0.088, 0.092, 0.12, 0.124], rtol=1e-12)
    assert found.zone.tolist() == [Zone.GREEN, Zone.YELLOW, Zone.YELLOW, Zone.RED]
    assert attribution_test(hypothetical, hypothetical[::-1]).zone == Zone.RED
    constant = attribution_test(hypothetical, np.full(250, 3.0))
    assert np.isnan(constant.correlation) and constant.zone == Zone.RED
    loose = AttributionLimits(-1.5, -2.0, 1.5, 2.0)
    assert attribution_test(hypothetical, hypothetical[::-1], limits=loose).zone == Zone.GREEN


def test_attribution_zones_by_correlation_alone():
    # rank correlations of a series with one block reversed: 1 - 2 (m^3 - m) / (n^3 - n)
    hypothetical = np.arange(250.0)
    for block, zone in ((100, Zone.GREEN), (120, Zone.YELLOW), (140, Zone.RED)):
        other = hypothetical.copy()
        other[:block] = other[:block][::-1]
        expected = 1.0 - 2.0 * (block**3 - block) / (250**3 - 250)
        found = attribution_test(hypothetical, other)
        np.testing.assert_allclose(found.correlation, expected, rtol=1e-12)
        assert found.distance == 0.0
        assert found.zone == zone, (block, expected)


def test_unusable_margins_end_with_one_clear_line():
    for call, message in (
        (lambda: peak_to_trough(np.array([1.0, 0.0])), "margin must be positive; 1 of 2"),
        (lambda: greatest_increase(np.ones(3), days=3), "between 1 and the number of margins"),
        (lambda: margin_coverage(np.ones(0), np.ones(0)), "one day at least"),
        (lambda: AttributionLimits(0.7, 0.8, 0.09, 0.12), "must not overlap"),
    ):
        with pytest.raises(InvalidInputError, match=message):
            call()
