import csv

import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd
import pytest
from reference import oracle, reference
from scipy.optimize import minimize
from scipy.signal import lfilter

from jaxmargin.errors import InvalidInputError
from jaxmargin.scenarios import GarchStatus, fit_garch

ORDER = ("mu", "omega", "alpha1", "beta1")


def simulate(days, parameters, seed):
    """Gaussian returns of one factor for each (mean, omega, alpha, beta)."""
    mean, omega, alpha, beta = np.asarray(parameters).T
    normal = np.random.default_rng(seed).normal(size=(days, len(parameters)))
    variance, returns = omega / (1.0 - alpha - beta), []
    for z in normal:
        gap = np.sqrt(variance) * z
        returns.append(mean + gap)
        variance = omega + alpha * gap**2 + beta * variance
    return np.asarray(returns)


def natural(fit):
    """Parameters of a fit, a row per factor in the order of its standard errors."""
    return np.stack([fit.mean, fit.model.omega, fit.model.alpha, fit.model.beta], axis=1)


def log_likelihood(parameters, returns):
    """By another way than the code: a digital filter."""
    mean, omega, alpha, beta = parameters
    squares = (returns - mean) ** 2
    first = omega + (alpha + beta) * squares.mean()
    rest, _ = lfilter([1.0], [1.0, -beta], omega + alpha * squares[:-1], zi=[beta * first])
    variance = np.append(first, rest)
    return -0.5 * np.sum(np.log(2.0 * np.pi * variance) + squares / variance)


def best_of_scipy(returns):
    """Greatest log-likelihood that L-BFGS-B finds from five starts."""
    scale = returns.std()
    scaled = returns / scale

    def loss(x):
        mean, omega, persistence, share = x
        values = (mean, omega, persistence * share, persistence * (1.0 - share))
        return -log_likelihood(values, scaled)

    bounds = [(-1.0, 1.0), (1e-8, 10.0), (0.0, 1.0 - 1e-6), (0.0, 1.0)]
    starts = ((0.05, 0.98, 0.05), (0.1, 0.9, 0.1), (0.3, 0.7, 0.4), (0.01, 0.99, 0.9), (1, 0.1, 1))
    values = [
        minimize(
            loss,
            [scaled.mean(), *start],
            method="L-BFGS-B",
            bounds=bounds,
            options={"ftol": 1e-15, "gtol": 1e-8, "maxiter": 1000},
        ).fun
        for start in starts
    ]
    return -min(values) - returns.size * np.log(scale)


def dem2gbp():
    rows = csv.reader(reference("oracles/backtest/dem2gbp.csv").read_text().splitlines()[1:])
    return np.asarray([[float(row[0])] for row in rows])


def real_returns():
    table = pd.read_parquet(reference("data/daily_ohlcv_yahoo.parquet"))
    close = table.pivot_table(index="date", columns="asset", values="close", observed=True)
    return np.diff(np.log(close[["BTC", "ETH", "SOL", "DOGE"]].dropna().to_numpy()), axis=0)


def test_the_benchmark_of_fiorentini_calzolari_and_panattoni_is_met():
    published = oracle("backtest/garch_fcp_benchmark.json")
    fit = fit_garch(dem2gbp())
    assert fit.status[0] == GarchStatus.CONVERGED
    expected = [published["coef"][name] for name in ORDER]
    # A unit of the last digit printed; omega is 0.01076140 to one more digit, printed 0.0107613.
    assert (np.abs(natural(fit)[0] - expected) < [1e-8, 1e-7, 1e-6, 1e-6]).all()
    assert float(fit.log_likelihood[0]) == pytest.approx(-1106.60788104, abs=1e-7)
    for found, name in (
        (fit.standard_error, "se_hessian"),
        (fit.robust_standard_error, "se_qmle"),
    ):
        np.testing.assert_allclose(found[0], [published[name][key] for key in ORDER], rtol=1e-5)


def test_simulated_parameters_are_recovered():
    truth = [
        (0.0, 2e-5, 0.05, 0.9),
        (0.002, 1e-4, 0.15, 0.75),
        (-0.001, 5e-4, 0.3, 0.3),
    ]
    fit = fit_garch(simulate(4000, truth, seed=1))
    np.testing.assert_array_equal(fit.status, GarchStatus.CONVERGED)
    for error in (fit.standard_error, fit.robust_standard_error):
        assert np.abs((natural(fit) - truth) / error).max() < 3.0
    # The returns are Gaussian, so both errors estimate the same.
    np.testing.assert_allclose(fit.robust_standard_error / fit.standard_error, 1.0, atol=0.25)


