"""Margin of options by Derive's Standard manager."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxmargin.margin.derive._charged import OptionLegs
from jaxmargin.margin.derive._contingencies import same_expiry
from jaxmargin.margin.derive._standard_parameters import StandardOptions

__all__ = ["bounded_margins", "isolated_margins"]


def isolated_margins(
    legs: OptionLegs,
    quantity: Float[Array, " option"],
    unit_value: Float[Array, " option"],
    spot: Float[Array, " option"],
    settings: StandardOptions,
) -> tuple[Float[Array, " option"], Float[Array, " option"]]:
    """Initial and maintenance margin of each row, every short option on its own; not positive.

    Args:
        legs: the contracts.
        quantity: of each contract, from `merge_contracts`.
        unit_value: mark of one option, in USD.
        spot: price of the coin of each row, in USD.
        settings: shares of spot and mark, of each row.
    """
    short = jnp.minimum(quantity, 0.0)
    mark, notional = short * unit_value, short * spot
    out_of_money = jnp.maximum(legs.sign * (legs.strike / spot - 1.0), 0.0)
    share = jnp.maximum(settings.minimum_spot, settings.maximum_spot - out_of_money)
    call_maintenance = mark + settings.maintenance_call * notional
    put_maintenance = mark + jnp.minimum(
        settings.maintenance_put * notional, settings.maintenance_put_mark * mark
    )
    initial = share * notional + mark
    put_initial = jnp.minimum(initial, put_maintenance * settings.put_offset)
    call = legs.sign > 0.0
    return (
        jnp.where(call, initial, put_initial),
        jnp.where(call, call_maintenance, put_maintenance),
    )


def bounded_margins(
    legs: OptionLegs,
    quantity: Float[Array, " option"],
    forward: Float[Array, " expiry"],
    settings: StandardOptions,
) -> tuple[Float[Array, " expiry"], Float[Array, " expiry"]]:
    """Most that each expiry can lose at settlement, for initial and maintenance; not positive.

    The payoff is lowest at a price of zero or at a strike, unless more calls are sold than bought:
    each unpaired one loses a multiple of the forward on top.

    Args:
        legs: the contracts.
        quantity: of each contract, from `merge_contracts`.
        forward: of each expiry, in USD.
        settings: multiples of each expiry.
    """
    rows, expiries = legs.expiry, forward.shape[0]
    # a row without position must not add a price beyond the strikes held
    price = jnp.where(quantity != 0.0, legs.strike, 0.0)
    payoff = jnp.maximum(legs.sign[None, :] * (price[:, None] - legs.strike[None, :]), 0.0)
    at_strikes = jnp.where(same_expiry(legs), payoff, 0.0) @ quantity
    put_value = jnp.maximum(-legs.sign, 0.0) * legs.strike
    at_zero = jax.ops.segment_sum(quantity * put_value, rows, expiries)
    lowest = jnp.minimum(jax.ops.segment_min(at_strikes, rows, expiries), at_zero)
    calls = jnp.where(legs.sign > 0.0, quantity, 0.0)
    unpaired = jnp.minimum(jax.ops.segment_sum(calls, rows, expiries), 0.0)
    loss, beyond = jnp.minimum(lowest, 0.0), unpaired * forward
    return (
        loss + settings.unpaired_initial * beyond,
        loss + settings.unpaired_maintenance * beyond,
    )
