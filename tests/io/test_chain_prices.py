"""Prices equal to the venue's own: every snapshot of the real chains, December to August."""

import jax.numpy as jnp
import numpy as np
import pandas as pd
import pytest
from reference import reference

from jaxmargin.instruments.formulas import black
from jaxmargin.io._chain import parity_forwards
from jaxmargin.io._mark_time import mark_times
from jaxmargin.market import implied_volatilities

SECONDS_PER_YEAR = 365.0 * 86_400.0


@pytest.fixture(scope="module")
def marks():
    """All marked options of all snapshots with our forward, and seconds from our mark minute."""
    chain = pd.read_parquet(reference("data/deribit_option_chains_daily.parquet"))
    chain = chain.astype({"currency": str, "option_type": str, "underlying_index": str})
    chain = chain.rename(
        columns={"currency": "underlying", "mark_price": "price", "mark_iv": "volatility"}
    ).assign(settlement=lambda t: t["underlying"], forward=np.nan)
    chain = chain[(chain["price"] > 0.0) & (chain["volatility"] > 0.0)]
    done = []
    for snapshot, every in chain.groupby("snapshot"):
        paired = every.groupby(["underlying", "expiry", "strike"])["price"].transform("size") == 2
        by_expiry = every.assign(paired=paired).groupby(["underlying", "expiry"])["paired"]
        rows = every[by_expiry.transform("any")]
        forwards = parity_forwards(rows, {}, [])
        minutes = mark_times(rows, forwards, snapshot)
        quotes = rows.drop(columns="forward").merge(
            forwards.rename(columns={"asset": "underlying"}), on=["underlying", "expiry"]
        )
        minute = quotes["underlying"].map(minutes)
        done.append(quotes.assign(seconds=(quotes["expiry"] - minute).dt.total_seconds()))
    table = pd.concat(done, ignore_index=True)
    return table[table["seconds"] > 0.0].reset_index(drop=True)


def tight_expiries(marks):
    """Rows of expiries whose strikes agree on the forward: spread of 10 % to 90 % below 2e-6."""
    key = ["snapshot", "underlying", "expiry", "strike"]
    prices = marks.pivot_table(index=key, columns="option_type", values="price").dropna()
    strike = prices.index.get_level_values("strike").to_numpy()
    forward = pd.Series(strike / (1.0 - prices["call"] + prices["put"]))
    by_expiry = forward.groupby(level=key[:3])
    spread = (by_expiry.quantile(0.9) - by_expiry.quantile(0.1)) / by_expiry.median()
    own = pd.MultiIndex.from_frame(marks[key[:3]])
    return spread.reindex(own).to_numpy() < 2e-6


def prices_and_bound(marks):
    """Our coin prices, and the rounding bound that the data's provenance note states."""
    arrays = {
        name: marks[name].to_numpy() for name in ("forward", "strike", "volatility", "seconds")
    }
    root = np.sqrt(arrays["seconds"] / SECONDS_PER_YEAR)
    total = arrays["volatility"] * root
    sign = np.where(marks["option_type"] == "call", 1.0, -1.0)
    values = black(*(jnp.asarray(x) for x in (sign, arrays["forward"], arrays["strike"], total)))
    d1 = np.log(arrays["forward"] / arrays["strike"]) / total + total / 2.0
    vega = np.exp(-d1 * d1 / 2.0) / np.sqrt(2.0 * np.pi) * root
    return np.asarray(values) / arrays["forward"], 1.1 * (0.5e-4 * vega + 0.5e-6)


def test_coin_prices_lie_within_rounding_of_the_venues_own(marks, record_property):
    tight = tight_expiries(marks)
    days = marks["snapshot"].dt.date
    assert days.nunique() >= 60
    assert {f"2026-02-0{d}" for d in (4, 5, 6, 7)} <= set(days[tight].astype(str))
    price, bound = prices_and_bound(marks)
    within = np.abs(price - marks["price"].to_numpy()) <= bound
    share = float(within[tight].mean())
    record_property("share_within_rounding", share)
    print(f"{share:.2%} of {tight.sum():,} marks in tight expiries on {days.nunique()} days")
    assert share >= 0.99  # the study of the data reached 99.68 %
    assert tight.mean() > 0.8
    crash = tight & days.astype(str).isin([f"2026-02-0{d}" for d in (4, 5, 6, 7)]).to_numpy()
    assert within[crash].mean() >= 0.99


def test_volatilities_implied_by_marks_are_those_the_venue_shows(marks):
    """Where a price step of 5e-7 coin moves the volatility by less than its own rounding."""
    day = marks[(marks["snapshot"].dt.date.astype(str) == "2026-02-05") & tight_expiries(marks)]
    _, bound = prices_and_bound(day)
    root = np.sqrt(day["seconds"].to_numpy() / SECONDS_PER_YEAR)
    vega = (bound / 1.1 - 0.5e-6) / 0.5e-4
    sharp = vega * 0.5e-4 > 2e-6
    sign = np.where(day["option_type"] == "call", 1.0, -1.0)
    volatility, status = implied_volatilities(
        *(jnp.asarray(day[name].to_numpy()) for name in ("price",)), jnp.asarray(sign),
        *(jnp.asarray(day[name].to_numpy()) for name in ("forward", "strike")),
        jnp.asarray(root**2), inverse=True,
    )  # fmt: skip
    assert int((np.asarray(status)[sharp] != 0).sum()) == 0
    error = np.abs(np.asarray(volatility) - day["volatility"].to_numpy())[sharp]
    assert sharp.sum() > 1_000 and np.median(error) < 0.5e-4 and np.quantile(error, 0.99) < 2e-4
