"""The example that backtests three models on real prices, on fewer portfolios and years."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from numpy.lib.stride_tricks import sliding_window_view
from reference import reference, run_example

from jaxmargin.backtest import made_up_portfolios

EXAMPLE = Path(__file__).parents[2] / "examples" / "09_backtest_models.py"
COINS = ["BTC", "ETH", "BNB", "XRP", "ADA", "DOGE", "BCH", "LINK", "LTC", "TRX"]


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    folder = tmp_path_factory.mktemp("example")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("JAXMARGIN_EXAMPLE_SMALL", "1")
        run_example(EXAMPLE, folder)
    assert (folder / "backtest" / "margins.png").stat().st_size > 10_000
    return pd.read_csv(folder / "backtest" / "models.csv").set_index(["model", "days"])


def test_historical_coverage_is_that_of_windows_sorted_by_numpy(table):
    """The fourth largest loss of 365 is VaR 99 %; counted in double precision from the prices."""
    bars = pd.read_parquet(reference("data/daily_ohlcv_yahoo.parquet"))
    close = bars.pivot(index="date", columns="asset", values="close").astype(float)[COINS].dropna()
    moves = np.log(close).diff().iloc[1:].loc[:"2020-06-30"].to_numpy()
    exposure = made_up_portfolios(COINS, 150, seed=9, past=moves[:365]).exposure
    losses = -np.expm1(moves) @ exposure.T
    windows = sliding_window_view(losses[:-1], 365, axis=0)
    beyond = losses[365:] > np.sort(windows, axis=-1)[:, :, -4]
    assert table.loc[("historical", 1), "VaR coverage"] == pytest.approx(
        1.0 - beyond.mean(), abs=1e-4
    )


def test_losses_cluster_where_the_model_does_not_follow_volatility(table):
    """Historical simulation fails independence more often than filtered, and moves less."""
    rejects = table["independence rejects"].xs(1, level="days")
    assert rejects["historical"] > 0.1 > rejects["filtered"]
    rise = table["increase 30 days"].xs(1, level="days")
    assert rise["filtered"] > 5.0 * rise["historical"]
