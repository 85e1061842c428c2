"""Rules of venues as array functions against pages' examples, closed forms and hand counts."""

import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from derivatives import assert_jacobians_are_central_differences
from reference import reference

from jaxmargin.errors import InvalidInputError
from jaxmargin.margin.venues import (
    binance_equity,
    binance_margin_ratio,
    bybit_account_rates,
    bybit_option_margin,
    dederi_future_contingency,
    dederi_future_pnl,
    haircut_collateral_value,
    hyperliquid_margin,
    hyperliquid_withdrawal_margin,
    okx_minimum_charge,
    okx_unit_charge,
    okx_unit_maintenance,
    tier_deductions,
    tiered_collateral_value,
    tiered_margin,
)
from jaxmargin.numerics import marginal_tiers, upper_edges

# Hyperliquid, docs, "Margin tiers": DOGE on the test network
DOGE_LOWER, DOGE_LEVERAGE = jnp.array([0.0, 20e3, 100e3]), jnp.array([10.0, 5.0, 3.0])
BYBIT = {
    "initial_rate": 0.15,
    "least_initial_rate": 0.1,
    "maintenance_rate": 0.03,
    "liquidation_fee": 0.002,
}
# OKX Help Center, article 4417291853837: BTC and ETH
OKX_UPPER = jnp.array([10e3, 70e3, 170e3, 300e3, 470e3, 700e3, jnp.inf])
OKX_MULTIPLIER = jnp.array([1.0, 2.0, 4.0, 6.0, 8.0, 10.0, 12.0])


def test_margin_by_rate_and_deduction_is_the_marginal_sum_and_has_no_jump_at_an_edge():
    rate = 0.5 / DOGE_LEVERAGE
    deduction = tier_deductions(DOGE_LOWER, rate)
    # by hand: 20,000 (10 % - 5 %), and 100,000 (1/6 - 10 %) more
    np.testing.assert_allclose(deduction, [0.0, 1000.0, 1000.0 + 100e3 * (1 / 6 - 0.1)], rtol=1e-13)
    notional = jnp.linspace(0.0, 250e3, 1001)
    found = tiered_margin(notional, DOGE_LOWER, rate, deduction)
    expected = marginal_tiers(notional, upper_edges(DOGE_LOWER), rate)
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-9)
    assert np.all(np.diff(found) > 0.0)
    np.testing.assert_array_equal(found, tiered_margin(-notional, DOGE_LOWER, rate, deduction))
    edges = DOGE_LOWER[1:]
    below, at = (
        tiered_margin(edges * factor, DOGE_LOWER, rate, deduction) for factor in (1 - 1e-12, 1.0)
    )
    np.testing.assert_allclose(below, at, rtol=1e-10)


def test_a_bracket_with_a_deduction_of_its_own_is_taken_as_given():
    """As Binance gives them: 4 % up to 5,000 and 5 % less 50 beyond."""
    lower, rate, cum = jnp.array([0.0, 5e3]), jnp.array([0.04, 0.05]), jnp.array([0.0, 50.0])
    found = tiered_margin(jnp.array([4e3, -5e3, 8e3]), lower, rate, cum)
    np.testing.assert_allclose(found, [160.0, 200.0, 350.0], rtol=1e-14)


def test_hyperliquid_halves_the_rate_of_each_tier_and_keeps_the_leverage_chosen():
    lower, leverage = jnp.array([0.0, 150e6]), jnp.array([40.0, 20.0])  # BTC
    notional = jnp.array([1e6, -150e6, 200e6])
    margin = hyperliquid_margin(notional, lower, leverage)
    np.testing.assert_allclose(margin.maintenance, [12_500.0, 1_875_000.0, 3_125_000.0])
    np.testing.assert_allclose(margin.initial, [25_000.0, 7_500_000.0, 10_000_000.0])
    chosen = hyperliquid_margin(notional, lower, leverage, chosen_leverage=jnp.array(25.0))
    np.testing.assert_allclose(chosen.initial, [40_000.0, 7_500_000.0, 10_000_000.0])
    np.testing.assert_array_equal(chosen.maintenance, margin.maintenance)
    left = hyperliquid_withdrawal_margin(margin.initial, jnp.abs(notional), share=0.1)
    np.testing.assert_allclose(left, [100_000.0, 15e6, 20e6])
    dear = hyperliquid_withdrawal_margin(jnp.array(30.0), jnp.array(100.0), share=0.1)
    assert float(dear) == 30.0


