"""A synthetic market, history and book: made up from stated parameters, seeded, labelled."""

import itertools
from pathlib import Path

import numpy as np
import pandas as pd

from jaxmargin.io import require_folder, write_table
from jaxmargin.jobs._demo_collateral import DEMO_ALLOCATION, demo_collateral

__all__ = ["write_demo"]

_TIME = pd.Timestamp("2026-01-02T08:00:00Z")
_DAYS = 731
_EXPIRY_DAYS = (1, 8, 15, 29, 57, 85, 175, 266)
_RATE = 0.04  # annual carry of every forward
_DEGREES = 4  # of freedom of the daily returns

# Made-up prices near the size of real ones, annual volatilities and correlations.
_COINS = ("BTC", "ETH", "SOL")
_SPOTS = {"BTC": 60_000.0, "ETH": 3_000.0, "SOL": 150.0}
_VOLATILITIES = {"BTC": 0.50, "ETH": 0.65, "SOL": 0.85}
_CORRELATION = np.array([[1.0, 0.8, 0.65], [0.8, 1.0, 0.7], [0.65, 0.7, 1.0]])
_STRIKE_STEPS = np.linspace(-4.5, 4.5, 10)  # strikes per expiry, in half standard deviations
_CONTRACTS = 500

_JOB = """\
# Synthetic demo: market, history and book are made up. Replace the tables with your own.
title = "Synthetic demo: made-up market, history and book"
valuation_time = 2026-01-02T08:00:00Z
numeraire = "USD"
precision = "f32"                  # f32 or f64
round_to = 0.01                    # margins are rounded up to this

[market]
assets = "market/assets.parquet"
forwards = "market/forwards.parquet"
volatilities = "market/volatilities.parquet"

[book]
instruments = "instruments.parquet"
positions = "positions.parquet"

[scenarios]
kind = "historical"                # others: jaxmargin scenarios list
history = "history.parquet"
constant = ["USDC"]                # assets whose price does not move

[rulebook]
kind = "expected-shortfall"
level = 0.975
horizon_days = 2
maintenance_ratio = 0.8
"""


def write_demo(out: Path, *, accounts: int = 1000, seed: int = 20260102) -> Path:
    """Write synthetic tables and a job file to the folder `out`.

    500 contracts of every kind on three coins, two years of joint daily closes with
    Student-t returns, accounts of 1 to 60 positions, some of them hedged, and collateral for them
    at three venues.

    Returns:
        Path of the job file.
    """
    require_folder(out)
    random = np.random.default_rng(seed)
    for folder in ("market", "collateral"):
        (out / folder).mkdir(parents=True, exist_ok=True)
    instruments = _instruments()
    tables = {
        "market/assets": _assets(),
        "market/forwards": _forwards(),
        "market/volatilities": _volatilities(),
        "history": _history(random),
        "instruments": instruments,
        "positions": _positions(random, instruments, accounts),
    }
    notional = pd.Series(_notional(instruments), instruments["instrument"])
    collateral = demo_collateral(tables["positions"], notional, _SPOTS)
    tables |= {f"collateral/{name}": table for name, table in collateral.items()}
    for name, table in tables.items():
        write_table(table, out / f"{name}.parquet")
    job = out / "job.toml"
    job.write_text(_JOB + DEMO_ALLOCATION, encoding="utf-8")
    return job


def _assets() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "asset": [*_COINS, "USDC"],
            "spot": [*_SPOTS.values(), 1.0],
            "kind": ["coin"] * 3 + ["stablecoin"],
            "perpetual": [*(spot * 1.0004 for spot in _SPOTS.values()), np.nan],
            "funding": [0.10, 0.08, 0.15, np.nan],
            "base": "",
        }
    )


def _expiries() -> list[tuple[pd.Timestamp, float]]:
    return [(_TIME + pd.Timedelta(days=days), days / 365.0) for days in _EXPIRY_DAYS]


def _forwards() -> pd.DataFrame:
    return pd.DataFrame(
        [
            {"asset": coin, "expiry": expiry, "forward": spot * np.exp(_RATE * years), "rate": 0.0}
            for (coin, spot), (expiry, years) in itertools.product(_SPOTS.items(), _expiries())
        ]
    )


