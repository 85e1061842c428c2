"""What a rolling backtest comes to, against hand counts."""

import numpy as np
import pytest

from jaxmargin.backtest import (
    RollingBacktest,
    kupiec_test,
    margin_figures,
    overall_figures,
    quantile_tests,
    shortfall_test,
)

MARGIN = np.array([[10.0, 1.0], [20.0, 0.0], [15.0, 1.0], [30.0, 2.0]])[:, :, None]
LOSS = np.array([[12.0, 0.5], [-5.0, 0.5], [18.0, -1.0], [30.0, 1.0]])


def rolling(margin, loss, horizon=1):
    days = np.arange(loss.shape[0])
    return RollingBacktest(margin, loss, np.ones(margin.shape[2]), days, horizon)


def test_figures_of_four_days_are_those_counted_by_hand():
    """A loss equal to the margin is covered; a day without margin leaves no ratios."""
    found = margin_figures(rolling(MARGIN, LOSS), 0)
    assert found["breaches"].tolist() == [2.0, 1.0]
    assert found["coverage"].tolist() == [0.5, 0.75]
    assert found["greatest_shortfall"].tolist() == [3.0, 0.5]
    assert found["mean_margin"].tolist() == [18.75, 1.0]
    assert found["peak_to_trough"][0] == 3.0 and np.isnan(found["peak_to_trough"][1])
    assert found["increase_1_days"][0] == 1.0  # 15 to 30
    assert found["mean_loss_to_margin"][0] == pytest.approx((1.2 + 1.2) / 2)
    assert np.isnan(found["increase_5_days"]).all()  # of four


def test_without_a_day_of_margin_every_ratio_is_there_and_none_is_a_number():
    both = margin_figures(rolling(MARGIN, LOSS), 0)
    found = margin_figures(rolling(MARGIN[:, 1:], LOSS[:, 1:]), 0)
    assert list(found) == list(both)
    defined = {name for name, values in found.items() if np.isfinite(values).all()}
    assert defined == {"breaches", "coverage", "greatest_shortfall", "mean_margin"}


def test_tests_see_only_days_whose_horizons_do_not_overlap():
    """Exceedances on days 0 and 2 of four: both count of the days 0 and 2 alone."""
    both = rolling(MARGIN, LOSS, horizon=2)
    found = quantile_tests(both, 0, level=0.9)["kupiec"]
    expected = kupiec_test(np.array([2, 0]), 2, level=0.9)
    np.testing.assert_array_equal(found.statistic, expected.statistic)
    assert shortfall_test(both, shortfall=0, value_at_risk=0).p_value.shape == (2,)


def test_one_line_takes_shares_and_means_over_all_portfolios():
    margin = np.concatenate([MARGIN, 0.5 * MARGIN], axis=2)
    line = overall_figures(rolling(margin, LOSS), shortfall=0, value_at_risk=1, level=0.99)
    assert line["ES coverage"] == pytest.approx((0.5 + 0.75) / 2)
    assert line["VaR coverage"] == pytest.approx(1.0 - (3 + 1) / 8)  # half the margins
    assert line["mean margin"] == pytest.approx((18.75 + 1.0) / 2)
    assert line["peak to trough"] == 3.0
    assert line["kupiec rejects"] == 1.0  # 3 and 1 of 4 days at 1 %
