"""Statistics of expected shortfall against their distribution under the model and tables."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import scipy.stats
from forecasts import real_forecasts
from reference import oracle

from jaxmargin.backtest import (
    ScenarioLosses,
    conditional_shortfall,
    minimally_biased,
    minimally_biased_relative,
    secured_share,
    shortfall_ranks_test,
    simulated_test,
    unconditional_shortfall,
)

LEVEL = 0.975


SCORES = np.linspace(-7.5, 7.5, 8192)


DEGREES = (3, 5, 10)


CURVES = np.stack([scipy.stats.t(nu).ppf(scipy.stats.norm.cdf(SCORES)) for nu in DEGREES])


def forecasts(days):
    """Value at risk and expected shortfall of a normal and of Student's distributions."""
    file = oracle("backtest/es_var_analytic.json")
    cases = [file["normal"]["0.975"]] + [file["student_t"][str(nu)]["0.975"] for nu in DEGREES]
    return (
        np.repeat([[float(case[key])] for case in cases], days, axis=-1) for key in ("VaR", "ES")
    )


class FourModels:
    """Losses of a normal and three Student's distributions from the same normal variables."""

    def __init__(self, days):
        self.days = days

    def __call__(self, key):
        normal = jax.random.normal(key, (self.days,))
        place = (normal - SCORES[0]) / (SCORES[1] - SCORES[0])
        below = jnp.floor(place).astype(int)
        share, curves = place - below, jnp.asarray(CURVES)
        students = [(1.0 - share) * curve[below] + share * curve[below + 1] for curve in curves]
        return jnp.stack([normal, *students])


def all_statistics(losses, value_at_risk, expected_shortfall, level):
    four = (
        conditional_shortfall,
        unconditional_shortfall,
        minimally_biased,
        minimally_biased_relative,
    )
    return jnp.stack([each(losses, value_at_risk, expected_shortfall, level) for each in four])


def real_statistic(statistic):
    losses, value_at_risk, expected_shortfall, _ = map(jnp.asarray, real_forecasts())
    return statistic(losses, value_at_risk, expected_shortfall, LEVEL)


def test_statistics_of_the_real_series_are_those_of_plain_numpy():
    # Z1 and Z2 printed in VALIDATION.md from a calculation of its own
    np.testing.assert_allclose(real_statistic(conditional_shortfall), -0.0480401677, atol=5e-11)
    np.testing.assert_allclose(real_statistic(unconditional_shortfall), -0.4353543274, atol=5e-11)


def test_minimally_biased_statistics_of_three_days_by_hand():
    losses, risk, shortfall = (
        jnp.array([1.0, 5.0, 2.0]),
        jnp.full(3, 2.0),
        jnp.array([3.0, 4.0, 2.5]),
    )
    # surplus: 1, 2 - 3 / 0.25 = -10, 0.5
    absolute = minimally_biased(losses, risk, shortfall, 0.75)
    relative = minimally_biased_relative(losses, risk, shortfall, 0.75)
    np.testing.assert_allclose(absolute, (1.0 - 10.0 + 0.5) / 3.0, rtol=1e-14)
    np.testing.assert_allclose(relative, (1.0 / 3.0 - 10.0 / 4.0 + 0.5 / 2.5) / 3.0, rtol=1e-14)


def test_no_exceedance_leaves_the_conditional_statistic_undefined_and_the_others_at_their_best():
    losses, risk, shortfall = jnp.zeros(5), jnp.ones(5), jnp.full(5, 2.0)
    assert np.isnan(conditional_shortfall(losses, risk, shortfall, LEVEL))
    assert unconditional_shortfall(losses, risk, shortfall, LEVEL) == 1.0
    assert minimally_biased(losses, risk, shortfall, LEVEL) == 1.0
    result = simulated_test(
        conditional_shortfall,
        np.zeros(5),
        np.ones(5),
        np.full(5, 2.0),
        lambda key: 3.0 * jax.random.normal(key, (5,)),
        jax.random.key(0),
        level=LEVEL,
        replications=20,
    )
    assert np.isnan(result.p_value) and not result.rejected()


