"""Examples of the rules that revalue a grid by coin, for the assets of `kinds.market`."""

import jax.numpy as jnp

from jaxmargin.margin import ScanGrid, ValuationPoints

THIRDS = [0.0, 0.0] + [sign * i / 3 for i in (1, 2, 3) for sign in (1, 1, -1, -1)]

SCAN_GRID = ScanGrid(
    price_range=jnp.array([0.15, 0.2, 0.0, 0.01, 0.0]),
    volatility_range=jnp.array([0.35, 0.4, 0.0, 0.0, 0.0]),
    calendar_charge=jnp.array([0.02, 0.03, 0.0, 0.0, 0.0]),
    short_option_minimum=jnp.array([0.01, 0.02, 0.0, 0.0, 0.0]),
    legs=jnp.array([[1.0, 1.0], [-1.0, 2.0], [0.0, 0.0], [0.0, 0.0], [0.0, 0.0]]),
    credit_rate=jnp.array([0.5, 0.2]),
    price_move=jnp.array([*THIRDS, 2.0, -2.0]),
    volatility_move=jnp.array([1.0, -1.0] * 7 + [0.0, 0.0]),
    weight=jnp.array([1.0] * 14 + [0.35, 0.35]),
    delta_weight=jnp.array([0.27] * 2 + [0.217] * 4 + [0.11] * 4 + [0.037] * 4 + [0.0] * 2),
    horizon_days=jnp.array(1.0),
    maintenance_ratio=jnp.array(0.8),
)
VALUATION_POINTS = ValuationPoints(
    down=jnp.array([0.15, 0.2, 0.0, 0.01, 0.0]),
    up=jnp.array([0.12, 0.2, 0.0, 0.01, 0.0]),
    offset=jnp.array([0.5, 0.6, 0.0, 0.0, 0.0]),
    group=jnp.array([2.0, 2.0, 2.0, 7.0, 7.0]),
    minimum=jnp.array([300.0, 12.0, 0.0, 0.0, 0.0]),
    position=jnp.linspace(0.0, 1.0, 10),
    horizon_days=jnp.array(0.0),
    maintenance_ratio=jnp.array(0.7),
)
