"""What does margining 1,000 portfolios on every day of six years by three models cost?

10 assets, 2,585 days of simulated returns (seconds do not depend on the prices; the example
09_backtest_models.py does the same on real ones), a window of 365 days, ES and VaR 99 %, horizons
of 1 and 2 days: historical and filtered simulation, and Student-t Monte Carlo of 1,000 scenarios.
Against plain NumPy in single precision, one portfolio after the other and all of a day at once:
both are run on some of the days or portfolios, checked, and their seconds scaled up.
Run: python benchmarks/backtest.py
"""

import os
import time

import jax
import jax.numpy as jnp
import numpy as np
from harness import others_seconds, ratios, shown, time_in_turn, write_result

from jaxmargin import backtest as bt
from jaxmargin.risk import ExpectedShortfall, ValueAtRisk
from jaxmargin.scenarios import EwmaVolatility

ASSETS, DAYS, PORTFOLIOS, WINDOW, LEVEL = 10, 2_585, 1_000, 365, 0.99
SCENARIOS, DEGREES, SLOW, FAST = 1_000, 5, 0.97, 0.94
LOOPED = 20  # portfolios of the loop over portfolios
EVERY = 40  # of so many days NumPy runs one
TOLERANCE = 2e-4  # of a margin: single precision, and the jitter of the Cholesky factor
MEASURES = (ExpectedShortfall(LEVEL), ValueAtRisk(LEVEL))
PEERS = {
    "numpy_by_day": "NumPy, all portfolios of a day at once",
    "numpy_by_portfolio": "one portfolio after the other",
}


def simulated():
    """Returns with a common factor and heavy tails."""
    random = np.random.default_rng(11)
    common = random.standard_t(4, (DAYS, 1))
    return (0.02 * common + 0.03 * random.standard_t(4, (DAYS, ASSETS))).astype(np.float32)


def models(returns, horizon):
    key = jax.random.key(11)
    settings = {"window": WINDOW, "horizon_days": horizon}
    ewma = EwmaVolatility(jnp.asarray(FAST, returns.dtype))
    student = {"scenarios": SCENARIOS, "degrees": DEGREES, "decay": SLOW}
    return {
        "historical": bt.HistoricalModel(returns, **settings),
        "filtered": bt.filtered_model(returns, ewma, **settings),
        "student": bt.student_model(returns, key, **student, **settings),
    }


def moves_with_numpy(name, model, returns, variance, day):
    """Scenarios of one day, and nothing shared between days but the variances and the draws."""
    past = slice(day - WINDOW + 1, day + 1)
    horizon, own = model.horizon_days, returns[past]
    count = WINDOW - horizon + 1
    if name == "historical":
        return sum(own[i : i + count] for i in range(horizon))
    if name == "filtered":
        residual, state, total = own / np.sqrt(variance[past]), variance[day + 1], 0.0
        for i in range(horizon):
            step = residual[i : i + count] * np.sqrt(state)
            state, total = FAST * state + (1.0 - FAST) * step**2, total + step
        return total.astype(np.float32)
    weight = (SLOW ** np.arange(WINDOW)[::-1]).astype(np.float32)
    root = np.linalg.cholesky(own.T @ (own * (weight / weight.sum())[:, None]))
    return (root @ np.asarray(model.draws)).T * np.float32(horizon**0.5)


def ewma_with_numpy(returns):
    variance = [np.mean(returns[:WINDOW] ** 2, axis=0)]
    for row in returns:
        variance.append(FAST * variance[-1] + (1.0 - FAST) * row**2)
    return np.array(variance, np.float32)


def tail_with_numpy(loss):
    """ES and VaR of the last axis."""
    tail = (1.0 - LEVEL) * loss.shape[-1]
    count = int(np.ceil(tail - 1e-9))
    worst = np.partition(loss, loss.shape[-1] - count, axis=-1)[..., -count:]
    edge = worst.min(axis=-1)
    return np.stack([(worst.sum(axis=-1) - (count - tail) * edge) / tail, edge], axis=-1)