def _strikes(coin: str, years: float) -> tuple[np.ndarray, np.ndarray]:
    """Listed strikes around the forward, and a smile: volatility by log-moneyness."""
    forward = _SPOTS[coin] * np.exp(_RATE * years)
    deviation = _VOLATILITIES[coin] * np.sqrt(max(years, 7.0 / 365.0))
    step = 10.0 ** np.floor(np.log10(forward * deviation / 4.0))
    strike = np.unique(np.round(forward * np.exp(0.5 * deviation * _STRIKE_STEPS) / step) * step)
    moneyness = np.log(strike / forward) / deviation
    return strike, _VOLATILITIES[coin] * (1.0 - 0.06 * moneyness + 0.05 * moneyness**2)


def _volatilities() -> pd.DataFrame:
    rows = []
    for coin, (expiry, years) in itertools.product(_COINS, _expiries()):
        strike, volatility = _strikes(coin, years)
        rows.append(
            pd.DataFrame(
                {"asset": coin, "expiry": expiry, "strike": strike, "volatility": volatility}
            )
        )
    return pd.concat(rows, ignore_index=True)


def _history(random: np.random.Generator) -> pd.DataFrame:
    normal = random.standard_normal((_DAYS, 3)) @ np.linalg.cholesky(_CORRELATION).T
    common = np.sqrt((_DEGREES - 2) / random.chisquare(_DEGREES, (_DAYS, 1)))
    daily = np.array(list(_VOLATILITIES.values())) / np.sqrt(365.0)
    path = np.cumsum(normal * common * daily, axis=0)
    closes = np.array(list(_SPOTS.values())) * np.exp(path - path[-1])
    days = pd.date_range(end=_TIME.normalize(), periods=_DAYS, freq="D")
    return pd.DataFrame(
        {
            "time": np.repeat(days, 3),
            "asset": np.tile(_COINS, _DAYS),
            "close": closes.reshape(-1),
        }
    )


def _instruments() -> pd.DataFrame:
    rows = []

    def add(name: str, kind: str, coin: str, settlement: str, multiplier: float, **terms) -> None:
        rows.append(
            {
                "instrument": name, "kind": kind, "underlying": coin, "settlement": settlement,
                "expiry": pd.NaT, "strike": np.nan, "option_type": "", "multiplier": multiplier,
            } | terms
        )  # fmt: skip

    for coin in _COINS:
        add(f"{coin}-SPOT", "spot", coin, "USD", 1.0)
        add(f"{coin}-USDC-PERP", "linear-perpetual", coin, "USDC", 1.0)
        add(f"{coin}-PERP", "inverse-perpetual", coin, coin, 10.0)
        for expiry, years in _expiries():
            day = expiry.strftime("%Y%m%d")
            add(f"{coin}-USDC-{day}", "linear-future", coin, "USDC", 1.0, expiry=expiry)
            add(f"{coin}-{day}", "inverse-future", coin, coin, 10.0, expiry=expiry)
            # SOL options settle in USDC, those of BTC and ETH in the coin
            kind, settlement = (
                ("linear-option", "USDC") if coin == "SOL" else ("inverse-option", coin)
            )
            for strike, option_type in itertools.product(_strikes(coin, years)[0], ("call", "put")):
                add(
                    f"{coin}-{day}-{strike:g}-{option_type[0].upper()}", kind, coin, settlement,
                    1.0, expiry=expiry, strike=strike, option_type=option_type,
                )  # fmt: skip
    return pd.DataFrame(rows).head(_CONTRACTS)


def _notional(instruments: pd.DataFrame) -> np.ndarray:
    """Of one contract, in USD; inverse contracts are of so many USD each."""
    return np.where(
        instruments["kind"].isin(["inverse-perpetual", "inverse-future"]),
        instruments["multiplier"],
        instruments["underlying"].map(_SPOTS) * instruments["multiplier"],
    )


def _positions(
    random: np.random.Generator, instruments: pd.DataFrame, accounts: int
) -> pd.DataFrame:
    """Each account holds 1 to 60 contracts of about 10,000 to 1,000,000 USD of notional."""
    notional = _notional(instruments)
    tables = []
    for account in range(accounts):
        count = min(int(np.exp(random.uniform(0.0, np.log(60.0)))), len(instruments))
        held = random.choice(len(instruments), count, replace=False)
        size = np.exp(random.uniform(np.log(1e4), np.log(1e6))) / count
        quantity = size * random.uniform(0.2, 1.0, count) * random.choice([-1.0, 1.0], count)
        tables.append(
            pd.DataFrame(
                {
                    "account": f"A{account:06d}",
                    "instrument": instruments["instrument"].to_numpy()[held],
                    "quantity": np.round(quantity / notional[held], 4),
                }
            )
        )
    return pd.concat(tables, ignore_index=True)
