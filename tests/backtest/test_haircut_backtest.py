"""Haircuts against liquidations, offsets under stress, and margins over parameters; by hand."""

import numpy as np
import pytest
from scipy.stats import norm

from jaxmargin.backtest import (
    break_correlation,
    haircut_backtest,
    margin_sensitivity,
    offset_reliability,
)
from jaxmargin.errors import InvalidInputError

PRICE = np.array([[100.0, 90.0, 80.0, 84.0, 60.0], [50.0, 50.0, 50.0, 50.0, 50.0]])


def constant(*haircuts):
    return np.repeat(np.array(haircuts)[:, None], PRICE.shape[1], axis=1)


def test_breaches_are_counted_window_by_window():
    """Over two days 100, 90, 80 become 80, 84, 60: losses of 20 %, 6.7 % and 25 %."""
    found = haircut_backtest(PRICE, constant(0.2, 0.0), horizon_days=2, level=0.99)
    assert (found.windows, found.windows_apart) == (3, 2)
    np.testing.assert_array_equal(found.breaches, [1, 0])  # 20 % is on the haircut, not beyond
    np.testing.assert_array_equal(found.breaches_apart, [1, 0])
    np.testing.assert_allclose(found.p_value, [1.0 - 0.99**2, 1.0])
    np.testing.assert_allclose(found.greatest_loss, [0.25, 0.0])
    np.testing.assert_allclose(found.greatest_shortfall, [0.05, 0.0])


def test_costs_of_liquidation_count_as_losses():
    found = haircut_backtest(PRICE, constant(0.2, 0.0), horizon_days=2, level=0.99, cost=0.01)
    np.testing.assert_array_equal(found.breaches, [2, 3])
    np.testing.assert_allclose(found.greatest_loss, [1.0 - 0.99 * 0.75, 0.01])


def test_the_haircut_is_that_of_the_day_on_which_the_window_begins():
    haircut = constant(0.2, 0.0)
    haircut[0, 2] = 0.3
    found = haircut_backtest(PRICE, haircut, horizon_days=2, level=0.99)
    np.testing.assert_array_equal(found.breaches, [0, 0])


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"haircut": constant(15.0, 0.0)}, "write 15 % as 0.15"),
        ({"price": PRICE * np.nan}, "price must be finite"),
        ({"horizon_days": 5}, "got 5 of 5"),
        ({"cost": 1.0}, "cost must lie in"),
        ({"level": 99.0}, "Write 97.5 % as 0.975"),
    ],
)
def test_inputs_that_make_no_sense_are_refused(change, said):
    given = {"price": PRICE, "haircut": constant(0.2, 0.0), "horizon_days": 2, "level": 0.99}
    price, haircut, *_ = ({**given, **change}[name] for name in ("price", "haircut"))
    settings = {k: v for k, v in {**given, **change}.items() if k not in ("price", "haircut")}
    with pytest.raises(InvalidInputError, match=said):
        haircut_backtest(price, haircut, **settings)


def worst_loss(pnl):
    return np.maximum(-pnl.min(axis=-1), 0.0)


def test_an_offset_that_fails_in_stress_is_not_kept():
    """Calm, the second product gains what the first loses; in the last scenario both lose."""
    pnl = np.array([[[-6.0, 6.0, -3.0], [6.0, -6.0, -4.0]]])
    found = offset_reliability(pnl, worst_loss, np.array([False, False, True]))
    assert (found.standalone[0], found.portfolio[0]) == (12.0, 7.0)
    np.testing.assert_allclose(found.offset, [5.0 / 12.0])
    assert (found.stressed_standalone[0], found.stressed_portfolio[0]) == (7.0, 7.0)
    assert (found.stressed_offset[0], found.kept[0]) == (0.0, 0.0)


def test_an_offset_that_holds_in_stress_is_kept_whole():
    pnl = np.array([[[-6.0, 6.0, -3.0], [6.0, -6.0, 3.0]]])
    found = offset_reliability(pnl, worst_loss, np.array([False, False, True]))
    np.testing.assert_allclose([found.offset, found.stressed_offset, found.kept], 1.0)