def test_real_series_are_fitted_as_well_as_by_scipy():
    returns = real_returns()
    fit = fit_garch(returns)
    # The spike of DOGE in January 2021 drives alpha + beta to one.
    inside, edge = GarchStatus.CONVERGED, GarchStatus.AT_BOUNDARY
    np.testing.assert_array_equal(fit.status, [inside, inside, inside, edge])
    for k, series in enumerate(returns.T):
        found = float(fit.log_likelihood[k])
        assert found == pytest.approx(log_likelihood(natural(fit)[k], series), abs=1e-6)
        assert found > best_of_scipy(series) - 1e-4
    persistence = np.asarray(fit.model.alpha + fit.model.beta)
    assert persistence.max() < 1.0 and persistence[3] > 1.0 - 2e-5
    assert bool(jnp.isfinite(fit.robust_standard_error[:3]).all())
    assert bool(jnp.isnan(fit.standard_error[3]).all())


def test_the_unit_of_the_returns_does_not_matter():
    returns = simulate(500, [(0.01, 1e-4, 0.1, 0.8)], seed=2)
    one, other = fit_garch(returns), fit_garch(100.0 * returns)
    unit = np.array([100.0, 100.0**2, 1.0, 1.0])
    np.testing.assert_allclose(natural(other), unit * natural(one), rtol=1e-6)
    for name in ("standard_error", "robust_standard_error"):
        errors = [np.asarray(getattr(fit, name)) for fit in (one, other)]
        np.testing.assert_allclose(errors[1], unit * errors[0], rtol=1e-5)
    shift = float(other.log_likelihood[0] - one.log_likelihood[0])
    assert shift == pytest.approx(-500.0 * np.log(100.0), abs=1e-8)


def test_without_clusters_alpha_is_zero_at_the_boundary():
    # Squares that alternate have a negative autocorrelation, so that no alpha > 0 helps.
    sign = np.random.default_rng(3).choice([-1.0, 1.0], 500)
    returns = (sign * np.where(np.arange(500) % 2, 1.2, 0.7))[:, None]
    fit = fit_garch(returns)
    assert fit.status[0] == GarchStatus.AT_BOUNDARY
    assert float(fit.model.alpha[0]) < 1e-5
    # A constant variance: the closed form of the normal distribution.
    variance = returns.var()
    constant = -250.0 * (np.log(2.0 * np.pi * variance) + 1.0)
    assert float(fit.log_likelihood[0]) == pytest.approx(constant, abs=1e-3)


def test_callers_in_single_precision_get_the_double_precision_fit():
    returns = simulate(500, [(0.01, 1e-4, 0.1, 0.8)], seed=2)
    double = fit_garch(returns)
    with jax.enable_x64(False):
        single = fit_garch(jnp.asarray(returns))
        assert {leaf.dtype for leaf in jax.tree.leaves(single)} == {
            jnp.dtype("float32"),
            jnp.dtype("int32"),
        }
    np.testing.assert_allclose(natural(single), natural(double), rtol=1e-5)


def test_a_fit_without_end_is_a_gap(monkeypatch):
    monkeypatch.setattr("jaxmargin.scenarios._fit_garch._STEPS", 1)
    fit = fit_garch(simulate(301, [(0.0, 1e-4, 0.1, 0.8)], seed=4))  # a length of its own
    assert fit.status[0] == GarchStatus.NOT_CONVERGED
    assert np.isnan(natural(fit)).all() and np.isnan(fit.log_likelihood).all()
    assert np.isnan(fit.standard_error).all() and np.isnan(fit.robust_standard_error).all()


def test_constant_short_and_broken_histories_are_refused():
    returns = np.random.default_rng(5).normal(size=(60, 3))
    with pytest.raises(InvalidInputError, match="50 days at least; got 49"):
        fit_garch(returns[:49])
    constant = returns.copy()
    constant[:, 1] = 0.01
    with pytest.raises(InvalidInputError, match=r"factors \[1\] are constant"):
        fit_garch(constant)
    broken = returns.copy()
    broken[7, 2] = np.nan
    with pytest.raises(InvalidInputError, match=r"the first at \[day, factor\] \[\[7, 2\]\]"):
        fit_garch(broken)
