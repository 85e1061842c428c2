"""Examples of venues' portfolio and unified margin, for the assets of `kinds.market`."""

import jax.numpy as jnp

from jaxmargin.margin import BybitUnified, DeribitPortfolio, OkxPortfolio


def _of(btc: float, eth: float) -> jnp.ndarray:
    """A setting of BTC, ETH, a staked ETH that follows ETH, and two currencies without any."""
    return jnp.array([btc, eth, eth, 0.0, 0.0])


DERIBIT = DeribitPortfolio(
    price_range=_of(0.16, 0.18),
    extended_moves=jnp.array([[-0.66, -0.33, 0.5, 1.0, 5.0]] * 2 + [[0.0] * 5] * 3),
    extended_factor=_of(1.0, 1.0),
    extended_dampener=_of(2_000.0, 500.0),
    range_up=_of(0.5, 0.4),
    range_down=_of(0.25, 0.3),
    minimum_up=_of(0.5, 0.7),
    short_power=_of(0.3, 0.35),  # as the long ones: expiries in 30 days are on no kink
    long_power=_of(0.3, 0.35),
    annualized_move_risk=_of(0.075, 0.05),
    least_annualized_move=_of(0.01, 0.005),
    delta_threshold=_of(20e6, 20e6),
    floor_days=jnp.array(1.0),
    maintenance_factor=jnp.array(0.8),
    buckets=4,
)
OKX = OkxPortfolio(
    spot_moves=jnp.array([[-0.12, -0.06, 0.0, 0.06, 0.12]] + [[-0.2, -0.1, 0.0, 0.1, 0.2]] * 2
                         + [[0.0] * 5] * 2),
    extreme_move=_of(0.26, 0.36),
    least_basis_move=_of(0.002, 0.008),
    annualized_basis_move=_of(0.05, 0.15),
    minimum_rate=_of(0.02, 0.01),
    minimum_lower=jnp.array([[0.0, 1_000.0, 5_000.0]] * 3 + [[0.0] * 3] * 2),
    minimum_multiplier=jnp.array([[1.0, 3.0, 12.0]] * 3 + [[0.0] * 3] * 2),
    extreme_share=jnp.array(0.5),
    initial_factor=jnp.array(1.3),
)  # fmt: skip
BYBIT = BybitUnified(
    position_lower=jnp.array([[0.0, 50e3, 100e3]] * 3 + [[0.0] * 3] * 2),
    position_initial=jnp.array([[0.01, 0.02, 0.05]] * 3 + [[0.0] * 3] * 2),
    position_maintenance=jnp.array([[0.005, 0.01, 0.03]] * 3 + [[0.0] * 3] * 2),
    collateral_lower=jnp.array([[0.0, 1.0], [0.0, 10.0], [0.0, 0.0], [0.0, 2_000.0], [0.0, 0.0]]),
    collateral_ratio=jnp.array([[0.98, 0.9], [0.97, 0.0], [0.5, 0.5], [1.0, 0.9], [1.0, 1.0]]),
    debt_lower=jnp.array([[0.0, 2.0]] * 5),
    debt_initial=jnp.array([[0.2, 0.5]] * 4 + [[0.0, 0.0]]),
    debt_maintenance=jnp.array([[0.04, 0.1]] * 4 + [[0.0, 0.0]]),
    initial_rate=jnp.array(0.15),
    least_initial_rate=jnp.array(0.1),
    maintenance_rate=jnp.array(0.03),
    liquidation_fee=jnp.array(0.002),
)
