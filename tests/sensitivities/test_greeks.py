"""Greeks against the rows venues show, closed forms and central differences."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd
import pytest
from kinds import INSTRUMENTS, PLAIN, book, market
from reference import reference
from scipy.special import ndtr

from jaxmargin.book import Book, build_positions, pad_instruments
from jaxmargin.instruments import InverseOptions, LinearOptions
from jaxmargin.market import Market, QuotedVolatilities
from jaxmargin.sensitivities import account_greeks, instrument_greeks


def one_option(row):
    """A market and a batch with the one option of a row of venue greeks."""
    coin = row["price_unit"] == "coin"
    forward, years = row["underlying_price"], (row["expiry_us"] - row["timestamp_us"]) / 3.1536e13
    today = Market(
        spot=jnp.array([forward, 1.0]), perpetual=jnp.array([forward, 1.0]), asset=jnp.array([0]),
        time=jnp.array([years]), forward=jnp.array([forward]), rate=jnp.zeros(1),
        surface=QuotedVolatilities(
            jnp.array([[row["strike"]]]), jnp.array([[row["mark_iv_pct"] / 100.0]]), jnp.ones(1)
        ),
    )  # fmt: skip
    batch = (InverseOptions if coin else LinearOptions)(
        pillar=jnp.array([0]), strike=jnp.array([row["strike"]]),
        sign=jnp.array([1.0 if row["option_type"] == "call" else -1.0]),
        settlement=jnp.array([0 if coin else 1]), multiplier=jnp.ones(1),
    )  # fmt: skip
    return batch, today


def test_greeks_are_those_that_venues_show():
    """Four rows with exact times; tolerances are the shown digits, see the data's provenance."""
    rows = pd.read_csv(reference("data/deribit_full_greeks_rows.csv"))
    assert len(rows) == 4
    for _, row in rows.iterrows():
        greeks = instrument_greeks(*one_option(row))
        shown = {name: row[name] for name in ("delta", "gamma", "vega", "theta", "rho")}
        found = {name: float(getattr(greeks, name)[0]) for name in shown}
        assert found["delta"] == pytest.approx(shown["delta"], abs=2e-5)
        assert found["gamma"] == pytest.approx(shown["gamma"], abs=1e-5)
        assert found["vega"] == pytest.approx(shown["vega"], rel=1e-3, abs=6e-6)
        assert found["theta"] == pytest.approx(shown["theta"], rel=2e-3, abs=6e-6)
        assert found["rho"] == pytest.approx(shown["rho"], rel=1e-3, abs=6e-6)


@pytest.mark.parametrize("kind", [LinearOptions, InverseOptions])
def test_european_greeks_are_those_of_blacks_formula(kind):
    today, strike = market(), np.array([58_000.0, 60_500.0, 66_000.0])
    pillar, sign = np.array([1, 1, 2]), np.array([1.0, -1.0, 1.0])
    inverse = kind is InverseOptions
    batch = kind(
        pillar=jnp.asarray(pillar), strike=jnp.asarray(strike), sign=jnp.asarray(sign),
        settlement=jnp.full(3, 0 if inverse else 4), multiplier=jnp.ones(3),
    )  # fmt: skip
    greeks = instrument_greeks(batch, today)
    forward, years, rate = (np.asarray(x)[pillar] for x in (today.forward, today.time, today.rate))
    sigma = np.asarray(today.volatility(batch.pillar, batch.strike))
    root, discount = np.sqrt(years), np.exp(-rate * years)
    d1 = np.log(forward / strike) / (sigma * root) + sigma * root / 2
    d2, density = d1 - sigma * root, np.exp(-d1 * d1 / 2) / np.sqrt(2 * np.pi)
    price = discount * sign * (forward * ndtr(sign * d1) - strike * ndtr(sign * d2))
    theta = -discount * forward * density * sigma / (2 * root) + rate * price
    expected = {
        "delta": discount * sign * ndtr(sign * d1),
        "gamma": discount * density / (forward * sigma * root),
        "vega": discount * forward * density * root / 100,
        "theta": theta / 365,
        "rho": sign * strike * years * discount * ndtr(sign * d2) / 100,
        "vanna": -discount * density * d2 / sigma / 100,
        "volga": discount * forward * density * root * d1 * d2 / sigma / 1e4,
    }
    for name, values in expected.items():
        np.testing.assert_allclose(getattr(greeks, name), values, rtol=1e-10, err_msg=name)


def test_greeks_under_vmap_are_those_of_each_state():
    batch = INSTRUMENTS[-1]
    states = [eqx.tree_at(lambda m: m.forward, market(), market().forward * f) for f in (0.9, 1.1)]
    together = eqx.tree_at(
        lambda m: m.forward, market(), jnp.stack([state.forward for state in states])
    )
    axes = jax.tree.map(lambda _: None, market())
    axes = eqx.tree_at(lambda m: m.forward, axes, 0, is_leaf=lambda x: x is None)
    greeks = jax.vmap(lambda m: instrument_greeks(batch, m), in_axes=(axes,))(together)
    for row, state in enumerate(states):
        for found, expected in zip(greeks, instrument_greeks(batch, state), strict=True):
            np.testing.assert_allclose(found[row], expected, rtol=1e-12, atol=1e-15)


def test_account_greeks_are_sums_over_positions():
    held, today = book(12), market()
    greeks = account_greeks(held, today)
    rows = [row for block in held.positions.blocks for row in np.asarray(block.instrument)]
    sizes = [row for block in held.positions.blocks for row in np.asarray(block.quantity)]
    first, starts, of_batch = 0, {}, {}
    for batch, padded in zip(PLAIN, held.instruments, strict=True):
        starts[first] = batch
        if hasattr(batch, "strike"):
            of_batch[first] = instrument_greeks(batch, today)
        first += padded.multiplier.shape[0]
    expected = np.zeros((7, 12, 4))
    for account, row in enumerate(np.asarray(held.positions.row)):
        for instrument, quantity in zip(rows[row], sizes[row], strict=True):
            start = max(s for s in starts if s <= instrument)
            batch, i = starts[start], int(instrument) - start
            if quantity and start in of_batch:
                size = quantity * float(batch.multiplier[i])
                for part, column in enumerate(of_batch[start]):
                    expected[part, account, int(batch.pillar[i])] += size * float(column[i])
    np.testing.assert_allclose(np.stack(greeks.options), expected, rtol=1e-9, atol=1e-9)


def test_account_deltas_count_futures_perpetuals_and_coins():
    """By hand: long 2 BTC spot, 0.1 BTC of linear future, 10 USD of inverse perpetual."""
    today = market()
    held = [pad_instruments(INSTRUMENTS[i]) for i in (0, 1, 4)]
    rows = np.array([0, 8 + 1, 16 + 0])
    positions = build_positions(np.zeros(3, int), rows, np.array([2.0, 1.0, 1.0]), accounts=1)
    greeks = account_greeks(Book(tuple(held), positions), today)
    # the future on 200 days moves by F / S; the perpetual's P&L is 10 x (1 / P - 1 / P') x S'
    expected = 2.0 + 0.1 * 61_500.0 / 60_000.0 + 10.0 / (60_000.0 * 1.0004)
    np.testing.assert_allclose(greeks.delta[0, 0], expected, rtol=1e-12)
    vega = greeks.options.vega
    assert vega.shape == (1, 4) and float(jnp.abs(vega).max()) == 0.0
