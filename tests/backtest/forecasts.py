"""Series for backtests: the forecasts of R's esback, and exceedances made to order."""

import numpy as np
from reference import reference

RANDOM = 20240611


def real_forecasts():
    """Losses, value at risk, expected shortfall and volatility of 4,527 days; tail of 2.5 %."""
    path = reference("oracles/backtest/esback_risk_forecasts.csv")
    returns, quantile, shortfall, volatility = np.loadtxt(path, delimiter=",", skiprows=1).T
    return -returns, -quantile, -shortfall, volatility


def hits_on(days, *positions):
    """Exceedances on the given days, the first being day 1."""
    hits = np.zeros(days, bool)
    hits[np.array(positions, int) - 1] = True
    return hits


def random_hits(portfolios, days, tail, seed=RANDOM):
    """Independent exceedances."""
    return np.random.default_rng(seed).random((portfolios, days)) < tail


def clustered_hits(portfolios, days, tail, stay, seed=RANDOM):
    """Exceedances of share `tail`, followed by another one with probability `stay`."""
    uniform = np.random.default_rng(seed).random((days, portfolios))
    enter = tail * (1.0 - stay) / (1.0 - tail)
    hits = np.zeros((days, portfolios), bool)
    hits[0] = uniform[0] < tail
    for day in range(1, days):
        hits[day] = uniform[day] < np.where(hits[day - 1], stay, enter)
    return hits.T
