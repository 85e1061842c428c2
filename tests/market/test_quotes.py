import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd
import pytest
from derivatives import assert_jacobians_are_central_differences
from reference import reference
from scipy.special import ndtr

from jaxmargin.market import implied_volatilities
from jaxmargin.numerics import VolatilityStatus

YEAR = 365.0 * 86_400.0


def arrays(*values):
    return tuple(jnp.asarray(np.asarray(x, np.float64)) for x in values)


def black(sign, forward, strike, total_volatility):
    d1 = np.log(forward / strike) / total_volatility + 0.5 * total_volatility
    return sign * (forward * ndtr(sign * d1) - strike * ndtr(sign * (d1 - total_volatility)))


def unit_vega(forward, strike, volatility, time):
    """Vega of a coin price: change per unit of volatility."""
    v = volatility * np.sqrt(time)
    d1 = np.log(forward / strike) / v + 0.5 * v
    return np.exp(-0.5 * d1 * d1) / np.sqrt(2.0 * np.pi) * np.sqrt(time)


@pytest.mark.parametrize("inverse", [False, True])
def test_discounted_quotes_of_both_forms_give_their_volatility(inverse):
    sign, strike = np.array([1.0, -1.0, 1.0]), np.array([60e3, 70e3, 90e3])
    forward, time, volatility = np.full(3, 65e3), np.array([0.02, 0.3, 1.5]), 0.7
    discount = np.exp(-0.03 * time)
    price = black(sign, forward, strike, volatility * np.sqrt(time)) * discount
    price = price / forward if inverse else price
    found, status = implied_volatilities(
        *arrays(price, sign, forward, strike, time), discount=jnp.asarray(discount), inverse=inverse
    )
    np.testing.assert_array_equal(status, VolatilityStatus.CONVERGED)
    np.testing.assert_allclose(found, volatility, rtol=1e-12)


def test_a_quote_without_time_or_price_gives_nan_and_the_reason():
    found, status = implied_volatilities(
        *arrays([0.1, 0.0, 0.1], [1, 1, 1], [100.0] * 3, [100.0] * 3, [0.0, 0.1, 0.1]),
        inverse=True,
    )
    expected = [VolatilityStatus.INVALID, VolatilityStatus.BELOW_INTRINSIC, 0]
    np.testing.assert_array_equal(status, expected)
    np.testing.assert_array_equal(np.isnan(found), [True, True, False])


@pytest.mark.parametrize("inverse", [False, True])
def test_gradients_agree_with_central_differences(inverse):
    sign = jnp.array([1.0, -1.0])
    forward, strike, time = np.array([100.0, 100.0]), np.array([110.0, 90.0]), np.array([0.1, 0.5])
    price = black(np.asarray(sign), forward, strike, 0.8 * np.sqrt(time))
    price = price / forward if inverse else price
    assert_jacobians_are_central_differences(
        lambda price, forward, strike, time, discount: implied_volatilities(
            price, sign, forward, strike, time, discount=discount, inverse=inverse
        )[0],
        price,
        forward,
        strike,
        time,
        np.array([1.0, 0.99]),
    )


def test_gradient_of_what_has_no_volatility_is_zero():
    price, sign, forward, strike, time = arrays([-0.1, 0.1], [1, 1], [100] * 2, [100] * 2, [1, 0])

    def total(price, time):
        found, status = implied_volatilities(price, sign, forward, strike, time, inverse=True)
        return jnp.sum(jnp.where(status == VolatilityStatus.CONVERGED, found, 0.0))

    for slope in jax.grad(total, argnums=(0, 1))(price, time):
        np.testing.assert_array_equal(slope, 0.0)


