"""Rolling backtests as plain NumPy loops over days and portfolios."""

from fractions import Fraction

import numpy as np


def value_at_risk(losses, level):
    tail = (1 - Fraction(str(level))) * losses.size
    return np.sort(losses)[-max(int(np.ceil(tail)), 1)]


def expected_shortfall(losses, level):
    tail = (1 - Fraction(str(level))) * losses.size
    worst, whole = np.sort(losses)[::-1], int(tail)
    return (worst[:whole].sum() + float(tail - whole) * worst[whole]) / float(tail)


def historical_moves(returns, day, window, horizon):
    first = range(day - window + 1, day - horizon + 2)
    return np.array([returns[i : i + horizon].sum(axis=0) for i in first])


def filtered_moves(returns, day, window, horizon, decay):
    variance = (returns[:window] ** 2).mean(axis=0)
    residual = []
    for row in returns[: day + 1]:
        residual.append(row / np.sqrt(variance))
        variance = decay * variance + (1.0 - decay) * row**2
    moves = []
    for i in range(day - window + 1, day - horizon + 2):
        own, total = variance, 0.0
        for j in range(horizon):
            step = residual[i + j] * np.sqrt(own)
            own, total = decay * own + (1.0 - decay) * step**2, total + step
        moves.append(total)
    return np.array(moves)


def student_moves(returns, day, window, horizon, draws, decay=None):
    past = returns[day - window + 1 : day + 1]
    if decay is None:
        matrix = np.cov(past, rowvar=False)
    else:
        age = np.arange(window)[::-1]
        matrix = np.cov(past, rowvar=False, ddof=0, aweights=decay**age)
        mean = np.average(past, axis=0, weights=decay**age)
        matrix = matrix + np.outer(mean, mean)  # about zero
    return np.sqrt(horizon) * (np.linalg.cholesky(matrix) @ draws).T


def backtest(moves, pnl, returns, window, horizon, measures):
    """Margins [day, portfolio, measure] and losses; `moves(day)` and `pnl(moves, day)` as loops."""
    margins, losses = [], []
    for day in range(window - 1, len(returns) - horizon):
        scenarios = -pnl(moves(day), day)
        margins.append([[m(column) for m in measures] for column in scenarios.T])
        ahead = returns[day + 1 : day + 1 + horizon].sum(axis=0)
        losses.append(-pnl(ahead[None, :], day)[0])
    return np.array(margins), np.array(losses)
