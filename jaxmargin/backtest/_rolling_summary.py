"""What a rolling backtest comes to: tests, coverage and steadiness of every portfolio."""

import numpy as np
from jaxtyping import Float

from jaxmargin.backtest._coverage_tests import kupiec_test
from jaxmargin.backtest._exceedance_residuals import exceedance_mean_test
from jaxmargin.backtest._independence_tests import conditional_coverage_test, independence_test
from jaxmargin.backtest._margin_coverage import margin_coverage
from jaxmargin.backtest._responsiveness import greatest_increase, peak_to_trough
from jaxmargin.backtest._result import BacktestResult
from jaxmargin.backtest._rolling import RollingBacktest

__all__ = [
    "INCREASE_DAYS",
    "margin_figures",
    "overall_figures",
    "quantile_tests",
    "shortfall_test",
]

INCREASE_DAYS = (1, 5, 10, 30)  # as clearing houses publish them


def quantile_tests(
    backtest: RollingBacktest, measure: int, *, level: float
) -> dict[str, BacktestResult]:
    """Kupiec's and Christoffersen's tests of a margin that is a value at risk.

    On days whose horizons do not overlap, as the tests assume.

    Args:
        backtest: margins and losses.
        measure: which of its measures.
        level: of the value at risk.
    """
    hits = backtest.apart().exceeded()[:, :, measure].T
    return {
        "kupiec": kupiec_test(np.count_nonzero(hits, axis=-1), hits.shape[-1], level=level),
        "independence": independence_test(hits),
        "conditional-coverage": conditional_coverage_test(hits, level=level),
    }


def shortfall_test(
    backtest: RollingBacktest, *, shortfall: int, value_at_risk: int
) -> BacktestResult:
    """`exceedance_mean_test` of an expected shortfall, in units of itself, on days apart.

    NaN for a portfolio that had a day without expected shortfall.

    Args:
        backtest: margins and losses.
        shortfall: which of its measures is the expected shortfall.
        value_at_risk: which is the value at risk of the same level.
    """
    apart = backtest.apart()
    expected, quantile = (apart.margin[:, :, which].T for which in (shortfall, value_at_risk))
    always = np.all(expected > 0.0, axis=-1)
    statistic, p_value = np.full((2, always.size), np.nan)
    if always.any():
        own = expected[always]
        found = exceedance_mean_test(apart.loss.T[always], quantile[always], own, own)
        statistic[always], p_value[always] = found.statistic, found.p_value
    return BacktestResult(statistic, p_value)


def margin_figures(
    backtest: RollingBacktest, measure: int
) -> dict[str, Float[np.ndarray, " portfolio"]]:
    """What clearing houses publish about a margin, of all days: coverage, size, and steadiness.

    Ratios to the margin and of margins are NaN for a portfolio that had a day without margin, and
    increases over more days than there are.

    Args:
        backtest: margins of every day.
        measure: which of its measures.
    """
    margin, loss = backtest.margin[:, :, measure].T, backtest.loss.T
    breach = loss > margin
    figures = {
        "breaches": np.count_nonzero(breach, axis=-1),
        "coverage": 1.0 - np.mean(breach, axis=-1),
        "greatest_shortfall": np.max(np.where(breach, loss - margin, 0.0), axis=-1),
        "mean_margin": np.mean(margin, axis=-1),
    }
    increases = {days: f"increase_{days}_days" for days in INCREASE_DAYS}
    for name in ("mean_loss_to_margin", "greatest_loss_to_margin", "peak_to_trough"):
        figures[name] = np.full(breach.shape[0], np.nan)
    figures |= {name: np.full(breach.shape[0], np.nan) for name in increases.values()}
    always = np.all(margin > 0.0, axis=-1)
    if always.any():
        covered = margin_coverage(loss[always], margin[always])
        ratios = {
            "mean_loss_to_margin": covered.mean_loss_to_margin,
            "greatest_loss_to_margin": covered.greatest_loss_to_margin,
            "peak_to_trough": peak_to_trough(margin[always]),
        }
        for days, name in increases.items():
            if days < margin.shape[-1]:
                ratios[name] = greatest_increase(margin[always], days=days)
        for name, values in ratios.items():
            figures[name][always] = values
    return {name: np.asarray(values, np.float64) for name, values in figures.items()}


def overall_figures(
    backtest: RollingBacktest, *, shortfall: int, value_at_risk: int, level: float
) -> dict[str, float]:
    """One line for a model: its coverage, how many portfolios reject it, and how its margin moves.

    Coverage and size are means over portfolios, the rest of `margin_figures` medians; of a test,
    the share of all portfolios that it rejects at 95 %, about 0.05 for a model that is right.

    Args:
        backtest: margins and losses.
        shortfall: which of its measures is the expected shortfall, taken as the margin.
        value_at_risk: which is the value at risk of the same level.
        level: of both.
    """
    figures = margin_figures(backtest, shortfall)
    tests = quantile_tests(backtest, value_at_risk, level=level)
    tests["shortfall"] = shortfall_test(backtest, shortfall=shortfall, value_at_risk=value_at_risk)
    line = {
        "mean margin": float(np.mean(figures["mean_margin"])),
        "ES coverage": float(np.mean(figures["coverage"])),
        "VaR coverage": 1.0 - float(np.mean(backtest.exceeded()[:, :, value_at_risk])),
    }
    line |= {f"{name} rejects": float(np.mean(test.rejected())) for name, test in tests.items()}
    for name in ("peak_to_trough", *(f"increase_{days}_days" for days in INCREASE_DAYS)):
        known = figures[name][np.isfinite(figures[name])]
        line[name.replace("_", " ")] = float(np.median(known)) if known.size else np.nan
    return line