def test_marks_of_eth_on_2024_01_08_keep_parity_and_come_back_from_their_volatilities():
    """Deribit's ETH book summary: synchronous, marks rounded to 1e-6 coin, no volatility in it."""
    table = pd.read_parquet(reference("data/deribit_eth_book_summary_20240108.parquet"))
    table = table[table["mark_price"] > 0.0]
    pair = ["expiry", "strike_price"]
    wide = table.pivot(index=pair, columns="option_type", values="mark_price").dropna()
    strike = wide.index.get_level_values("strike_price").to_numpy(np.float64)
    wide["forward"] = strike / (1.0 - (wide["C"] - wide["P"]))
    forwards = wide["forward"].groupby("expiry").median()

    forward = table["expiry"].map(forwards).to_numpy()
    sign = np.where(table["option_type"] == "C", 1.0, -1.0)
    time = (table["expiry"] - table["creation_time"]).dt.total_seconds().to_numpy() / YEAR
    strike = table["strike_price"].to_numpy(np.float64)
    price = table["mark_price"].to_numpy()
    volatility, status = implied_volatilities(
        *arrays(price, sign, forward, strike, time), inverse=True
    )
    assert len(table) > 650
    np.testing.assert_array_equal(status, VolatilityStatus.CONVERGED)
    volatility = np.asarray(volatility)
    again = black(sign, forward, strike, volatility * np.sqrt(time)) / forward
    # The reference price cancels to about 1e-16 of a coin; the volatility is exact to rounding.
    np.testing.assert_allclose(again, price, atol=1e-15)

    # Call and put of one strike have one volatility, up to three roundings of 5e-7 coin: of the
    # two prices and of the forward.
    coin_vega = unit_vega(forward, strike, volatility, time)
    table = table.assign(volatility=volatility, vega=coin_vega)
    both = table.pivot(index=pair, columns="option_type", values=["volatility", "vega"]).dropna()
    gap = np.abs(both["volatility"]["C"] - both["volatility"]["P"]) * both["vega"].mean(axis=1)
    assert len(gap) > 330
    assert gap.max() <= 1.5e-6


def test_implied_volatilities_are_the_venues_own_to_its_rounding():
    """Deribit, 2026-01-15: marks against `mark_iv`, rounded to 0.01 points, of the same call."""
    table = pd.read_parquet(
        reference("data/deribit_option_chains_daily.parquet"),
        filters=[
            ("snapshot", ">=", pd.Timestamp("2026-01-15", tz="UTC")),
            ("snapshot", "<", pd.Timestamp("2026-01-16", tz="UTC")),
        ],
    )
    table = table[(table["mark_price"] > 0.0) & table["fwd_parity"].notna()]
    seconds = (table["expiry"] - table["snapshot"]).dt.total_seconds() - table["mark_lag_s"]
    sign = np.where(table["option_type"] == "call", 1.0, -1.0)
    forward, strike = table["fwd_parity"].to_numpy(), table["strike"].to_numpy()
    time, quoted = seconds.to_numpy(np.float64) / YEAR, table["mark_iv"].to_numpy()
    found, status = implied_volatilities(
        *arrays(table["mark_price"], sign, forward, strike, time), inverse=True
    )
    solved = np.asarray(status == VolatilityStatus.CONVERGED)
    assert solved.sum() > 1_300
    assert solved.mean() > 0.998  # a deep mark may lie below the intrinsic value of the forward
    error = np.abs(np.asarray(found) - quoted)[solved]
    # Half a unit of the volatility's last digit and of the price's, and a tenth for the forward:
    # the bound of the study that fitted the forwards and the time of the marks.
    vega = unit_vega(forward, strike, quoted, time)[solved]
    with np.errstate(divide="ignore"):
        bound = 1.1 * (0.5e-4 + 0.5e-6 / vega)
    assert np.mean(error <= bound) > 0.995
    liquid = (np.abs(table["delta"].to_numpy()) < 0.9) & (np.abs(table["delta"].to_numpy()) > 0.1)
    liquid = (liquid & (time > 7.0 / 365.0))[solved]
    assert liquid.sum() > 500
    assert np.all(error[liquid] <= bound[liquid])
    assert np.median(error[liquid]) <= 0.5e-4
