"""An account's options in order, each contract once: sums over strikes without comparing all pairs.

An account that holds most of a book has thousands of slots; all pairs of them would not fit.
"""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from jaxmargin.margin.derive._charged import OptionLegs, sum_groups

__all__ = ["merge_legs", "naked_shorts", "running_sums", "starts"]


def merge_legs(
    legs: OptionLegs, unit_value: Float[Array, " option"] | None = None
) -> tuple[OptionLegs, Float[Array, " option"]]:
    """Legs by expiry, strike and sign, with the quantity of each contract on the last of its rows.

    The other rows of a contract have quantity zero.

    Args:
        legs: in any order.
        unit_value: mark of one option, which is put in the same order; None for zeros.
    """
    order = jnp.lexsort((legs.sign, legs.strike, legs.expiry))
    unit_value = jnp.zeros_like(legs.strike) if unit_value is None else unit_value[order]
    ordered: OptionLegs = jax.tree.map(lambda leaf: leaf[order], legs)
    new = starts(ordered.expiry, ordered.strike, ordered.sign)
    total = _on_last(running_sums(ordered.quantity[:, None], new), new)[:, 0]
    return OptionLegs(ordered.expiry, ordered.strike, ordered.sign, total), unit_value


def naked_shorts(legs: OptionLegs, expiries: int) -> Float[Array, " expiry"]:
    """Coins in short options that no option of the same expiry and strike offsets, by expiry.

    Where call and put of one strike have opposite signs, their sum counts if it is short;
    otherwise each one that is short counts.

    Args:
        legs: from `merge_legs`.
        expiries: how many there are.
    """
    call = legs.sign > 0.0
    pair = jnp.stack(
        [jnp.where(call, legs.quantity, 0.0), jnp.where(call, 0.0, legs.quantity)], axis=1
    )
    new = starts(legs.expiry, legs.strike)
    calls, puts = _on_last(running_sums(pair, new), new).T
    short = jnp.maximum(-calls, 0.0) + jnp.maximum(-puts, 0.0)
    naked = jnp.where(calls * puts < 0.0, jnp.maximum(-(calls + puts), 0.0), short)
    return sum_groups(naked, legs.expiry, expiries)


def starts(*keys: Array) -> Bool[Array, " option"]:
    """Whether a row differs from the one before it in any key."""
    new = jnp.zeros(keys[0].shape, bool).at[0].set(True)
    for key in keys:
        new = new | jnp.pad(key[1:] != key[:-1], (1, 0))
    return new


def running_sums(
    amount: Float[Array, "option column"], new: Bool[Array, " option"]
) -> Float[Array, "option column"]:
    """Sums from the start of each run to its row, itself included; runs begin where `new` is."""
    reached, shift = new, 1
    while shift < amount.shape[0]:  # each pass doubles the rows that a sum reaches back over
        before = jnp.pad(amount[:-shift], ((shift, 0), (0, 0)))
        amount = amount + jnp.where(reached[:, None], 0.0, before)
        reached = reached | jnp.pad(reached[:-shift], (shift, 0), constant_values=True)
        shift *= 2
    return amount


def _on_last(
    sums: Float[Array, "option column"], new: Bool[Array, " option"]
) -> Float[Array, "option column"]:
    """Sums of whole runs on their last rows, and zero on the others."""
    last = jnp.pad(new[1:], (0, 1), constant_values=True)
    return jnp.where(last[:, None], sums, 0.0)
