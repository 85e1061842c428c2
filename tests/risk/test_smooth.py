"""Smoothed measures against SciPy: quantiles, root finding, quadrature, and central differences."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from kinds import SMOOTH_MEASURES, name
from reference import oracle
from scipy.integrate import quad
from scipy.optimize import brentq
from scipy.special import ndtr

from jaxmargin.errors import InvalidInputError
from jaxmargin.risk import (
    ExpectedShortfall,
    HarrellDavis,
    KernelExpectedShortfall,
    KernelValueAtRisk,
    ValueAtRisk,
)

by_name = pytest.mark.parametrize("measure", SMOOTH_MEASURES, ids=name)

value = jax.jit(lambda measure, pnl, weight: measure(pnl, weight))
weights_of = jax.jit(lambda measure, pnl, weight: measure.weights(pnl, weight))
gradient = jax.jit(jax.grad(lambda pnl, measure, weight: jnp.sum(measure(pnl, weight))))
hessian = jax.jit(jax.hessian(lambda pnl, measure, weight: measure(pnl[None, :], weight)[0]))


def table(accounts=2, scenarios=40, seed=1):
    """Heavy-tailed P&L, and unequal weights of which some are zero."""
    weight = np.random.default_rng(seed).uniform(0.2, 2.0, scenarios)
    weight[::9] = 0.0
    return jax.random.t(jax.random.key(seed), 4.0, (accounts, scenarios)), jnp.asarray(weight)


def test_harrell_davis_quantiles_are_those_of_scipy():
    case = oracle("backtest/harrell_davis_scipy.json")
    pnl = -jnp.array([case["x"]])
    for level, expected in zip(case["prob"], case["hd"], strict=True):
        # 1e-12 of the beta distribution is left out at either end
        np.testing.assert_allclose(
            value(HarrellDavis(level), pnl, jnp.ones(10)), [expected], rtol=1e-11
        )


def test_harrell_davis_gives_padding_no_weight_and_ties_the_same():
    measure = HarrellDavis(0.8)
    pnl = jnp.array([[-3.0, 1.0, -3.0, -5.0, 2.0]])
    alone = weights_of(measure, pnl, jnp.ones(5))[0]
    assert float(alone[0]) == pytest.approx(float(alone[2]), rel=1e-14)
    padded = jnp.concatenate([pnl, jnp.array([[-3.0, -9.0, 9.0]])], axis=1)
    weight = jnp.array([1.0] * 5 + [0.0] * 3)
    found = weights_of(measure, padded, weight)[0]
    np.testing.assert_allclose(found[:5], alone, rtol=1e-14)
    np.testing.assert_array_equal(found[5:], 0.0)
    order = np.array([6, 2, 0, 5, 4, 3, 7, 1])
    np.testing.assert_allclose(
        weights_of(measure, padded[:, order], weight[order])[0], found[order], rtol=1e-12
    )


@pytest.mark.parametrize("kind", ["equal", "unequal"])
@pytest.mark.parametrize("level", [0.3, 0.9, 0.99])
def test_no_more_scenarios_have_weight_than_harrell_davis_says(level, kind):
    random = np.random.default_rng(3)
    weight = np.ones(2000) if kind == "equal" else random.uniform(0.1, 3.0, 2000)
    pnl = jnp.asarray(random.standard_normal((4, 2000)))
    measure = HarrellDavis(level)
    held = np.asarray(weights_of(measure, pnl, jnp.asarray(weight)) > 0.0).sum(axis=1)
    assert held.max() <= measure.most_inside(weight) < 2000


def test_standard_errors_of_harrell_davis_are_how_its_estimates_scatter():
    pnl = jnp.asarray(np.random.default_rng(4).standard_normal((400, 500)))
    measure, weight = HarrellDavis(0.95), jnp.ones(500)
    shares = weights_of(measure, pnl, weight)
    error = np.asarray(measure.standard_error(pnl, weight, shares))
    # 400 samples know a deviation to 4 %; the mean of order statistics scatters somewhat less
    np.testing.assert_allclose(error.mean(), np.std(np.sum(shares * pnl, axis=1)), rtol=0.2)
    np.testing.assert_allclose(measure.tail_count(weight, shares), 25.0, rtol=1e-10)


@pytest.mark.parametrize("bandwidth", [0.02, 0.3])
def test_kernel_measures_are_those_of_the_mixture_of_normals(bandwidth):
    pnl, weight = table()
    quantiles = value(KernelValueAtRisk(0.9, bandwidth), pnl, weight)
    shortfalls = value(KernelExpectedShortfall(0.9, bandwidth), pnl, weight)
    chance = np.asarray(weight / weight.sum())
    for row, quantile, shortfall in zip(-np.asarray(pnl), quantiles, shortfalls, strict=True):
        width = bandwidth * np.sqrt(chance @ (row - chance @ row) ** 2)

        def beyond(x, row=row, width=width):
            return chance @ ndtr((row - x) / width)

        top = row.max() + 10.0 * width
        expected = brentq(lambda x, f=beyond: f(x) - 0.1, row.min() - 10.0 * width, top, xtol=1e-13)
        np.testing.assert_allclose(quantile, expected, rtol=1e-10)
        places = np.sort(row[(row > expected) & (row < top)])
        excess, _ = quad(beyond, expected, top, points=places, limit=500, epsabs=1e-12)
        np.testing.assert_allclose(shortfall, expected + excess / 0.1, rtol=1e-9)


@by_name
def test_a_narrow_kernel_tends_to_the_hard_measure(measure):
    hard = {KernelValueAtRisk: ValueAtRisk, KernelExpectedShortfall: ExpectedShortfall}
    pnl, weight = table()
    for bandwidth in (1e-2, 1e-4):
        # either moves by no more than a few deviations of the kernel
        np.testing.assert_allclose(
            value(type(measure)(0.9, bandwidth), pnl, weight),
            value(hard[type(measure)](0.9), pnl, weight),
            atol=10.0 * bandwidth,
        )


@by_name
def test_first_and_second_derivatives_are_central_differences(measure):
    pnl, weight = table(1, 20)
    first, second = gradient(pnl, measure, weight)[0], hessian(pnl[0], measure, weight)
    np.testing.assert_allclose(second, second.T, atol=1e-14)
    for place in range(20):
        up, down = (pnl.at[0, place].add(move) for move in (1e-5, -1e-5))
        slope = (value(measure, up, weight) - value(measure, down, weight))[0] / 2e-5
        np.testing.assert_allclose(first[place], slope, atol=1e-9)
        bend = (gradient(up, measure, weight) - gradient(down, measure, weight))[0] / 2e-5
        np.testing.assert_allclose(second[place], bend, atol=1e-8)


@by_name
def test_size_scales_it_cash_lowers_it_and_eulers_sum_is_exact(measure):
    pnl, weight = table()
    base = value(measure, pnl, weight)
    np.testing.assert_allclose(value(measure, 1e5 * pnl, weight), 1e5 * base, rtol=1e-12)
    np.testing.assert_allclose(value(measure, pnl + 3.0, weight), base - 3.0, rtol=1e-12)
    euler = jnp.sum(gradient(pnl, measure, weight) * pnl, axis=1)
    np.testing.assert_allclose(euler, base, rtol=1e-12)
    np.testing.assert_allclose(hessian(pnl[0], measure, weight) @ pnl[0], 0.0, atol=1e-13)


@by_name
def test_scenarios_without_weight_change_nothing(measure):
    pnl, weight = table()
    kept = np.asarray(weight) > 0.0
    np.testing.assert_allclose(
        value(measure, pnl, weight), value(measure, pnl[:, kept], weight[kept]), rtol=1e-12
    )
    np.testing.assert_array_equal(gradient(pnl, measure, weight)[:, ~kept], 0.0)


@by_name
@pytest.mark.parametrize("cash", [0.0, 7.0])
def test_a_constant_profit_has_its_negative_and_a_finite_gradient(measure, cash):
    pnl = jnp.full((2, 40), cash)
    weight = table()[1]
    np.testing.assert_allclose(value(measure, pnl, weight), -cash, rtol=1e-14)
    slopes = gradient(pnl, measure, weight)
    np.testing.assert_allclose(jnp.sum(slopes, axis=1), -1.0, rtol=1e-12)
    assert bool(jnp.isfinite(hessian(pnl[0], measure, weight)).all())


@by_name
def test_derivatives_are_finite_where_the_quantile_lies_in_a_wide_gap(measure):
    """One scenario of ten far away, and a kernel that reaches neither side of the gap."""
    pnl = jnp.array([[-1000.0] + [float(number) for number in range(9)]])
    narrow = type(measure)(0.9, 1e-3)
    assert bool(jnp.isfinite(gradient(pnl, narrow, jnp.ones(10))).all())
    assert bool(jnp.isfinite(hessian(pnl[0], narrow, jnp.ones(10))).all())


@pytest.mark.parametrize("kind", [KernelValueAtRisk, KernelExpectedShortfall])
def test_settings_out_of_range_are_refused(kind):
    with pytest.raises(InvalidInputError, match=r"level must lie in \(0, 1\)"):
        kind(97.5, 0.1)
    for bandwidth in (0.0, -1.0, float("nan")):
        with pytest.raises(InvalidInputError, match="bandwidth must be a positive number"):
            kind(0.9, bandwidth)