def test_critical_values_of_250_days_are_the_published_ones():
    file = oracle("backtest/acerbi_szekely_z2.json")
    published = file["published"]["AcerbiSzekely2014_N250_alpha2.5%"]
    result = simulated_test(
        all_statistics,
        np.zeros((4, 250)),
        *forecasts(250),
        FourModels(250),
        jax.random.key(1),
        level=LEVEL,
        replications=40_000,
    )
    five, one, last = (result.critical_value(level)[1] for level in (0.95, 0.99, 0.9999))
    rows = [file["monte_carlo_here"][f"N250_{name}"] for name in ("normal", 3, 5, 10)]
    # 40,000 series: standard errors of the quantiles about 0.005 and 0.015
    np.testing.assert_allclose(five, [row["q5%"] for row in rows], atol=0.02)
    np.testing.assert_allclose(one, [row["q1%"] for row in rows], atol=0.06)
    # four series lie beyond the last
    np.testing.assert_allclose(last, [row["q0.01%"] for row in rows], rtol=0.25)
    share = np.mean(result.simulated[1] < -0.38265, axis=-1)
    np.testing.assert_allclose(share, [row["P(Z<-0.38265)"] for row in rows], atol=0.008)
    np.testing.assert_allclose(five[:2], [published["normal_5%"], published["t3_5%"]], atol=0.025)
    # all have mean zero if the model is right; the greatest deviation of a statistic is 1.7
    means = np.nanmean(result.simulated, axis=-1)
    np.testing.assert_allclose(means, 0.0, atol=4.0 * 1.7 / np.sqrt(40_000))


def test_critical_values_of_1966_days_are_those_of_matlab():
    file = oracle("backtest/acerbi_szekely_z2.json")
    matlab = file["published"]["MathWorks_esbacktest_N1966_VaRLevel0.975"]
    by_simulation = file["published"]["MathWorks_esbacktestbysim_t10_N1966_1000scen"]["97.5%"]
    result = simulated_test(
        all_statistics,
        np.zeros((4, 1966)),
        *forecasts(1966),
        FourModels(1966),
        jax.random.key(2),
        level=LEVEL,
        replications=3_000,
    )
    rows = [file["monte_carlo_here"][f"N1966_{name}"] for name in ("normal", 3, 5, 10)]
    five, one = (result.critical_value(level)[1] for level in (0.95, 0.99))
    # 3,000 series: standard errors of the quantiles about 0.006 and 0.015, of the shares 0.0025
    np.testing.assert_allclose(five, [row["q5%"] for row in rows], atol=0.02)
    np.testing.assert_allclose(one, [row["q1%"] for row in rows], atol=0.05)
    share = np.mean(result.simulated[1] < -0.38265, axis=-1)
    np.testing.assert_allclose(share, [row["P(Z<-0.38265)"] for row in rows], atol=0.008)
    for place, name in ((0, "unconditionalNormal"), (1, "unconditionalT3")):
        np.testing.assert_allclose(one[place], matlab[name]["critical"], atol=0.05)
        np.testing.assert_allclose(share[place], matlab[name]["p_value"], atol=0.008)
        rejected = matlab[name]["stat"] < one[place]
        assert ("reject" if rejected else "accept") == matlab[name]["result"]
    # MATLAB's own simulation has 1,000 series: 4 % of a quantile is one standard error, and this
    # quantile lies two of them from that of the 60,000 series above
    np.testing.assert_allclose(five[3], by_simulation["critical"], rtol=0.16)
    p_value = np.mean(result.simulated[1, 3] <= by_simulation["stat"])
    np.testing.assert_allclose(p_value, by_simulation["p"], atol=0.03)  # 0.007 is one
    # conditional at 97.5 %: mathworks.com/help/risk/esbacktestbysim.conditional.html
    np.testing.assert_allclose(result.critical_value()[0, 3], -0.052575, rtol=0.13)


