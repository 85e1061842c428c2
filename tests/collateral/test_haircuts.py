"""Haircuts by size, by schedule and by volatility, against hand counts."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from derivatives import assert_jacobians_are_central_differences
from kinds import HAIRCUTS, market
from scipy.stats import norm

from jaxmargin.collateral import (
    CollateralClass,
    FixedHaircuts,
    SupervisoryHaircuts,
    TieredHaircuts,
    VolatilityHaircuts,
    adjust_haircuts,
    scenario_haircuts,
)
from jaxmargin.errors import InvalidInputError
from jaxmargin.risk import WorstCase
from jaxmargin.scenarios import Shocks

# Bybit Help Center (2025), "Understanding Collateral Value Ratios in Unified Trading Account": BTC
# up to 10 count 98 %, the next ten 95, then 90, 85, 80, and none above 50
BYBIT = HAIRCUTS[1]


@pytest.mark.parametrize(
    ("bitcoins", "counted"),
    [(4.0, 3.92), (10.0, 9.8), (25.0, 9.8 + 9.5 + 4.5), (50.0, 44.8), (120.0, 44.8)],
)
def test_tiers_count_each_part_at_its_own_haircut(bitcoins, counted):
    quantity = jnp.zeros((1, 5)).at[0, 0].set(bitcoins)
    value = BYBIT.value(quantity, jnp.full(5, 60_000.0))
    np.testing.assert_allclose(value[0], [counted * 60_000.0, 0.0, 0.0, 0.0, 0.0], rtol=1e-14)


def test_the_haircut_of_a_holding_is_the_mean_of_its_tiers():
    found = BYBIT.haircut(jnp.full((1, 5), 50.0))
    np.testing.assert_allclose(found[0, 0], 1.0 - 44.8 / 50.0, rtol=1e-14)
    np.testing.assert_allclose(found[0, 4], 49.0 / 50.0 * 0.5, rtol=1e-14)  # 1 at 0, 49 at half


def test_every_account_may_have_tiers_of_its_own():
    tiers = TieredHaircuts(jnp.array([[[1.0]], [[2.0]]]), jnp.array([[[0.0]], [[0.5]]]))
    np.testing.assert_allclose(
        tiers.value(jnp.full((2, 1), 3.0), jnp.array([10.0])), [[10.0], [10.0]]
    )


def test_value_has_derivatives_by_haircuts_and_by_bounds():
    upper = jnp.array([[[1.0, 3.0]]])
    assert_jacobians_are_central_differences(
        lambda u, f: TieredHaircuts(u, f).value(jnp.full((1, 1), 2.0), jnp.array([5.0]))[0],
        upper, jnp.array([[[0.1, 0.3]]]),
    )  # fmt: skip


# BCBS-IOSCO (2020), appendix B, and 12 CFR 1240.39: percent for ten days
@pytest.mark.parametrize(
    ("kind", "years", "percent"),
    [
        (CollateralClass.CASH, 0.0, 0.0),
        (CollateralClass.SOVEREIGN, 1.0, 0.5),
        (CollateralClass.SOVEREIGN, 1.01, 2.0),
        (CollateralClass.SOVEREIGN, 5.0, 2.0),
        (CollateralClass.SOVEREIGN, 30.0, 4.0),
        (CollateralClass.CORPORATE, 0.5, 1.0),
        (CollateralClass.CORPORATE, 3.0, 4.0),
        (CollateralClass.CORPORATE, 6.0, 8.0),
        (CollateralClass.MAIN_INDEX_EQUITY, 0.0, 15.0),
        (CollateralClass.LISTED_EQUITY, 0.0, 25.0),
        (CollateralClass.GOLD, 0.0, 15.0),
        (CollateralClass.UNLISTED, 0.0, 100.0),
    ],
)
def test_the_supervisory_schedule_is_the_published_one(kind, years, percent):
    schedule = SupervisoryHaircuts(
        jnp.full(1, int(kind)), jnp.array([years]), jnp.array([[False], [True]])
    )
    found = schedule.haircut(jnp.ones((2, 1)))
    expected = [percent, min(percent + 8.0, 100.0)]
    np.testing.assert_allclose(100.0 * found[:, 0], expected, rtol=1e-13)


@pytest.mark.parametrize(
    ("liquidation", "remargin", "factor"),
    [(10.0, 1.0, 1.0), (5.0, 1.0, math.sqrt(0.5)), (20.0, 1.0, math.sqrt(2.0)),
     (10.0, 5.0, math.sqrt(1.4)), (2.0, 3.0, math.sqrt(0.4))],
)  # fmt: skip
def test_other_periods_scale_by_the_square_root(liquidation, remargin, factor):
    """Basel: H = H_M sqrt((N + T - 1) / T) and H_M = H_10 sqrt(T / 10)."""
    schedule = SupervisoryHaircuts(
        jnp.array([CollateralClass.GOLD, CollateralClass.UNLISTED]), jnp.zeros(2),
        jnp.zeros((1, 2), bool), liquidation_days=liquidation, remargin_days=remargin,
    )  # fmt: skip
    np.testing.assert_allclose(
        schedule.haircut(jnp.ones((1, 2))), [[0.15 * factor, 1.0]], rtol=1e-14
    )


def volatility_haircuts(volatility=0.5, **settings):
    given = {
        "stressed_volatility": 0.9, "spread": 0.02, "liquidity": 0.01, "floor": 0.0,
        "mismatched": False, **settings,
    }  # fmt: skip
    arrays = ("stressed_volatility", "spread", "liquidity", "floor")
    given |= {key: jnp.array([given[key]]) for key in arrays}
    given["mismatched"] = jnp.array([[given["mismatched"]]])
    return VolatilityHaircuts(jnp.array([volatility]), **given)


def of(haircuts):
    return float(haircuts.haircut(jnp.ones((1, 1)))[0, 0])


@pytest.mark.parametrize(("weight", "sigma"), [(1.0, 0.9), (0.25, 0.5 + 0.25 * 0.4), (0.0, 0.5)])
def test_a_haircut_from_volatility_is_the_stated_formula(weight, sigma):
    expected = 1.0 - math.exp(-(norm.ppf(0.99) * sigma * math.sqrt(3.0 / 365.0) + 0.01 + 0.01))
    found = of(volatility_haircuts(horizon_days=3.0, stress_weight=weight))
    np.testing.assert_allclose(found, expected, rtol=1e-12)


def test_a_calm_stress_period_lowers_nothing():
    assert of(volatility_haircuts(0.9, stressed_volatility=0.2)) == of(volatility_haircuts(0.9))


def test_the_floor_comes_before_the_currency_add_on_and_the_cap_last():
    assert of(volatility_haircuts(floor=0.4)) == 0.4
    np.testing.assert_allclose(of(volatility_haircuts(floor=0.4, mismatched=True)), 0.48)
    assert of(volatility_haircuts(floor=0.95, mismatched=True)) == 1.0


@pytest.mark.parametrize("field", ["stressed_volatility", "spread", "liquidity", "floor"])
@pytest.mark.parametrize("number", [math.nan, math.inf])
def test_what_is_not_known_has_no_value(field, number):
    haircuts = volatility_haircuts(**{field: number})
    assert of(haircuts) == 1.0
    slopes = jax.grad(lambda h: h.haircut(jnp.ones((1, 1))).sum(), allow_int=True)(haircuts)
    assert float(slopes.volatility[0]) == 0.0


def test_haircuts_have_derivatives_by_volatility_and_by_cost():
    assert_jacobians_are_central_differences(
        lambda sigma, cost: VolatilityHaircuts(
            sigma, jnp.array([0.9]), cost, cost, jnp.zeros(1), jnp.zeros((1, 1), bool),
            stress_weight=0.25,
        ).haircut(jnp.ones((1, 1)))[0],
        jnp.array([0.5]), jnp.array([0.01]),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"level": 99.0}, r"level must lie in \(0.5, 1\); got 99.0. Write 99 % as 0.99"),
        ({"horizon_days": 0.0}, "horizon_days must be positive"),
        ({"horizon_days": math.nan}, "horizon_days must be positive"),
        ({"stress_weight": 25.0}, r"stress_weight must lie in \[0, 1\]"),
        ({"mismatch_add_on": -0.08}, r"mismatch_add_on must lie in \[0, 1\]"),
    ],
)
def test_settings_out_of_range_are_refused(settings, message):
    with pytest.raises(InvalidInputError, match=message):
        volatility_haircuts(**settings)


@pytest.mark.parametrize("field", ["liquidation_days", "remargin_days"])
def test_a_period_shorter_than_a_day_is_refused(field):
    with pytest.raises(InvalidInputError, match=f"{field} must be at least one business day"):
        SupervisoryHaircuts(
            jnp.zeros(1, int), jnp.zeros(1), jnp.zeros((1, 1), bool), **{field: 0.5}
        )


def test_haircuts_move_no_further_at_once_than_their_class_allows():
    found = adjust_haircuts(
        jnp.array([0.10, 0.10, 0.10, 0.10, jnp.nan, jnp.nan, 0.10]),
        jnp.array([0.30, 0.12, 0.02, jnp.nan, 0.2, jnp.nan, 1.5]),
        largest_rise=jnp.full(7, 0.05),
        largest_fall=jnp.array([0.05, 0.05, 0.01, 0.05, 0.05, 0.05, 0.05]),
    )
    np.testing.assert_allclose(found.fraction, [0.15, 0.12, 0.09, 0.10, 0.2, 1.0, 0.10])
    np.testing.assert_array_equal(found.held_back, [True, False, True] + [False] * 4)
    np.testing.assert_array_equal(found.unknown, [False] * 3 + [True, False, True, True])


def test_updates_reach_the_target_in_the_end_and_stay_there():
    haircut, target = jnp.array([0.1, 0.5]), jnp.array([0.42, 0.05])
    for _ in range(10):
        haircut = adjust_haircuts(
            haircut, target, largest_rise=jnp.full(2, 0.05), largest_fall=jnp.full(2, 0.05)
        ).fraction
    np.testing.assert_array_equal(haircut, target)


def test_without_a_limit_a_rise_is_whole():
    found = adjust_haircuts(
        jnp.array([0.1]), jnp.array([0.9]), largest_rise=jnp.array([jnp.inf]),
        largest_fall=jnp.zeros(1),
    )  # fmt: skip
    assert float(found.fraction[0]) == 0.9 and not bool(found.held_back[0])


def test_haircuts_from_scenarios_are_the_worst_relative_moves():
    """The staked coin falls with its base: log moves of -0.2 and -0.05 are 1 - exp(-0.25)."""
    spot = jnp.zeros((5, 3)).at[0, :2].set(jnp.array([0.3, -0.1]))
    spot = spot.at[1, 2].set(-0.2).at[2, 2].set(-0.05).at[3].set(0.01)
    moves = Shocks(spot, jnp.zeros(3), jnp.ones(3), jnp.ones(()))
    found = scenario_haircuts(market(), moves, WorstCase())
    expected = [1 - math.exp(-0.1), 1 - math.exp(-0.2), 1 - math.exp(-0.25), 0.0, 0.0]
    np.testing.assert_allclose(found, expected, rtol=1e-12)


def test_fixed_haircuts_are_what_was_given():
    fixed = FixedHaircuts(jnp.array([[0.1, 0.0]]))
    np.testing.assert_allclose(
        fixed.value(jnp.array([[2.0, 3.0]]), jnp.array([10.0, 1.0])), [[18.0, 3.0]]
    )
