"""Value at risk and expected shortfall against closed forms, published cases and simulation."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from reference import oracle
from scipy.special import ndtri
from scipy.stats import t as student_t

from jaxmargin.risk import ExpectedShortfall, ValueAtRisk

ANALYTIC = "backtest/es_var_analytic.json"
ERRORS = "backtest/estimator_standard_errors.json"

value = jax.jit(lambda measure, pnl, weight: measure(pnl, weight))
weights_of = jax.jit(lambda measure, pnl, weight: measure.weights(pnl, weight))
error_of = jax.jit(lambda measure, pnl, weight, tail: measure.standard_error(pnl, weight, tail))


def table(losses):
    """One account with these losses, equally likely."""
    losses = jnp.atleast_2d(jnp.asarray(losses, jnp.float64))
    return -losses, jnp.ones(losses.shape[1])


def test_expected_shortfall_is_the_mean_of_the_worst_two_of_ten():
    pnl = jnp.array([[3.0, -5.0, 1.0, -9.0, 0.0, 2.0, 4.0, -1.0, 6.0, 7.0]])
    np.testing.assert_allclose(
        value(ExpectedShortfall(0.8), pnl, jnp.ones(10)), [(9.0 + 5.0) / 2], rtol=1e-15
    )


def test_discrete_sets_give_the_published_quantiles_and_shortfalls():
    case = oracle(ANALYTIC)["discrete_equal_weights"]
    for row in case["cases"]:
        pnl, weight = table(case["losses"])
        shortfall, quantile = ExpectedShortfall(row["p"]), ValueAtRisk(row["p"])
        np.testing.assert_allclose(
            value(shortfall, pnl, weight)[0], row["ES_acerbi_tasche"], rtol=1e-14
        )
        np.testing.assert_allclose(
            value(quantile, pnl, weight)[0], row["VaR_lower_quantile"], rtol=1e-15
        )


def test_hulls_weighted_example_is_reproduced_to_the_dollar():
    case = oracle(ANALYTIC)["hull_fourindex"]
    losses = np.linspace(-1e5, 2e5, case["n"])  # the others, all smaller than the five worst
    for number, loss in zip(case["scenario_numbers"], case["worst_losses"], strict=True):
        losses[number - 1] = loss
    pnl, equal = table(losses)
    level = case["level"]
    quantile = float(value(ValueAtRisk(level), pnl, equal)[0])
    assert quantile == pytest.approx(case["basic"]["VaR"], rel=1e-12)
    shortfall = float(value(ExpectedShortfall(level), pnl, equal)[0])
    assert shortfall == pytest.approx(case["basic"]["ES_mean_of_5_worst"], rel=1e-12)
    n, decay = case["n"], 0.995
    weight = jnp.asarray(decay ** (n - np.arange(1, n + 1)) * (1 - decay) / (1 - decay**n))
    weighted = case["lambda_0.995"]
    quantile = float(value(ValueAtRisk(level), pnl, weight)[0])
    assert quantile == pytest.approx(weighted["VaR"], rel=1e-12)
    assert float(value(ExpectedShortfall(level), pnl, weight)[0]) == pytest.approx(
        weighted["ES"], rel=1e-12
    )


def quantile_grid(inverse, n=400_000):
    """`n` equally likely losses at the middles of equal shares of a distribution."""
    return inverse((np.arange(n) + 0.5) / n)


@pytest.mark.parametrize("level", ["0.95", "0.975", "0.99", "0.995", "0.999"])
def test_a_fine_grid_of_the_normal_distribution_gives_its_closed_form(level):
    expected = oracle(ANALYTIC)["normal"][level]
    pnl, weight = table(quantile_grid(ndtri))
    # the grid cuts off 1/400,000 of the tail: 1e-4 relative at most
    np.testing.assert_allclose(
        value(ExpectedShortfall(float(level)), pnl, weight)[0], float(expected["ES"]), rtol=1e-4
    )
    np.testing.assert_allclose(
        value(ValueAtRisk(float(level)), pnl, weight)[0], float(expected["VaR"]), rtol=1e-3
    )


@pytest.mark.parametrize("freedom", ["4", "5", "10"])
@pytest.mark.parametrize("level", ["0.95", "0.975", "0.99"])
def test_a_fine_grid_of_the_t_distribution_gives_its_closed_form(freedom, level):
    expected = oracle(ANALYTIC)["student_t"][freedom][level]
    pnl, weight = table(quantile_grid(student_t(float(freedom)).ppf))
    np.testing.assert_allclose(
        value(ExpectedShortfall(float(level)), pnl, weight)[0], float(expected["ES"]), rtol=3e-3
    )
    np.testing.assert_allclose(
        value(ValueAtRisk(float(level)), pnl, weight)[0], float(expected["VaR"]), rtol=1e-3
    )


def test_gradients_of_a_normal_book_approach_the_closed_form():
    case = oracle(ANALYTIC)["elliptical_euler_case"]
    random = np.random.default_rng(8)
    returns = random.multivariate_normal(case["mu"], case["Sigma"], 400_000)
    position = np.array(case["x"])
    pnl, weight = table(-(returns @ position))
    weights = weights_of(ExpectedShortfall(0.975), pnl, weight)[0]
    gradient = -np.asarray(weights) @ returns
    # 10,000 scenarios in the tail: standard error 0.5 % of a return's deviation there
    np.testing.assert_allclose(gradient, case["0.975"]["dES_dx"], atol=6e-3)
    np.testing.assert_allclose(
        gradient @ position, value(ExpectedShortfall(0.975), pnl, weight)[0], rtol=1e-12
    )


SAMPLERS = {
    "normal": lambda random, shape: random.standard_normal(shape),
    "t4": lambda random, shape: random.standard_t(4, shape),
}


@pytest.mark.parametrize("case", ["normal_0.975", "normal_0.99", "t4_0.975", "t4_0.99"])
def test_standard_errors_average_to_the_asymptotic_ones(case):
    expected = oracle(ERRORS)[case]
    distribution, level = case.split("_")
    sample = SAMPLERS[distribution](np.random.default_rng(21), (60, expected["n"]))
    pnl, weight = table(sample)
    for measure, key, tolerance in (
        (ExpectedShortfall(float(level)), "se_ES_asym", 0.12),  # heavy tails: noisy, biased low
        (ValueAtRisk(float(level)), "se_VaR_asym", 0.06),
    ):
        weights = weights_of(measure, pnl, weight)
        error = np.asarray(error_of(measure, pnl, weight, weights))
        np.testing.assert_allclose(np.mean(error), expected[key], rtol=tolerance)
        deviation = np.std(np.asarray(value(measure, pnl, weight)))  # over the 60 samples: +-9 %
        np.testing.assert_allclose(deviation, np.mean(error), rtol=0.3)


def test_the_effective_tail_counts_weights():
    measure = ExpectedShortfall(0.99)
    pnl = jnp.asarray(np.random.default_rng(3).standard_normal((2, 1000)))

    def count(weight):
        return measure.tail_count(weight, weights_of(measure, pnl, weight))

    np.testing.assert_allclose(count(jnp.ones(1000)), 10.0, rtol=1e-12)
    half = jnp.array([1.0] * 500 + [0.0] * 500)
    np.testing.assert_allclose(count(half), 5.0, rtol=1e-12)
    # by hand: a tail of 10 % of the weight, one scenario of 4 and six of 1: 10^2 / (16 + 6)
    losses = jnp.arange(94.0, 0.0, -1.0)[None, :]
    weight = jnp.array([4.0] + [1.0] * 6 + [1.0] * 84 + [2.0] * 3)
    tenth = ExpectedShortfall(0.9)
    tail = weights_of(tenth, -losses, weight)
    np.testing.assert_allclose(tenth.tail_count(weight, tail), 100.0 / 22.0, rtol=1e-12)


@pytest.mark.parametrize("measure", [ExpectedShortfall(0.99), ValueAtRisk(0.99)])
def test_standard_errors_know_what_importance_weights_gain(measure):
    """Normals, shifted or not by 2.5 deviations, weighted back: as the estimates scatter."""
    random = np.random.default_rng(5)
    estimates, errors, counts = [], [], []
    for _ in range(200):
        loss = random.standard_normal(1000) + 2.5 * random.integers(0, 2, 1000)
        weight = jnp.asarray(1.0 / (0.5 + 0.5 * np.exp(2.5 * loss - 2.5**2 / 2.0)))
        pnl = jnp.asarray(-loss)[None, :]
        tail = weights_of(measure, pnl, weight)
        estimates.append(float(-jnp.sum(tail * pnl)))
        errors.append(float(error_of(measure, pnl, weight, tail)[0]))
        counts.append(float(measure.tail_count(weight, tail)[0]))
    # 200 samples estimate a deviation to 5 %; plain sampling scatters twice as much
    np.testing.assert_allclose(np.mean(errors), np.std(estimates), rtol=0.2)
    plain = {"ExpectedShortfall": 0.145, "ValueAtRisk": 0.118}[type(measure).__name__]
    assert np.mean(errors) < plain / 1.5
    assert np.mean(counts) > 50.0  # 10 with equal weights


def test_shortfall_is_subadditive_and_value_at_risk_is_not():
    """Two short digitals that lose 100 in 4 % of scenarios, not in the same ones."""
    first, second = np.zeros(100), np.zeros(100)
    first[:4], second[4:8] = 100.0, 100.0
    rows, weight = table(np.stack([first, second, first + second]))
    a, b, both = value(ExpectedShortfall(0.95), rows, weight)
    assert float(both) <= float(a) + float(b)
    a, b, both = value(ValueAtRisk(0.95), rows, weight)
    assert (float(a), float(b), float(both)) == (0.0, 0.0, 100.0)


def test_shortfall_grows_with_the_level_up_to_the_worst_loss():
    pnl, weight = table(np.random.default_rng(2).standard_t(3, 200))
    levels = [0.01, 0.5, 0.9, 0.993, 0.996, 0.9999]
    values = [float(value(ExpectedShortfall(level), pnl, weight)[0]) for level in levels]
    assert values == sorted(values)
    assert values[-1] == values[-2] == float(-pnl.min())  # less than one scenario in the tail
    for level in levels:
        assert (
            value(ExpectedShortfall(level), pnl, weight)[0]
            >= value(ValueAtRisk(level), pnl, weight)[0]
        )


@pytest.mark.parametrize("dtype", [jnp.float32, jnp.float64])
def test_a_tail_of_a_whole_number_of_scenarios_takes_no_part_of_another(dtype):
    """1 - 0.975 is 0.025000000000000022 in floating point."""
    loss = jnp.arange(99_960, dtype=dtype)
    for n in (40, 200, 1000, 4000, 7320, 99_960):
        weight = (loss < n).astype(dtype)  # the first n scenarios; the others are padding
        weights = weights_of(ExpectedShortfall(0.975), -loss[None, :], weight)
        assert int((weights > 0.0).sum()) == n * 25 // 1000


def test_a_tail_that_single_precision_makes_too_large_is_still_whole():
    """0.001 times 3,000 is 3.0000002 in single precision, which would draw in a fourth."""
    assert np.float32(0.001) * np.float32(3000) > 3.0
    loss = jnp.arange(3000, dtype=jnp.float32)
    weights = weights_of(ExpectedShortfall(0.999), -loss[None, :], jnp.ones_like(loss))
    assert int((weights > 0.0).sum()) == 3
    quantile = value(ValueAtRisk(0.999), -loss[None, :], jnp.ones_like(loss))
    assert float(quantile[0]) == 2997.0


@pytest.mark.parametrize("dtype", [jnp.float32, jnp.float64])
def test_equal_weights_of_any_size_choose_the_same_order_statistic(dtype):
    """The 25th largest of 1,000 losses 0 .. 999 is 975, however the weights are scaled."""
    loss = jnp.arange(1000, dtype=dtype)
    for scale in (1.0, 1e-3, 3.0, 0.7):
        weight = jnp.full(1000, scale, dtype)
        assert float(value(ValueAtRisk(0.975), -loss[None, :], weight)[0]) == 975.0
