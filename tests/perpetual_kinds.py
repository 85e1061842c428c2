"""Examples of the rules of perpetuals and spot, for the assets of `kinds.market`."""

import jax.numpy as jnp

from jaxmargin.margin import (
    BinancePortfolio,
    Brackets,
    DriftWeights,
    DydxCross,
    HyperliquidTiers,
    VegaLognormal,
)

NONE = [0.0, 0.0, 0.0]  # an asset without contracts


def brackets(unit: float) -> Brackets:
    """Three brackets for BTC and two for ETH, with edges in multiples of a unit."""
    return Brackets(
        lower=jnp.array([[0.0, 2.0, 4.0], [0.0, 0.1, 0.1], NONE, NONE, NONE]) * unit,
        rate=jnp.array([[0.01, 0.02, 0.05], [0.02, 0.04, 0.04], NONE, NONE, NONE]),
        leverage=jnp.array([[40.0, 20.0, 10.0], [25.0, 12.0, 12.0], NONE, NONE, NONE]),
    )


HYPERLIQUID = HyperliquidTiers(
    lower=jnp.array([[0.0, 50e3, 120e3], [0.0, 400.0, 400.0], NONE, NONE, NONE]),
    leverage=jnp.array([[40.0, 20.0, 10.0], [25.0, 15.0, 15.0], NONE, NONE, NONE]),
    withdrawal_share=jnp.array(0.1),
)
BINANCE = BinancePortfolio(
    perpetual=brackets(30e3),
    future=brackets(1e3),
    coin=brackets(1e-4),
    collateral_rate=jnp.array([0.95, 0.9, 0.85, 0.99, 1.0]),
    loan_rate=jnp.array([0.1, 0.12, 0.15, 0.05, 0.05]),
    loan_leverage=jnp.array(5.0),
    liquidation_ratio=jnp.array(1.05),
)
DYDX = DydxCross(
    initial_fraction=jnp.array([0.02, 0.05, 1.0, 0.1, 0.0]),
    maintenance_fraction=jnp.array([0.6, 0.5, 0.2, 0.5, 0.0]),
    open_interest=jnp.array([1_000.0, 20_000.0, 0.0, 0.0, 0.0]),
    lower_cap=jnp.array([0.0, 40e6, 0.0, 0.0, 0.0]),
    upper_cap=jnp.array([0.0, 100e6, 0.0, 0.0, 0.0]),
)
DRIFT = DriftWeights(
    initial_asset_weight=jnp.array([0.8, 0.8, 0.75, 1.0, 1.0]),
    maintenance_asset_weight=jnp.array([0.9, 0.9, 0.85, 1.0, 1.0]),
    initial_liability_weight=jnp.array([1.2, 1.2, 1.3, 1.0, 1.0]),
    maintenance_liability_weight=jnp.array([1.1, 1.1, 1.2, 1.0, 1.0]),
    size_factor=jnp.array([0.3, 0.025, 0.2, 0.0, 0.0]),
    asset_ceiling=jnp.array(1.1),
    liability_cut=jnp.array(0.2),
)
VEGA = VegaLognormal(
    drift=jnp.array([0.0, 0.1, 0.0, 0.0, 0.0]),
    volatility=jnp.array([1.0, 1.5, 0.0, 0.0, 0.0]),
    risk_aversion=jnp.array([1e-6, 0.01, 0.0, 0.0, 0.0]),
    horizon_years=jnp.array([1e-3, 2e-3, 0.0, 0.0, 0.0]),
    initial_multiplier=jnp.array(1.2),
)
PERPETUAL_RULEBOOKS = [HYPERLIQUID, BINANCE, DYDX, DRIFT, VEGA]
TIERED = (HyperliquidTiers, BinancePortfolio, DriftWeights)  # margin grows faster than positions