def with_numpy(name, model, returns, exposure, days, *, one_by_one):
    """Margins [day, portfolio, measure]; also the seconds of what does not grow with portfolios."""
    variance = ewma_with_numpy(returns) if name == "filtered" else None
    margins, shared = [], 0.0
    for day in days:
        begin = time.perf_counter()
        simple = np.expm1(moves_with_numpy(name, model, returns, variance, day))
        shared += time.perf_counter() - begin
        if one_by_one:
            margins.append(np.stack([tail_with_numpy(-(simple @ held)) for held in exposure]))
        else:
            margins.append(tail_with_numpy(-(exposure @ simple.T)))
    return np.array(margins), shared


def rows(content):
    """Rows of the README's table, of the numbers in `content` alone."""
    labels, figures = ratios(content["times_ours"], PEERS)
    return [
        {
            "question": f"ES and VaR of {content['portfolios']:,} portfolios on "
            f"{content['days']:,} days, three models, 1 and 2 days ahead; times as fast as "
            f"{labels}, both scaled up",
            "figure": f"{shown(content['seconds_in_all'])} s; {figures}",
        }
    ]


def main():
    returns = simulated()
    held = bt.made_up_portfolios([f"A{i}" for i in range(ASSETS)], PORTFOLIOS, seed=11).exposure
    held = held.astype(np.float32)
    books = bt.ConstantWeights(jnp.asarray(held))
    cases = [(h, n, m) for h in (1, 2) for n, m in models(jnp.asarray(returns), h).items()]
    ours, numpy_seconds, errors = {}, dict.fromkeys(PEERS, 0.0), {}
    load, begin, others = os.getloadavg(), time.perf_counter(), others_seconds()
    for horizon, name, model in cases:
        found = bt.run_backtest(model, books, returns, MEASURES)
        days = found.day[::EVERY]
        start = time.perf_counter()
        by_day, _ = with_numpy(name, model, returns, held, days, one_by_one=False)
        numpy_seconds["numpy_by_day"] += (time.perf_counter() - start) * found.day.size / days.size
        start = time.perf_counter()
        looped, shared = with_numpy(name, model, returns, held[:LOOPED], days, one_by_one=True)
        each = time.perf_counter() - start - shared
        total = shared + each * PORTFOLIOS / LOOPED
        numpy_seconds["numpy_by_portfolio"] += total * found.day.size / days.size
        for label, margin in (("by_day", by_day), ("by_portfolio", looped)):
            own = found.margin[::EVERY, : margin.shape[1]]
            error = float(np.abs(own / margin - 1.0).max())
            errors[f"{name}, {horizon} days, {label}"] = error
            assert error < TOLERANCE, (name, horizon, label, error)
        ours[f"{name}, {horizon} days"] = time_in_turn(
            {"run": lambda m=model: bt.run_backtest(m, books, returns, MEASURES).margin}, rounds=3
        )["run"]["median"]
    busy = (others_seconds() - others) / (time.perf_counter() - begin)
    total = sum(ours.values())
    times = {name: seconds / total for name, seconds in numpy_seconds.items()}
    content = {
        "question": "margins of many portfolios on every day of a history, from what it knew",
        "portfolios": PORTFOLIOS,
        "days": int(found.day.size),
        "window": WINDOW,
        "student_scenarios": SCENARIOS,
        "checked": f"ES and VaR of one day in {EVERY} against NumPy, all portfolios and {LOOPED}",
        "scaled": f"NumPy ran one day in {EVERY}, the loop over portfolios {LOOPED} of them; what "
        "a day's portfolios share was counted once a day",
        "largest_relative_error": errors,
        "seconds": ours,
        "seconds_in_all": total,
        "numpy_seconds_scaled_up": numpy_seconds,
        "times_ours": times,
        "load_average_at_start": load,
        "cores_busy_with_others": busy,
    }
    write_result("backtest", content | {"readme": rows(content)})


if __name__ == "__main__":
    main()
