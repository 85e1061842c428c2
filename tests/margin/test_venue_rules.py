"""Rules of venues in closed form against exact fractions, quadrature and hand counts."""

from fractions import Fraction
from math import ceil, exp, sqrt

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.stats import norm

from jaxmargin.errors import InvalidInputError
from jaxmargin.margin.venues import (
    drift_asset_weight,
    drift_liability_weight,
    dydx_margin,
    lognormal_tail,
    vega_risk_factors,
)

PPM = st.integers(0, 1_000_000)


@given(size=st.integers(-(10**30), 10**30), initial=PPM, fraction=PPM)
def test_dydx_margins_are_the_exact_shares_rounded_up(size, initial, fraction):
    margin = dydx_margin(
        size,
        price=7,
        price_exponent=0,
        base_atomic_resolution=-6,  # so that a base quantum is worth 7 quote quantums
        initial_margin_ppm=initial,
        maintenance_fraction_ppm=fraction,
    )
    expected = ceil(Fraction(7 * abs(size) * initial, 10**6))
    assert margin.initial == expected
    assert margin.maintenance == ceil(Fraction(expected * fraction, 10**6))


@pytest.mark.parametrize(
    ("open_interest", "ppm"),
    [
        (0, 50_000),
        (100, 50_000),
        (150, 525_000),
        (175, 762_500),
        (200, 1_000_000),
        (999, 1_000_000),
    ],
)
def test_dydx_open_interest_raises_the_initial_margin_linearly_to_all(open_interest, ppm):
    margin = dydx_margin(
        1_000_000,
        price=1,
        price_exponent=0,
        base_atomic_resolution=-6,
        initial_margin_ppm=50_000,
        maintenance_fraction_ppm=600_000,
        open_interest=open_interest,
        open_interest_lower_cap=100,
        open_interest_upper_cap=200,
    )
    assert margin == (ppm, 30_000, ppm)


def test_dydx_notional_is_rounded_toward_zero_before_the_share():
    shared = {"initial_margin_ppm": 1_000_000, "maintenance_fraction_ppm": 1_000_000}
    margin = dydx_margin(-19, price=1, price_exponent=-1, base_atomic_resolution=-6, **shared)
    assert margin.initial == margin.maintenance == 1


def test_dydx_names_what_is_wrong():
    with pytest.raises(InvalidInputError, match="open_interest_lower_cap must lie in"):
        dydx_margin(
            1,
            price=1,
            price_exponent=0,
            base_atomic_resolution=0,
            initial_margin_ppm=1,
            maintenance_fraction_ppm=1,
            open_interest_lower_cap=2,
            open_interest_upper_cap=1,
        )


@given(coins=st.integers(0, 10**6), factor=st.integers(1, 10**5), weight=st.integers(1, 20_000))
def test_drift_weights_follow_the_real_formulas_within_their_rounding(coins, factor, weight):
    root, imf = sqrt(coins), factor / 1e6
    asset = drift_asset_weight(coins * 10**9, imf_factor=factor, weight=weight, ceiling=1_100_000)
    liability = drift_liability_weight(coins * 10**9, imf_factor=factor, weight=weight, cut=200_000)
    slack = 2.0 + 1e-4 * weight  # two floors, and the root in 1e-5
    assert abs(asset - min(weight, 11_000 / (1 + imf * root))) <= slack
    assert abs(liability - max(weight, 0.8 * weight + 1e4 * imf * root)) <= slack
    assert asset <= weight <= liability


def test_drift_leaves_weights_alone_without_a_factor_and_refuses_negative_sizes():
    assert drift_asset_weight(10**18, imf_factor=0, weight=20_000, ceiling=1_100_000) == 20_000
    assert drift_liability_weight(10**18, imf_factor=0, weight=3, cut=200_000) == 3
    with pytest.raises(InvalidInputError, match="size must not be negative; got -1"):
        drift_asset_weight(-1, imf_factor=1, weight=1, ceiling=1_100_000)


@pytest.mark.parametrize(("mu", "sigma", "alpha"), [(0.0, 0.1, 0.01), (-0.2, 0.7, 0.2)])
def test_lognormal_shortfall_is_the_mean_over_the_tail_by_quadrature(mu, sigma, alpha):
    def price(z):
        return exp(mu + sigma * z) * norm.pdf(z) / alpha

    edge = norm.ppf(alpha)
    low, _ = quad(price, -12.0, edge, epsabs=1e-13)
    high, _ = quad(price, -edge, 12.0, epsabs=1e-13)
    long, short = (lognormal_tail(mu, sigma, alpha, short=side) for side in (False, True))
    np.testing.assert_allclose(long, (-exp(mu + sigma * edge), -low), rtol=1e-9)
    np.testing.assert_allclose(short, (exp(mu - sigma * edge), high), rtol=1e-9)


def test_vega_factors_of_a_day_are_those_of_the_log_return_over_it():
    factors = vega_risk_factors(mu=0.1, sigma=0.8, risk_aversion=0.01, horizon_years=1 / 365)
    log = (0.1 - 0.32) / 365, 0.8 / sqrt(365)
    edge = norm.ppf(0.01)
    mean = exp(log[0] + 0.5 * log[1] ** 2) / 0.01
    np.testing.assert_allclose(factors.long, 1 - mean * norm.cdf(edge - log[1]), rtol=1e-12)
    np.testing.assert_allclose(factors.short, mean * norm.cdf(edge + log[1]) - 1, rtol=1e-12)
    with pytest.raises(InvalidInputError, match=r"Write 1 % as 0\.01"):
        vega_risk_factors(mu=0.0, sigma=1.0, risk_aversion=1.0, horizon_years=1.0)