def test_bybit_short_options_cost_what_the_pages_examples_say():
    """Put: 18,500 at 20,250 (938 and 2,315); call: 31,000 at 30,000 (1,260); the rest by hand.

    Call: 15 % less 1,000 is 3,500, with the entry of 320. Deep put: the maintenance margin of
    27 + 900 + 0.2 exceeds 15 + 900. A long option costs nothing, two short ones twice as much.
    """
    margin = bybit_option_margin(
        jnp.array([-1.0, -1.0, -1.0, 3.0, -2.0]),
        index=jnp.array([20_250.0, 30_000.0, 100.0, 30_000.0, 20_250.0]),
        strike=jnp.array([18_500.0, 31_000.0, 1_000.0, 31_000.0, 18_500.0]),
        mark=jnp.array([290.0, 300.0, 900.0, 300.0, 290.0]),
        entry=jnp.array([280.0, 320.0, 10.0, 320.0, 280.0]),
        call=jnp.array([False, True, False, True, False]),
        **BYBIT,
    )
    np.testing.assert_allclose(margin.maintenance, [938.0, 1_260.0, 927.2, 0.0, 1_876.0])
    np.testing.assert_allclose(margin.initial, [2_315.0, 3_820.0, 927.2, 0.0, 4_630.0])


def test_bybit_rates_take_haircut_losses_off_and_add_what_orders_lose():
    rates = bybit_account_rates(
        jnp.array([40.0, 90.0]),
        jnp.array([20.0, 45.0]),
        balance=jnp.array([100.0, 100.0]),
        haircut_loss=jnp.array([0.0, 8.0]),
        order_loss=jnp.array([0.0, -2.0]),
    )
    np.testing.assert_allclose(rates.initial, [0.4, 1.0])
    np.testing.assert_allclose(rates.maintenance, [0.2, 0.5])


def test_collateral_counts_by_tiers_and_debts_count_in_full():
    """Bybit's example for BTC: 10 x .98 + 10 x .95 + 10 x .9 + 5 x .85 coins of 35."""
    upper = jnp.array([10.0, 20.0, 30.0, 40.0, 50.0, jnp.inf])
    ratio = jnp.array([0.98, 0.95, 0.9, 0.85, 0.8, 0.0])
    quantity = jnp.array([35.0, -2.0, 60.0, 0.0])
    found = tiered_collateral_value(quantity, jnp.array(100e3), upper, ratio)
    np.testing.assert_allclose(found, [3_255_000.0, -200e3, 4_480_000.0, 0.0], rtol=1e-14)
    # Kraken: half a coin at 35,000 after 4 %
    kraken = haircut_collateral_value(jnp.array(0.5), jnp.array(35e3), jnp.array(0.04))
    assert float(kraken) == pytest.approx(16_800.0, rel=1e-14)


def test_okx_scales_the_minimum_charge_by_marginal_tiers():
    """The page's example, 30,000 to 50,000; then whole tiers by hand, and 100,000 more at 12."""
    full = 10e3 + 60e3 * 2 + 100e3 * 4 + 130e3 * 6 + 170e3 * 8 + 230e3 * 10
    raw = jnp.array([5e3, 30e3, 700e3, 800e3])
    found = okx_minimum_charge(raw, OKX_UPPER, OKX_MULTIPLIER)
    np.testing.assert_allclose(found, [5e3, 50e3, full, full + 1.2e6], rtol=1e-14)
    margin = okx_unit_maintenance(jnp.array([40e3, 60e3]), found[1:3] * jnp.array([1.0, 0.0]))
    np.testing.assert_array_equal(margin, [50e3, 60e3])


def test_okx_units_add_up_to_the_margins_of_the_api_example():
    """Both units of OKX's position-builder example: 1e-12; MR2, MR3 and MR5 are zero there."""
    payload = json.loads(reference("data/exchange_margin_payloads.json").read_text())
    units = payload["okx_position_builder"]["risk_units"]
    names = {"spot_shock": 1, "theta": 2, "vega": 3, "basis": 4, "rate": 5, "extreme_move": 6}
    parts = {
        word: jnp.array([unit[f"mr{place}"] for unit in units], float)
        for word, place in names.items()
    }
    minimum = okx_minimum_charge(
        jnp.array([unit["mr7"] for unit in units]), OKX_UPPER, OKX_MULTIPLIER
    )
    found = okx_unit_maintenance(okx_unit_charge(**parts), minimum)
    np.testing.assert_allclose(found, [unit["mmr"] for unit in units], rtol=1e-12)


