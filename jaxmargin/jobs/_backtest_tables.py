"""Tables of a backtest: every day, every test, and what clearing houses publish."""

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from jaxmargin.io import round_up

if TYPE_CHECKING:
    from jaxmargin.backtest import RollingBacktest
    from jaxmargin.risk import AbstractRiskMeasure

__all__ = ["day_table", "kpi_table", "test_table"]

_COLUMNS = ("account", "test", "statistic", "p_value", "zone", "rejected")


def _called(found: "RollingBacktest", accounts: pd.Index, unit: float) -> "RollingBacktest":
    """What is asked of each account, by day, with the first measure as the margin."""
    from jaxmargin.backtest import RollingBacktest

    count = len(accounts)  # what comes after them is not an account
    margin = np.maximum(found.margin[:, :count, :1], 0.0).astype(np.float64)
    loss = found.loss[:, :count].astype(np.float64)
    return RollingBacktest(
        round_up(margin, unit), loss, found.tail_count[:1], found.day, found.horizon_days
    )


def day_table(
    found: "RollingBacktest", accounts: pd.Index, closes: pd.DatetimeIndex, unit: float
) -> pd.DataFrame:
    """Margin and what came of every account on every day; see `BacktestTables.days`."""
    called = _called(found, accounts, unit)
    days = len(called.day)
    return pd.DataFrame(
        {
            "account": np.repeat(accounts.to_numpy(object), days),
            "time": np.tile(closes[called.day + 1], len(accounts)),  # a move ends at its close
            "margin": called.margin[:, :, 0].T.reshape(-1),
            "realized": -called.loss.T.reshape(-1),
            "exceeded": called.exceeded()[:, :, 0].T.reshape(-1),
        }
    )


def test_table(
    found: "RollingBacktest", measures: tuple["AbstractRiskMeasure", ...], names: list[str]
) -> pd.DataFrame:
    """Every test of every account; see `BacktestTables.tests`."""
    from jaxmargin.backtest import Zone, quantile_tests, shortfall_test, traffic_light
    from jaxmargin.risk import ValueAtRisk

    last = len(measures) - 1
    quantile = measures[last]
    if not isinstance(quantile, ValueAtRisk):
        return pd.DataFrame({name: [] for name in _COLUMNS})
    results = dict(quantile_tests(found, last, level=quantile.level))
    if last:
        results["shortfall"] = shortfall_test(found, shortfall=0, value_at_risk=last)
    rows: list[tuple[object, ...]] = [
        (names, test, each.statistic, each.p_value, "", each.rejected())
        for test, each in results.items()
    ]
    hits = found.apart().exceeded()[:, :, last]
    light = traffic_light(hits.sum(axis=0), hits.shape[0], level=quantile.level)
    zones = [Zone(zone).name.lower() for zone in light.zone]
    red = light.zone == Zone.RED
    rows.append((names, "traffic-light", light.statistic, light.type_one_error, zones, red))
    tables = [pd.DataFrame(dict(zip(_COLUMNS, row, strict=True))) for row in rows]
    return pd.concat(tables, ignore_index=True)


def kpi_table(found: "RollingBacktest", accounts: pd.Index, unit: float) -> pd.DataFrame:
    """Coverage and movement of each account's margin and of all; see `BacktestTables.kpis`."""
    from jaxmargin.backtest import RollingBacktest, margin_figures

    called = _called(found, accounts, unit)
    own = margin_figures(called, 0)
    total = RollingBacktest(
        called.margin.sum(axis=1, keepdims=True),
        called.loss.sum(axis=1, keepdims=True),
        called.tail_count,
        called.day,
        called.horizon_days,
    )
    row = {name: float(values[0]) for name, values in margin_figures(total, 0).items()}
    breaches = own["breaches"]
    row["breaches"] = float(breaches.sum())
    row["coverage"] = float(own["coverage"].mean())
    row["greatest_shortfall"] = float(own["greatest_shortfall"].max())
    ratio, some = own["mean_loss_to_margin"], np.isfinite(own["mean_loss_to_margin"])
    any_breach = some.any()
    weighted = np.average(ratio[some], weights=breaches[some]) if any_breach else np.nan
    greatest = own["greatest_loss_to_margin"]
    row["mean_loss_to_margin"] = float(weighted)
    row["greatest_loss_to_margin"] = float(greatest[some].max()) if any_breach else np.nan
    table = pd.DataFrame({"account": accounts.to_numpy(object), **own})
    return pd.concat([table, pd.DataFrame([{"account": "all", **row}])], ignore_index=True)