def test_statistics_reject_bad_models_and_spare_right_ones():
    days, portfolios = 250, 400
    random = np.random.default_rng(5)
    losses = random.standard_normal((2, portfolios, days)) * np.array([1.0, 1.4])[:, None, None]
    risk, shortfall = np.full(days, 1.959963984540054), np.full(days, 2.3378027922014133)

    def all_five(losses, risk, shortfall, level):
        share = secured_share(losses, risk, shortfall, level)
        return jnp.concatenate([all_statistics(losses, risk, shortfall, level), -share[None]])

    result = simulated_test(
        all_five,
        losses[0, 0],
        risk,
        shortfall,
        lambda key: jax.random.normal(key, (days,)),
        jax.random.key(3),
        level=LEVEL,
        replications=4000,
    )
    wide = (np.broadcast_to(each, losses.shape) for each in (risk, shortfall))
    found = np.asarray(all_five(losses, *wide, LEVEL))
    np.testing.assert_allclose(found[:, 0, 0], result.statistic, rtol=1e-12)
    right, wrong = np.mean(found < result.critical_value()[:, None, None], axis=-1).T
    # 400 portfolios: standard error 0.011; the worst days of few are not many different numbers
    assert np.all(right < 0.09) and np.all(right[:4] > 0.015)
    assert np.all(wrong[1:] > 0.8) and wrong[0] > 0.2


def test_scenarios_drawn_as_losses_are_those_of_their_day():
    pnl = jnp.arange(24.0).reshape(2, 3, 4)
    keys = jax.random.split(jax.random.key(0), 50)
    losses = np.asarray(jax.jit(jax.vmap(ScenarioLosses(pnl)))(keys))
    assert losses.shape == (50, 2, 3)
    np.testing.assert_array_equal(losses[:, 1] - losses[:, 0], np.full((50, 3), -12.0))
    for day in range(3):
        assert set(np.unique(-losses[:, 0, day])) == set(range(4 * day, 4 * day + 4))


def test_secured_share_counts_the_most_worst_days_with_a_negative_sum():
    # secured: -4, 1, 2, 3: sums -4, -3, -1, 2
    losses, shortfall = jnp.array([5.0, 0.0, -1.0, -2.0]), jnp.ones(4)
    assert secured_share(losses, losses, shortfall, LEVEL) == 0.75
    assert secured_share(jnp.zeros(4), losses, shortfall, LEVEL) == 0.0
    assert secured_share(jnp.full(4, 2.0), losses, shortfall, LEVEL) == 1.0


def test_ranks_have_the_expected_shortfall_of_all_possible_series():
    # two days of three scenarios: four ranks a day, all pairs of ranks equally likely
    pnl = np.array([[-5.0, -1.0, 2.0], [-8.0, -4.0, 0.0]])
    losses = np.array([6.0, 1.0])  # ranks 0 and 2
    result = shortfall_ranks_test(losses, pnl, jax.random.key(0), level=0.5, replications=200)
    # the middles 1/8, 3/8, 5/8, 7/8 of the ranks fall into scenarios 0, 1, 1, 2
    place = [0, 1, 1, 2]
    ratios = []
    for day in pnl:
        worst = [
            -min(day[place[a]], day[place[b]]) for a, b in itertools.product(range(4), repeat=2)
        ]
        ratios.append(-day[place[0]] / np.mean(worst))
    np.testing.assert_allclose(result.statistic, 1.0 - np.mean(ratios), rtol=1e-13)


def test_ranks_have_the_critical_value_of_matlab_and_mean_zero():
    days, scenarios = 1966, 2000
    quantiles = scipy.stats.t(10).ppf((np.arange(scenarios) + 0.5) / scenarios)
    pnl = np.broadcast_to(quantiles, (days, scenarios))
    losses = scipy.stats.t(10).rvs(days, random_state=7)
    result = shortfall_ranks_test(losses, pnl, jax.random.key(4), level=LEVEL, replications=3000)
    # mathworks.com/help/risk/esbacktestbysim.quantile.html, t(10) 97.5 %, from 1,000 series
    np.testing.assert_allclose(result.critical_value(), -0.073513, rtol=0.13)
    np.testing.assert_allclose(np.mean(result.simulated), 0.0, atol=0.004)
    assert not result.rejected(0.99)
    worse = shortfall_ranks_test(
        1.3 * losses, pnl, jax.random.key(4), level=LEVEL, replications=300
    )
    assert worse.rejected(0.99)
