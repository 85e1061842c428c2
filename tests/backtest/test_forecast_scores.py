"""Scores of forecasts, their comparison, and evidence that grows day by day."""

import jax.numpy as jnp
import numpy as np
import pytest
import scipy.stats
from forecasts import real_forecasts
from reference import oracle

from jaxmargin.backtest import (
    compare_scores,
    fissler_ziegel_score,
    quantile_score,
    shortfall_evidence,
    value_at_risk_evidence,
)
from jaxmargin.errors import InvalidInputError

LEVEL = 0.975
RISK, SHORTFALL = 1.959963984540054, 2.3378027922014133  # of a standard normal loss


def test_scores_of_the_real_series_agree_with_R():
    losses, value_at_risk, expected_shortfall, _ = map(jnp.asarray, real_forecasts())
    file = oracle("backtest/r_esback_rugarch_gas.json")
    quantile = quantile_score(losses, value_at_risk, level=LEVEL)
    both = fissler_ziegel_score(losses, value_at_risk, expected_shortfall, level=LEVEL)
    np.testing.assert_allclose(jnp.mean(quantile), file["GAS_quantile_loss_mean"], rtol=1e-12)
    np.testing.assert_allclose(jnp.mean(both), file["GAS_FZLoss_mean"], rtol=1e-12)
    np.testing.assert_allclose(both[:5], file["GAS_FZLoss_first5"], rtol=1e-12)


def test_scores_are_lowest_at_the_true_forecasts():
    losses = jnp.asarray(scipy.stats.norm.ppf((np.arange(200_000) + 0.5) / 200_000))
    sample = jnp.broadcast_to(losses, (3, 200_000))
    factors = jnp.broadcast_to(jnp.array([0.9, 1.0, 1.1])[:, None], sample.shape)
    risk, shortfall, same = RISK * factors, SHORTFALL * factors, jnp.full_like(sample, RISK)
    for scores in (
        quantile_score(sample, risk, level=LEVEL),
        fissler_ziegel_score(sample, risk, jnp.full_like(sample, SHORTFALL), level=LEVEL),
        fissler_ziegel_score(sample, same, shortfall, level=LEVEL),
    ):
        assert int(jnp.argmin(jnp.mean(scores, axis=-1))) == 1


def test_equal_scores_are_compared_as_the_mean_of_a_sample_without_lags():
    random = np.random.default_rng(1)
    first, second = random.random((2, 80)), random.random((2, 80))
    gap = first - second
    expected = gap.mean(axis=-1) / np.sqrt(gap.var(axis=-1) / 80)
    result = compare_scores(first, second, lags=0)
    np.testing.assert_allclose(result.statistic, expected, rtol=1e-12)
    np.testing.assert_allclose(
        result.p_value, 2.0 * scipy.stats.norm.sf(np.abs(expected)), rtol=1e-12
    )


def test_the_variance_of_compared_scores_is_that_of_a_loop_over_pairs_of_days():
    random = np.random.default_rng(2)
    gap = np.convolve(random.standard_normal(62), [1.0, 0.7, 0.4], mode="valid")
    centered = gap - gap.mean()
    lags = 3
    total = sum(
        centered[i] * centered[j] * max(0.0, 1.0 - abs(i - j) / (lags + 1))
        for i in range(60)
        for j in range(60)
    )
    result = compare_scores(gap, np.zeros(60), lags=lags)
    np.testing.assert_allclose(result.statistic, gap.mean() * 60 / np.sqrt(total), rtol=1e-12)
    automatic = compare_scores(gap, np.zeros(60))
    np.testing.assert_allclose(
        automatic.statistic, result.statistic, rtol=1e-12
    )  # 4 0.6^(2/9) = 3.6


def test_equal_models_have_no_comparison_and_a_worse_one_is_found():
    losses = np.random.default_rng(3).standard_normal((400, 1000))
    risk = np.full(losses.shape, RISK)
    good, other, bad = (
        np.asarray(quantile_score(losses, factor * risk, level=LEVEL)) for factor in (1.0, 1.0, 0.6)
    )
    assert np.all(np.isnan(compare_scores(good, other).p_value))
    better = compare_scores(good, bad)
    assert np.mean(better.rejected() & (better.statistic < 0.0)) > 0.9
    noise = np.random.default_rng(4).standard_normal((2000, 300))
    smooth = noise + 0.5 * np.roll(noise, 1, axis=-1)  # the error of a day lasts to the next
    share = np.mean(compare_scores(smooth, np.zeros_like(smooth)).rejected())
    assert 0.03 < share < 0.09  # standard error 0.005; Bartlett weights are a little short


def test_wealth_of_a_constant_bet_by_hand():
    losses, risk = np.array([0.0, 2.0, 0.0]), np.ones(3)
    evidence = value_at_risk_evidence(losses, risk, level=0.9, bet=0.1)
    np.testing.assert_allclose(evidence.wealth, [0.9, 0.9 * 1.9, 0.9 * 1.9 * 0.9], rtol=1e-13)
    np.testing.assert_allclose(evidence.p_value(), [1.0, 1.0 / 1.71, 1.0 / 1.71], rtol=1e-13)
    # excess 1 over 0.1 times (3 - 1): e = 5
    evidence = shortfall_evidence(losses, risk, np.full(3, 3.0), level=0.9, bet=0.1)
    np.testing.assert_allclose(evidence.wealth, [0.9, 0.9 * 1.4, 0.9 * 1.4 * 0.9], rtol=1e-13)


def test_bets_know_only_the_days_before():
    losses = np.random.default_rng(5).standard_normal((2, 200))
    risk, shortfall = np.full(losses.shape, 1.0), np.full(losses.shape, 1.2)
    changed = losses.copy()
    changed[:, 120:] = 9.0
    one, two = (shortfall_evidence(each, risk, shortfall, level=0.9) for each in (losses, changed))
    np.testing.assert_array_equal(one.bet[:, :121], two.bet[:, :121])
    assert np.all(one.bet[:, 0] == 0.0) and np.any(one.bet > 0.0) and np.all(one.bet <= 0.5)


def test_evidence_reaches_twenty_for_one_right_model_in_twenty_at_most_and_for_bad_ones_soon():
    random = np.random.default_rng(6)
    normal = random.standard_normal((2000, 1000))
    risk, shortfall = np.full(normal.shape, RISK), np.full(normal.shape, SHORTFALL)
    for scale, least, most in ((1.0, 0.0, 0.055), (1.5, 0.95, 1.0)):
        for evidence in (
            value_at_risk_evidence(scale * normal, risk, level=LEVEL),
            shortfall_evidence(scale * normal, risk, shortfall, level=LEVEL),
        ):
            ever = evidence.rejected(0.95)[:, -1]  # looked at every day of a thousand
            assert least <= np.mean(ever) <= most
            assert np.all((evidence.p_value()[:, -1] <= 0.05 + 1e-12) == ever)


def test_unusable_input_of_scores_ends_with_one_clear_line():
    one = np.ones(3)
    for call, message in (
        (lambda: compare_scores(one, one, lags=3), "0 <= lags < days"),
        (
            lambda: shortfall_evidence(one, one, one, level=0.9),
            "must be greater than value_at_risk",
        ),
        (
            lambda: value_at_risk_evidence(one, one, level=0.9, bet=1.0),
            "bet must lie in \\[0, 1\\)",
        ),
    ):
        with pytest.raises(InvalidInputError, match=message):
            call()