def test_broken_correlations_leave_what_the_root_of_squares_says():
    """Margins of 3 and 4, correlation -1: 5 together if independent, 7 if joint."""
    pnl = np.array([[[-3.0, 3.0], [4.0, -4.0]]])
    every = np.array([True, True])
    found = offset_reliability(pnl, worst_loss, every, breaks=(0.0, 0.5, 1.0))
    np.testing.assert_allclose(found.offset, [1.0 - 1.0 / 7.0])
    expected = [1.0, np.sqrt(9 + 16 - 12), 5.0]
    np.testing.assert_allclose(found.independent_offset[0], 1.0 - np.array(expected) / 7.0)
    np.testing.assert_allclose(
        found.joint_offset[0], 1.0 - np.array([1.0, 5.0, 7.0]) / 7.0, atol=1e-12
    )


def test_products_that_do_not_move_have_no_offset():
    found = offset_reliability(np.zeros((1, 2, 3)), worst_loss, np.array([True, False, False]))
    assert np.isnan([found.offset, found.stressed_offset, found.kept]).all()


def test_offsets_refuse_what_they_cannot_test():
    pnl = np.ones((1, 2, 3))
    with pytest.raises(InvalidInputError, match="no scenario is stressed"):
        offset_reliability(pnl, worst_loss, np.zeros(3, bool))
    with pytest.raises(InvalidInputError, match="6 values are not"):
        offset_reliability(pnl * np.nan, worst_loss, np.ones(3, bool))
    with pytest.raises(InvalidInputError, match="share must lie"):
        break_correlation(np.eye(2), 1.5, joint=True)


def test_margins_over_levels_are_the_published_factors_of_the_normal_law():
    """Expected shortfall of a standard normal: 2.3378 at 97.5 %, 2.6652 at 99 %; root of time."""

    def shortfall(level, horizon_days):
        return np.sqrt(horizon_days) * norm.pdf(norm.ppf(level)) / (1.0 - level)

    base = {"level": 0.975, "horizon_days": 1}
    tried = {"level": (0.975, 0.99), "horizon_days": (4,)}
    found = margin_sensitivity(shortfall, base, tried)
    assert found.parameter == ("level", "level", "horizon_days")
    assert found.value == (0.975, 0.99, 4)
    np.testing.assert_allclose(found.base, [2.3378027922])
    np.testing.assert_allclose(found.margin[:, 0], [2.3378027922, 2.6652142203, 4.6756055844])
    np.testing.assert_allclose(found.change()[:, 0], [0.0, 0.1400509, 1.0], rtol=1e-6, atol=1e-12)
    assert found.range()["horizon_days"] == pytest.approx((1.0, 1.0))


def test_each_parameter_moves_alone_and_accounts_stay_apart():
    found = margin_sensitivity(
        lambda a, b: np.array([a + b, 2.0 * a, 0.0]), {"a": 1.0, "b": 2.0}, {"a": [2.0], "b": [5.0]}
    )
    np.testing.assert_array_equal(found.margin, [[4.0, 4.0, 0.0], [6.0, 2.0, 0.0]])
    np.testing.assert_array_equal(found.change()[:, :2], [[4 / 3 - 1, 1.0], [1.0, 0.0]])
    assert np.isnan(found.change()[:, 2]).all()
    assert found.range() == {"a": (8 / 5 - 1, 8 / 5 - 1), "b": (8 / 5 - 1, 8 / 5 - 1)}


def test_settings_that_cannot_be_tried_are_refused():
    with pytest.raises(InvalidInputError, match="base lacks lvl"):
        margin_sensitivity(lambda level: level, {"level": 0.9}, {"lvl": [0.9]})
    with pytest.raises(InvalidInputError, match="settings are empty"):
        margin_sensitivity(lambda level: level, {"level": 0.9}, {})
    with pytest.raises(InvalidInputError, match=r"no finite margin at level = 0\.5"):
        margin_sensitivity(
            lambda level: np.nan if level == 0.5 else 1.0, {"level": 0.9}, {"level": [0.5]}
        )
