"""Margin of options by Derive's Standard manager."""

import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxmargin.margin.derive._charged import OptionLegs, sum_groups
from jaxmargin.margin.derive._sorted_legs import running_sums, starts
from jaxmargin.margin.derive._standard_parameters import StandardOptions

__all__ = ["bounded_margins", "isolated_margins"]


def isolated_margins(
    legs: OptionLegs,
    unit_value: Float[Array, " option"],
    spot: Float[Array, " option"],
    settings: StandardOptions,
) -> tuple[Float[Array, " option"], Float[Array, " option"]]:
    """Initial and maintenance margin of each row, every short option on its own; not positive.

    Args:
        legs: from `merge_legs`.
        unit_value: mark of one option, in USD.
        spot: price of the coin of each row, in USD.
        settings: shares of spot and mark, of each row.
    """
    short = jnp.minimum(legs.quantity, 0.0)
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
    forward: Float[Array, " expiry"],
    settings: StandardOptions,
) -> tuple[Float[Array, " expiry"], Float[Array, " expiry"]]:
    """Most that each expiry can lose at settlement, for initial and maintenance; not positive.

    The payoff is lowest at a price of zero or at a strike, unless more calls are sold than bought:
    each unpaired one loses a multiple of the forward on top.

    Args:
        legs: from `merge_legs`.
        forward: of each expiry, in USD.
        settings: multiples of each expiry.
    """
    rows, expiries = legs.expiry, forward.shape[0]
    # strikes against the forward, so that sums of single precision stay small
    distance, quantity = legs.strike - forward[rows], legs.quantity
    calls, puts = (jnp.where(legs.sign == side, quantity, 0.0) for side in (1.0, -1.0))
    columns = jnp.stack([calls, calls * distance, puts, puts * distance], axis=1)
    below = running_sums(columns, starts(rows))
    every = sum_groups(columns, rows, expiries)
    above = every[rows, 2:] - below[:, 2:]
    payoff = below[:, 0] * distance - below[:, 1] + above[:, 1] - above[:, 0] * distance
    at_zero = every[:, 3] + every[:, 2] * forward
    # a row without position must not add a price beyond the strikes held
    held = (jnp.arange(expiries)[:, None] == rows[None, :]) & (quantity != 0.0)[None, :]
    lowest = jnp.min(jnp.where(held, payoff[None, :], jnp.inf), axis=1)
    loss = jnp.minimum(jnp.minimum(lowest, at_zero), 0.0)
    beyond = jnp.minimum(every[:, 0], 0.0) * forward
    return (
        loss + settings.unpaired_initial * beyond,
        loss + settings.unpaired_maintenance * beyond,
    )