def test_okx_refuses_a_unit_of_which_a_part_is_unknown():
    known = dict.fromkeys(("spot_shock", "basis", "rate", "extreme_move"), jnp.array(1.0))
    with pytest.raises(InvalidInputError, match=r"every part; theta, vega unknown\. Give OKX"):
        okx_unit_charge(**known, theta=None, vega=None)
    charge = okx_unit_charge(**known, theta=jnp.array(4.0), vega=jnp.array(0.5))
    assert float(charge) == 4.0 + 0.5 + 1.0 + 1.0


def test_dederi_futures_do_not_offset_each_other_in_the_contingency():
    quantity, price = jnp.array([[10.0, -4.0]]), jnp.array([[100.0, 110.0]])
    pnl = dederi_future_pnl(quantity, price, jnp.array([-0.15, 0.0, 0.1]))
    np.testing.assert_allclose(pnl, [[[-150.0, 0.0, 100.0], [66.0, 0.0, -44.0]]], atol=1e-12)
    contingency = dederi_future_contingency(quantity, jnp.array([50.0]), factor=0.006)
    np.testing.assert_allclose(contingency, [0.006 * 50.0 * 14.0])


def test_binance_counts_debts_in_full_and_has_no_ratio_without_margin():
    equity = binance_equity(
        jnp.array([[2.0, -100.0], [0.0, 50.0]]),
        jnp.array([[1000.0, 1.0]]),
        jnp.array([0.95, 0.9]),
        open_loss=jnp.array([100.0, 0.0]),
    )
    np.testing.assert_allclose(equity.plain, [1_800.0, 45.0])
    np.testing.assert_allclose(equity.adjusted, [1_700.0, 45.0])
    ratio = binance_margin_ratio(equity.adjusted, jnp.array([1_000.0, 0.0]))
    np.testing.assert_array_equal(ratio, [1.7, np.inf])
    slope = jax.grad(lambda margin: binance_margin_ratio(equity.adjusted, margin)[0])
    np.testing.assert_allclose(slope(jnp.array([1_000.0, 0.0])), [-1.7e-3, 0.0])


def test_gradients_are_central_differences_away_from_kinks():
    """Every rule in one program, with each side of each maximum taken by one of the accounts."""

    def rules(amount, price):
        options = bybit_option_margin(
            -amount / 1e4,
            index=price,
            strike=jnp.array([19e3, 31e3, 9e5]),
            mark=0.02 * price + 1.0,
            entry=jnp.array([1.0, 900.0, 1.0]),
            call=jnp.array([False, True, False]),
            **BYBIT,
        )
        perpetual = hyperliquid_margin(amount, DOGE_LOWER, DOGE_LEVERAGE)
        held = tiered_collateral_value(amount - 20e3, price, OKX_UPPER, 1.0 / OKX_MULTIPLIER)
        equity = binance_equity(
            (amount - 20e3)[:, None], price[:, None], jnp.array([0.9]), open_loss=jnp.zeros(3)
        )
        rates = bybit_account_rates(
            options.initial, options.maintenance, balance=price * 9.0, haircut_loss=amount / 9.0,
            order_loss=-price,
        )  # fmt: skip
        return jnp.stack(
            [
                *options,
                *perpetual,
                held / 1e4,
                equity.adjusted / 1e4,
                *rates,
                okx_minimum_charge(amount, OKX_UPPER, OKX_MULTIPLIER),
                hyperliquid_withdrawal_margin(perpetual.initial, amount, share=0.15),
                dederi_future_contingency(amount[:, None], price, factor=1e-4),
                dederi_future_pnl(amount, price, jnp.array([-1e-4]))[:, 0],
            ]
        )

    amount, price = jnp.array([5e3, 42e3, 190e3]), jnp.array([20_250.0, 30_000.0, 25_000.0])
    assert_jacobians_are_central_differences(rules, amount, price, rtol=1e-5, atol=1e-5)
