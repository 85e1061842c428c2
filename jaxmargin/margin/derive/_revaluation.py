"""Values of an account's options, by expiry: today, in every scenario, and with another basis."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from jaxmargin.margin.derive._black import DAY_SECONDS, YEAR_SECONDS, option_value, root_years
from jaxmargin.margin.derive._inputs import (
    DeriveMarket,
    DeriveOptions,
    DeriveScenarios,
    ScenarioMode,
)
from jaxmargin.margin.derive._parameters import BasisMove, VolatilityMove

__all__ = ["basis_pnl", "expiry_values", "options_pnl", "volatility_factors"]

_REFERENCE_SECONDS = 30.0 * DAY_SECONDS


def expiry_values(
    market: DeriveMarket,
    options: DeriveOptions,
    volatility: Float[Array, " option"],
    discount: Float[Array, " expiry"],
    spot_multiplier: Float[Array, ""] | float = 1.0,
) -> Float[Array, " expiry"]:
    """Value of the options of each expiry, in USD, with the variable part of forwards moved."""
    forward = market.forward_variable * spot_multiplier + market.forward_fixed
    row = options.expiry
    value = option_value(
        options.sign,
        forward[row],
        options.strike,
        volatility * root_years(market.seconds)[row],
        discount[row],
    )
    return jax.ops.segment_sum(options.quantity * value, row, market.seconds.shape[0])


def volatility_factors(
    seconds: Float[Array, " expiry"], move: VolatilityMove
) -> tuple[Float[Array, " expiry"], Float[Array, " expiry"]]:
    """Factors of volatility of each expiry, up and down; down is not below zero."""
    power = jnp.where(seconds <= _REFERENCE_SECONDS, move.short_power, move.long_power)
    scale = (_REFERENCE_SECONDS / jnp.maximum(seconds, move.floor_days * DAY_SECONDS)) ** power
    return 1.0 + move.range_up * scale, jnp.maximum(1.0 - move.range_down * scale, 0.0)


def options_pnl(
    market: DeriveMarket,
    options: DeriveOptions,
    scenarios: DeriveScenarios,
    volatilities: Float[Array, "mode option"],
    discount: Float[Array, " expiry"],
    static_discount: Callable[[Float[Array, " expiry"]], Float[Array, " expiry"]],
) -> Float[Array, " scenario"]:
    """P&L of the options in every scenario, gain positive, not yet damped.

    In the modes linear and absolute each expiry counts as a loss, whichever way its value moved.

    Args:
        market: quotes.
        options: what is held.
        scenarios: the scenarios.
        volatilities: of each option in each `ScenarioMode` of the rule, in their order.
        discount: value today of one USD at each expiry.
        static_discount: factor of each expiry's value in a scenario, given that value.
    """
    mark = expiry_values(market, options, options.volatility, discount)

    def pnl(multiplier: Float[Array, ""], mode: Int[Array, ""]) -> Float[Array, ""]:
        value = expiry_values(market, options, volatilities[mode], discount, multiplier)
        change = value * static_discount(value) - mark
        return jnp.sum(jnp.where(mode >= ScenarioMode.LINEAR, -jnp.abs(change), change))

    return jax.vmap(pnl)(scenarios.spot_multiplier, scenarios.mode)


def basis_pnl(
    market: DeriveMarket,
    options: DeriveOptions,
    discount: Float[Array, " expiry"],
    move: BasisMove,
) -> Float[Array, ""]:
    """P&L of forwards that move against spot, not positive: each expiry's worse direction."""
    mark, up, down = (
        expiry_values(market, options, options.volatility, discount, multiplier)
        for multiplier in (1.0, move.up, move.down)
    )
    loss = jnp.minimum(jnp.minimum(up - mark, down - mark), 0.0)
    return jnp.sum(loss * (move.add + move.multiple * market.seconds / YEAR_SECONDS))
